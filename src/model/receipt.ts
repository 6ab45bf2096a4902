/** Evidence a caller keeps: a C2SP tlog-proof that the operation's record is in the log under a signed checkpoint. */
import type { Hash, Position } from './ids.ts'

export interface Receipt {
  /** Index of the operation record's leaf. */
  readonly index: Position
  /** The leaf's exact bytes, so that the receipt verifies offline. */
  readonly record: string
  /** C2SP tlog-proof text: header line, index, hashes, blank line, signed checkpoint; from level `witnessed` on with its cosignatures. */
  readonly proof: string
  /** At level `timestamped`: of the checkpoint in `proof`, its signatures included. */
  readonly timestamp?: Timestamp
}

/** What a time authority has said of one checkpoint. */
export interface Timestamp {
  /** Which form `token` has, e.g. `rfc3161`. */
  readonly kind: string
  /** Time that the authority names, ms since the epoch. */
  readonly timeMs: number
  /** The authority's token, base64. */
  readonly token: string
}

/** That the log's first `from` leaves are those that it had at that size (RFC 9162 §2.1.4), for whoever has kept an older checkpoint. */
export interface Consistency {
  readonly from: number
  /** Size of the checkpoint that it leads to. */
  readonly to: number
  /** What the log now says was the root of its first `from` leaves. Says otherwise than a checkpoint it has signed: proof against it. */
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/** The checkpoint that a receipt is under: a signed note, byte for byte. */
export const checkpointOf = (receipt: Receipt): string => receipt.proof.slice(receipt.proof.indexOf('\n\n') + 2)
