/** What the looks back say: the shapes that the command line prints, and its `--json` documents hold. Contract with the doors. */

export interface GivenVerdict {
  readonly verdict: 'admitted' | 'held' | 'denied' | 'out-of-scope' | 'none'
  readonly rules: readonly string[]
}

/** An admission that does not come out as it was recorded. */
export interface Disagreement {
  /** Null for what is not in the log: a denial or a read kept beside it, or the evidence as a whole. */
  readonly position: number | null
  readonly operation: string | null
  readonly actor: string | null
  readonly action: string | null
  readonly recorded: GivenVerdict | null
  /** Null when nothing could be evaluated. */
  readonly derived: GivenVerdict | null
  readonly why: string
}
export interface AdmissionsReport {
  /** Operations of the log that rest on an admission, or should. */
  readonly admissions: number
  readonly agreed: number
  /** The first of them, in order of the log; `disagreedCount` is of all. */
  readonly disagreed: readonly Disagreement[]
  readonly disagreedCount: number
  readonly records: number
  /** Denials and reads beside the log, evaluated again from their records; null where the evidence has none. */
  readonly beside: { readonly verdicts: number; readonly agreed: number } | null
  readonly notChecked: readonly string[]
}
