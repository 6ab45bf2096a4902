/** That a log is stopped, and by what: as it lies in the data directory, and as operators are shown it. */

/** `equivocation`: two signed heads that cannot both be true. `rollback`: a signed head larger than this log. `refusal`: the witness's word alone. */
export type StopKind = 'equivocation' | 'rollback' | 'refusal'

export interface StopMark {
  readonly v: 1
  readonly kind: StopKind
  /** As the policy calls it. */
  readonly witness: string
  readonly detail: string
  /** Path of the evidence file. */
  readonly evidence: string
  readonly stoppedAtMs: number
}
