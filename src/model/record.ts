/**
 * A record of the log: one line of I-JSON that names every attributed or filterable field; the payload is committed by hash.
 * The leaf is SHA-256(0x00 || line || '\n'). The line is composed once, by the committer, and never serialised again.
 */
import type { Hash, OperationId, PrincipalId, ReleaseId, RunId, StreamId, Version } from './ids.ts'
import type { ChainLink } from './principal.ts'
import type { OperationState } from './operation.ts'

export const RECORD_FORMAT = 1

export interface RecordCommon {
  readonly v: typeof RECORD_FORMAT
  /** Origin of the log. */
  readonly log: string
  readonly op: OperationId
  /** Place in its transaction: i of n records. */
  readonly tx: { readonly i: number; readonly n: number }
  /** `recordedAtMs`, stamped once for the commit. */
  readonly t: number
  readonly actor: PrincipalId
  readonly chain: readonly ChainLink[]
  readonly for: PrincipalId | null
  readonly tenant: string
  readonly run: RunId | null
  readonly corr: string | null
  readonly cause: string | null
  readonly release: ReleaseId | null
  /** Digest of the admission. */
  readonly gate: string
  /** SHA-256 of the payload bytes, and their length. */
  readonly payload: { readonly hash: Hash; readonly bytes: number }
}
export interface EventRecord extends RecordCommon {
  readonly kind: 'event'
  readonly stream: StreamId
  readonly n: Version
  /** Leaf hash of the stream's record before this one, '' for the first. */
  readonly prev: string
  readonly type: string
}
export interface OperationRecord extends RecordCommon {
  readonly kind: 'operation'
  readonly action: string
  readonly state: OperationState
  /** Effects in the outbox of this commit: name and payload hash. */
  readonly effects: readonly { readonly effect: string; readonly hash: Hash }[]
}
export type LogRecord = EventRecord | OperationRecord
