/** What the path hands to the committer thread, and what comes back. Plain data: it crosses a thread. */
import type { Hash, OperationId, Position, PrincipalId, ReleaseId, RunId, StreamId, Version } from '../../model/ids.ts'
import type { FindEntry, RowChange } from '../../model/decision.ts'
import type { JsonText } from '../../model/json.ts'
import type { ChainLink } from '../../model/principal.ts'
import type { Consistency, Receipt } from '../../model/receipt.ts'
import type { Levers, LeverRefusal } from './judge-levers.ts'
import type { Limit } from '../../policy/limits.ts'
import type { HistoryClaims } from '../history/claims.ts'
import type { CountedBody } from '../history/counted-operation.ts'
import type { LoadedCounters } from '../history/limit-counters.ts'
import type { SignerStanding } from '../../transparency-log/signer/log-signer.ts'
import type { SigningState } from './signing-state.ts'
import type { StreamKey } from '../../storage/storage.ts'

export interface CommitRequest {
  readonly operation: OperationId
  readonly intentHash: Hash
  /** Name of the command, or an engine action such as `plinth.hold`. */
  readonly action: string
  readonly chain: readonly ChainLink[]
  /** Owner chains of those whose approvals it rests on. */
  readonly approvers?: readonly ChainLink[]
  readonly actor: PrincipalId
  readonly onBehalfOf: PrincipalId | null
  readonly tenant: string
  readonly run: RunId | null
  readonly correlation: string | null
  readonly causation: string | null
  readonly release: ReleaseId | null
  /** Digest of the admission (`Authority`, canonical), '' when the engine acts by itself. */
  readonly gate: string
  /** Policy set that admitted it, for switches on one; left out when the engine acts by itself. */
  readonly policySet?: Hash
  /** State that the operation reaches with this record. */
  readonly state: 'committed' | 'held' | 'expired' | 'stopped' | 'denied' | 'refused'
  /** Serializable: every stream still at this version, every find still with this digest. */
  readonly streams: readonly { readonly stream: StreamId; readonly version: Version }[]
  readonly finds: readonly FindEntry[]
  readonly readPosition: Position
  /** What the admission rested on of history: compared with the counters in the commit. */
  readonly history?: HistoryClaims | null
  /** `version` is that of the event: 1 for a stream's first. */
  readonly events: readonly {
    readonly stream: StreamId
    readonly version: Version
    readonly type: string
    readonly data: JsonText
  }[]
  readonly rows: readonly RowChange[]
  readonly effects: readonly { readonly effect: string; readonly payload: JsonText }[]
  /** Whose personal data each written stream holds; only until it is sealed. */
  readonly subjects?: readonly { readonly stream: StreamId; readonly subject: string }[]
  /** Keys of data subjects that the events are sealed under. */
  readonly keys?: readonly StreamKey[]
  /** What limits look at of a payload that is sealed, as it was before; counted in the commit, never written. */
  readonly counted?: CountedBody
  /** Payload of the operation record: input, read set, authority, admission request, usage, outcome. One JSON object. */
  readonly payload: JsonText
}

export type CommitResult =
  | {
      readonly kind: 'committed'
      readonly position: Position
      readonly eventPositions: readonly Position[]
      readonly recordedAtMs: number
      readonly receipt: Receipt
      readonly heads: readonly { readonly stream: StreamId; readonly version: Version; readonly leaf: Hash }[]
    }
  /** Another commit changed what this one read: decide again. */
  | { readonly kind: 'moved'; readonly what: string }
  /** The operation is on record already, in a state that this commit may not follow. */
  | { readonly kind: 'known'; readonly position: Position; readonly intentHash: Hash }
  /** A principal of the chain has another epoch now. */
  | { readonly kind: 'revoked'; readonly principal: PrincipalId }
  | LeverRefusal

/** Group commit, and signing behind it, in a thread of its own (src/engine/committer/). */
export interface Committer {
  /**
   * Resolves when it is durable and under a signed checkpoint.
   * @throws `storage-unavailable`: outcome unknown, the same operation id makes a retry safe; `signer-unavailable`: written or not, but not signed
   * yet, a retry is as safe; `overloaded`: not written; `signer-refused` and its like: nothing is written any more
   */
  commit(request: CommitRequest): Promise<CommitResult>
  /** From here on, commits are checked against these epochs (negative: revoked) and levers. Resolves when it is in force. */
  adoptEpochs(snapshot: number, epochs: ReadonlyMap<PrincipalId, number>, levers?: Levers): Promise<void>
  /** From here on, commits are counted for these limits, and claims on them compared. Counts of the past are read from the log when they are new. */
  adoptLimits(limits: readonly Limit[]): Promise<readonly LoadedCounters[]>
  writeSide(
    records: readonly import('../../storage/storage.ts').SideRecord[],
    snapshots: readonly import('../../storage/storage.ts').Snapshot[],
  ): void
  declareReadModels(
    models: Readonly<Record<string, import('../../model/manifest.ts').ReadModelManifest>>,
  ): Promise<void>
  /** Receipt for a record already in the log, under the latest checkpoint; waits until there is one over it. @throws `invalid-position`, `signer-unavailable` */
  receipt(position: Position): Promise<Receipt>
  /** Latest signed checkpoint (C2SP signed note text). */
  checkpoint(): Promise<string>
  /** A checkpoint over more than this position: the newest one at hand, which costs no crossing of threads. */
  checkpointOver(position: Position): Promise<string>
  /** The newest that has come with an answer; '' before the first. Whoever was answered finds a checkpoint over that. */
  readonly newest: { readonly note: string; readonly size: number }
  /** Proof that the tree of `to` records begins with that of `from`. @throws `invalid-position` beyond the log */
  consistency(from: number, to: number): Promise<Consistency>
  /** How the signing is doing, as of its last change. */
  signing(): SigningState
  /** Records beside the log (refusals, denials, failures, reads) that are lost since the start: there was no room, or the disk refused. */
  readonly sideLost: number
  /** Where the signer stands: its keys, and a rotation that waits for its record. @throws `signer-unavailable` */
  signer(): Promise<SignerStanding>
  close(): Promise<void>
}
