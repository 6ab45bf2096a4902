/**
 * The sandbox as the engine sees it: application code runs in cells, never here. A cell is a jailed process; a lane keeps one release apart
 * from another. Nothing that a cell answers is believed: the engine checks it against the manifest.
 *
 * Invariants that tests cite:
 * X1 no application code runs in the caller's process.
 * X2 each execution starts from a module instance that no other execution has touched; intrinsics are frozen.
 * X3 a cell that runs away, crashes, floods or lies is killed; calls of others that it held are run again elsewhere.
 */
import type { CellDecision, CellReading, FindQuery, Row, RowChange, Usage } from '../model/decision.ts'
import type { ReleaseId } from '../model/ids.ts'
import type { Json, JsonObject, JsonText } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'

/** Serves the reads of one execution, all at one log position. Called in the engine; what it serves is the read set. */
export interface ReadPort {
  /** `state` null: the stream is not there (or version 0 and the entity has an initial state: the cell supplies it). */
  get(entity: string, id: string): Promise<{ readonly version: number; readonly state: JsonText | null }>
  find(query: FindQuery): Promise<readonly Row[]>
}

export interface Call {
  readonly release: ReleaseId
  /** Command or query name. */
  readonly name: string
  readonly input: JsonText
  readonly nowMs: number
  /** Seeds `tx.newId` and Math.random; the operation id. */
  readonly seed: string
  /** Who asks, as the code may see it (`tx.principal`). */
  readonly principal: { readonly id: string; readonly kind: string; readonly onBehalfOf: string | null }
  /** Facts attested for the run (`tx.attested`). */
  readonly attested: JsonObject
  /** States already at hand: sent along, so that the first reads need no round trip. They count as read. */
  readonly prefetched: readonly {
    readonly entity: string
    readonly id: string
    readonly version: number
    readonly state: JsonText | null
  }[]
}

export type CellFailure = {
  readonly kind: 'failed'
  readonly code: 'limit-exceeded' | 'application-failed' | 'sandbox-unavailable' | 'cancelled'
  /** For limit-exceeded: cpu_time, wall_time, memory, output_size, read_count, result_depth. */
  readonly limit?: string
  readonly observed?: string
  readonly detail: string
}
export type CellAnswer<T> = (T & { readonly usage: Usage }) | (CellFailure & { readonly usage: Usage })

export interface FoldRequest {
  readonly entity: string
  readonly id: string
  /** State to start from, null for the beginning. */
  readonly state: JsonText | null
  readonly events: readonly { readonly type: string; readonly data: JsonText }[]
}

export interface Sandbox {
  /** @throws `release-invalid` when the bundle does not evaluate. */
  load(release: ReleaseId, bundle: string): Promise<void>
  unload(release: ReleaseId): Promise<void>
  decide(call: Call, reads: ReadPort, signal: AbortSignal): Promise<CellAnswer<CellDecision>>
  read(call: Call, reads: ReadPort, signal: AbortSignal): Promise<CellAnswer<CellReading>>
  /** Folds several streams in one call (bounded by bytes by the caller); rows: all rows of the final state, for every read model of the entity. */
  fold(
    release: ReleaseId,
    requests: readonly FoldRequest[],
    withRows: boolean,
    signal: AbortSignal,
  ): Promise<
    CellAnswer<{
      readonly kind: 'folded'
      readonly folded: readonly { readonly state: JsonText | null; readonly rows: readonly RowChange[] }[]
    }>
  >
  /** Maps outside records to opening events, with state and rows after them. */
  mapRecords(
    release: ReleaseId,
    importer: string,
    records: readonly Json[],
    firstOrdinal: number,
    signal: AbortSignal,
  ): Promise<
    CellAnswer<{
      readonly kind: 'mapped'
      readonly mapped: readonly {
        readonly id: string
        readonly data: Json
        readonly state: Json
        readonly rows: readonly RowChange[]
      }[]
    }>
  >
  /** Runs the describing bundle (with real schemas) and returns what it declares. */
  describe(bundle: string): Promise<Manifest>
  status(): SandboxStatus
  close(): Promise<void>
}

export interface SandboxStatus {
  /** What was probed at start, not assumed. */
  readonly level: 'L3' | 'L2' | 'L1'
  readonly jail: string
  readonly probes: Readonly<Record<string, 'denied' | 'allowed' | 'unknown'>>
  readonly howToRaise: string | null
  readonly limits: Readonly<Record<string, number>>
  readonly cells: readonly {
    readonly pid: number
    readonly state: 'ready' | 'busy' | 'starting' | 'dead'
    readonly rssBytes: number
  }[]
  readonly counters: Readonly<Record<string, number>>
}
