/** How the signing of the log is doing, as `self` shows it. */
import type { ProblemCode } from '../../model/problems.ts'

export interface SigningState {
  /**
   * `awaiting-signer`: commits are written and wait for their signature. `unconfirmed`: nothing is written until a witness has said what it cosigned
   * last; what was signed can be read. `refused`: nothing is written any more, an operator has to look.
   */
  readonly state: 'signing' | 'awaiting-signer' | 'unconfirmed' | 'refused'
  /** Public key that signs now. */
  readonly vkey: string
  /** Of this writer at the signer. */
  readonly epoch: number
  /** How the key is held: `file`, `ssh-agent`… */
  readonly backEnd: string
  /** Records under the latest checkpoint, and durable records that are not. */
  readonly signedSize: number
  readonly unsigned: number
  /** Since when it waits; null while it signs. */
  readonly sinceMs: number | null
  readonly lastError: { readonly code: ProblemCode; readonly detail: string } | null
}
