/** What the application's code answers, as the cell returns it. Untrusted until the engine has checked it against the manifest. */
import type { Position, StreamId, Version, Hash } from './ids.ts'
import type { Json, JsonObject } from './json.ts'

/** A bounded find on one read model. Equality only; order is the matching index's remaining columns, then entity id, then key. */
export interface FindQuery {
  readonly model: string
  readonly where: JsonObject
  /** Next index columns after `where`, ascending; picks the index. */
  readonly order: readonly string[]
  /** 1 to FIND_LIMIT_MAX. */
  readonly limit: number
  /** Continue behind this row (exclusive). */
  readonly after: RowKey | null
}
export const FIND_LIMIT_MAX = 1_000

export interface RowKey {
  readonly id: string
  readonly key: string
}
/** One read-model row: `id` is the entity id, `key` tells several rows of one entity apart (often ''). */
export interface Row extends RowKey {
  readonly row: JsonObject
  /** As it is stored, where `row` was opened (personal data): what digests are taken over. */
  readonly stored?: JsonObject
}
/** `row` null: the row is gone. */
export interface RowChange extends RowKey {
  readonly model: string
  readonly row: JsonObject | null
}

export interface NewEvent {
  readonly entity: string
  readonly id: string
  readonly type: string
  readonly data: Json
}
export interface NewState {
  readonly entity: string
  readonly id: string
  readonly state: Json
}
export interface NewEffect {
  readonly effect: string
  readonly payload: Json
  readonly pins: readonly { readonly fact: string; readonly hash: string }[]
}

export type CellDecision =
  | {
      readonly kind: 'accepted'
      readonly result: Json
      readonly facts: JsonObject | null
      readonly events: readonly NewEvent[]
      readonly effects: readonly NewEffect[]
      /** State of each written stream after its new events. */
      readonly states: readonly NewState[]
      readonly rows: readonly RowChange[]
    }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: JsonObject; readonly facts: JsonObject | null }

export type CellReading =
  | { readonly kind: 'answered'; readonly result: Json; readonly facts: JsonObject | null }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: JsonObject; readonly facts: JsonObject | null }

/** One stream as read: `hash` is its last leaf hash (hex), '' for version 0. */
export interface ReadEntry {
  readonly stream: StreamId
  readonly version: Version
  readonly hash: string
}
/** One find as answered: the digest covers the ids, keys and rows that came back, in order. */
export interface FindEntry {
  readonly query: FindQuery
  readonly digest: Hash
  readonly rows: readonly RowKey[]
}
/** All that a decision was served, at one log position. Recorded by the engine, never claimed by the cell. */
export interface ReadSet {
  readonly position: Position
  readonly streams: readonly ReadEntry[]
  readonly finds: readonly FindEntry[]
}
/** What a decision would do, known before it is committed. */
export interface Impact {
  readonly events: readonly string[]
  readonly streams: readonly StreamId[]
  readonly effects: readonly string[]
  readonly irreversible: boolean
}
export interface Usage {
  readonly cpuUs: number
  readonly wallUs: number
  readonly reads: number
  readonly outputBytes: number
}
