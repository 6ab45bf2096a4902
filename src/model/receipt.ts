/** Evidence a caller keeps: a C2SP tlog-proof that the operation's record is in the log under a signed checkpoint. */
import type { Position } from './ids.ts'

export interface Receipt {
  /** Index of the operation record's leaf. */
  readonly index: Position
  /** The leaf's exact bytes, so that the receipt verifies offline. */
  readonly record: string
  /** C2SP tlog-proof text: header line, index, hashes, blank line, signed checkpoint. */
  readonly proof: string
}
