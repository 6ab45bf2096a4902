/**
 * The storage port: what the engine needs of a store, in its own words. SQLite is the adapter; whatever stands beside it is held to
 * the same suite (test/conformance/storage.ts).
 * The committer (src/engine/committer/) decides what is written, in order and already hashed; an adapter makes it durable, all or none.
 *
 * Invariants that tests cite:
 * S1 `write` resolves only when every row of the batch is durable against power loss; when it rejects, none is visible.
 * S2 readers see whole batches, in order; a reader that asks `at` a position sees exactly the records up to it.
 * S3 rows of the log are inserted, never updated or deleted.
 * S4 what a reader gives is what was written: an edited row is `storage-damaged` when it is used, unless it can be derived again.
 */
import type { Hash, OperationId, Position, PrincipalId, StreamId, Version } from '../model/ids.ts'
import type { FindQuery, Row, RowChange } from '../model/decision.ts'
import type { JsonText } from '../model/json.ts'
import type { ReadModelManifest } from '../model/manifest.ts'

/** One record of the log: `line` is the exact hashed bytes without the final newline; `payload` is what its hash member commits to. */
export interface StoredRecord {
  readonly position: Position
  readonly line: string
  readonly payload: JsonText | null
}
/** With its leaf hash as it is stored beside the line, hex. */
export interface StoredLeaf extends StoredRecord {
  readonly leaf: Hash
}
/** One event of a stream, as loaded for folding. */
export interface StoredEvent {
  readonly position: Position
  readonly version: Version
  readonly type: string
  readonly data: JsonText
  /** What the hash of the line commits to, where `data` was opened (personal data): otherwise `data` itself. */
  readonly stored?: JsonText
  /** The record's line, for verifying and for who did it. */
  readonly line: string
  /** Leaf hash, hex. Verified against `line` and `payload` by the adapter's caller on read. */
  readonly leaf: Hash
}
export interface StreamHead {
  readonly version: Version
  /** Position of its last event, -1 for a stream that is not there. */
  readonly position: Position
  /** Hex leaf hash of its last event, '' for a stream that is not there. */
  readonly leaf: string
}
export interface LogHead {
  /** Position of the last record, -1 when empty. */
  readonly position: Position
  readonly treeSize: number
  readonly rootHash: Hash
  readonly recordedAtMs: number
}
export interface StoredOperation {
  readonly operation: OperationId
  readonly intentHash: Hash
  /** Position of the operation's record. */
  readonly position: Position
}
export interface Snapshot {
  readonly stream: StreamId
  readonly version: Version
  readonly position: Position
  readonly leaf: Hash
  readonly state: JsonText
  readonly release: string
}

/** Reads. Every method sees only committed batches. `at` is inclusive; omitted means the head. */
export interface StorageReader {
  /** How another thread opens a reader of its own on the same data: a module's URL, what it exports, and its argument. */
  readonly elsewhere?: { readonly module: string; readonly open: string; readonly argument: string }
  /** The same data with payloads as they are stored and hashed, where this reader opens sealed ones. */
  readonly stored?: StorageReader
  head(): LogHead
  /** Greatest position recorded at or before this time; -1 when there is none. */
  positionAt(timeMs: number): Position
  streamHead(stream: StreamId, at?: Position): StreamHead
  /** Events with `fromVersion < version`, ascending, at most `limit`. */
  events(stream: StreamId, fromVersion: Version, at: Position, limit: number): readonly StoredEvent[]
  /** Streams of one entity in id order, after `afterId`, that exist `at`. */
  streams(entity: string, afterId: string | null, at: Position, limit: number): readonly StreamId[]
  snapshot(stream: StreamId, at: Position): Snapshot | null
  operation(operation: OperationId): StoredOperation | null
  /** Digests (operation-digest.ts) of the operations on record, ascending, greater than `after`, at most `limit`. */
  operationDigests(after: number, limit: number): readonly number[]
  record(position: Position): StoredRecord | null
  /** Records from a position on, ascending. For verifying, exporting, rebuilding. */
  records(from: Position, limit: number): readonly StoredLeaf[]
  /** Domain events of an entity across streams in log order, for rebuilding: position > after. */
  find(query: FindQuery, at?: Position): readonly Row[]
  /** Hex leaf hashes [from, to). */
  leafHashes(from: number, to: number): readonly Hash[]
  tile(level: number, index: number): Uint8Array | null
  effects(
    after: Position,
    limit: number,
  ): readonly {
    readonly position: Position
    readonly ordinal: number
    readonly effect: string
    readonly payload: JsonText
  }[]
  /** Effects in the outbox. */
  effectCount(): number
  meta(name: string): string | null
  /** The same store, giving what there is without judging it. */
  forAudit(): StorageReader
  /** As `records`, with what is wrong with how they are stored. Stretches side by side count each commit once: where it begins. */
  auditRecords(from: Position, limit: number): StretchAudit
  /** What the store can say about itself beside its records: reads all of it. Indexes are added up to this position: more may be committed meanwhile. */
  audit(at: Position): StoreAudit
  close(): void
}

export interface StretchAudit {
  readonly records: readonly StoredLeaf[]
  readonly commits: number
  readonly faults: readonly { readonly position: number; readonly what: string }[]
}
/** Indexes as sums over their entries (src/model/multiset-hash.ts, event-runs.ts): one that follows from the log has the sum that the log gives. */
export interface StoreAudit {
  readonly events: { readonly count: number; readonly sum: string }
  readonly streams: { readonly count: number; readonly sum: string }
  readonly operations: { readonly count: number; readonly sum: string }
  /** Commits there are, readable or not. */
  readonly commits: number
  /** Full tiles by level. */
  readonly tiles: readonly number[]
  /** Rows that were edited, removed, added or brought back; the first of each table. */
  readonly faults: readonly string[]
}

/** One operation's worth of rows in a batch; positions already assigned. */
export interface PreparedCommit {
  readonly operation: OperationId
  readonly intentHash: Hash
  readonly recordedAtMs: number
  readonly first: Position
  /** In position order; the operation's own record is the last. */
  readonly records: readonly { readonly line: string; readonly payload: JsonText | null; readonly leaf: Hash }[]
  readonly events: readonly {
    readonly stream: StreamId
    readonly version: Version
    readonly type: string
    readonly position: Position
  }[]
  readonly rows: readonly (RowChange & { readonly position: Position })[]
  readonly effects: readonly {
    readonly position: Position
    readonly ordinal: number
    readonly effect: string
    readonly payload: JsonText
  }[]
  /** Keys of data subjects that events of this commit are sealed under, by stream. */
  readonly keys?: readonly StreamKey[]
}
export interface StreamKey {
  readonly kid: string
  readonly stream: StreamId
}
/** All that is derived of one stream, anew: after an erasure. */
export interface DerivedStream {
  readonly stream: StreamId
  /** Every version of every row of the read models over this entity. */
  readonly models: readonly string[]
  readonly rows: readonly (RowChange & { readonly since: Position; readonly until: Position | null })[]
  /** Destroyed keys that nothing derived of the stream rests on any more. */
  readonly kids: readonly string[]
}
/** Which streams hold personal data under which keys. */
export interface StreamKeyReader {
  streamKeys(stream: StreamId): readonly string[]
  /** @param pending only those whose derived data may still rest on the key */
  keyStreams(kid: string, pending: boolean): readonly StreamId[]
}
export interface PreparedBatch {
  readonly commits: readonly PreparedCommit[]
  readonly tiles: readonly { readonly level: number; readonly index: number; readonly hashes: Uint8Array }[]
  readonly head: LogHead
}

/** A bounded record of what was refused, denied or only read: apart from the log, ring-limited by count. */
export interface SideRecord {
  readonly operation: OperationId | null
  readonly kind: 'refused' | 'denied' | 'failed' | 'read'
  readonly principal: PrincipalId
  readonly action: string
  readonly recordedAtMs: number
  readonly body: JsonText
}

/** Writes. One writer at a time holds the data directory. */
export interface StorageWriter {
  readonly reader: StorageReader
  write(batch: PreparedBatch): void | Promise<void>
  /** Bounded side records and snapshots: durable at the next `write` or sooner; may be lost by a crash before. */
  writeSide(records: readonly SideRecord[], snapshots: readonly Snapshot[]): void | Promise<void>
  /** Declares the read models' tables and indexes; called at start and when a release changes. */
  declareReadModels(models: Readonly<Record<string, ReadModelManifest>>): void | Promise<void>
  /** Replaces what is derived of a stream, and drops its snapshots; durable when it resolves. */
  replaceDerived(derived: DerivedStream): void | Promise<void>
  /** Durable at the next `write` or sooner. */
  setMeta(name: string, value: string): void | Promise<void>
  close(): void | Promise<void>
}

/** Side records, newest first. */
export interface SideReader {
  sideRecords(
    filter: { readonly kind?: SideRecord['kind']; readonly principal?: PrincipalId; readonly operation?: OperationId },
    before: number | null,
    limit: number,
  ): readonly (SideRecord & { readonly id: number })[]
}
/** Named bounds, with unit and reason. */
export const SIDE_RECORDS_MAX = 20_000 // rows kept of each kind; older ones are dropped, so a flood cannot fill the disk
export const SIDE_BODY_BYTES_MAX = 8_192
export const RECORD_LINE_BYTES_MAX = 8_192 // C2SP tlog-tiles entries end at 65,535; ours stay far below
