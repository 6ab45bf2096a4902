/** What an application answers, as the client returns it: one shape for each kind. What went wrong is thrown instead (client-problem.ts). */
import type { Level } from '../model/acknowledgement.ts'
import type { JsonObject } from '../model/json.ts'
import type { Receipt } from '../model/receipt.ts'

/** Done and durable, at the level that was asked for or higher. */
export interface Committed<Result> {
  readonly kind: 'committed'
  readonly result: Result
  readonly operation: string
  /** Index of the operation's record in the log, from 0. */
  readonly position: number
  readonly events: readonly {
    readonly stream: string
    /** Count of events in the stream with this one. */
    readonly version: number
    readonly type: string
    readonly position: number
  }[]
  /** Record, inclusion proof and signed checkpoint: `plinth receipt check` verifies it offline. */
  readonly receipt: Receipt
  /** Level that it stands at. */
  readonly level: Level
  /** Level that was asked for. */
  readonly asked: Level
  /** True when this key had been committed before. */
  readonly replayed: boolean
}
/** Committed, and not yet at the level that was asked for: the same call with the same key, or `outcome`, says how far it has come. */
export interface Awaiting<Result> extends Omit<Committed<Result>, 'kind'> {
  readonly kind: 'awaiting'
  /** Why not yet, in one line. */
  readonly obstacle: string
}
/** There when a level was asked for and the answer's record is in the log. */
interface RecordedAt {
  readonly level?: Level
  readonly asked?: Level
}
/** The application said no. Nothing was written. */
export interface Refused<Code extends string> extends RecordedAt {
  readonly kind: 'refused'
  /** As the action declares it; `not-found` is always there. */
  readonly code: Code
  readonly title: string
  readonly detail: JsonObject
  /** When its record is in the log. */
  readonly receipt?: Receipt
  readonly operation: string
}
/** Policy said no. Nothing was written. */
export interface Denied extends RecordedAt {
  readonly kind: 'denied'
  /** Ids of the policies that determined it; empty when none permitted it. */
  readonly rules: readonly string[]
  /** When its record is in the log. */
  readonly receipt?: Receipt
  readonly operation: string
}
/** Waits for somebody's approval: `outcome` tells what became of it. */
export interface Held extends RecordedAt {
  readonly kind: 'held'
  readonly approval: string
  /** When its record is in the log. */
  readonly receipt?: Receipt
  readonly operation: string
  readonly rules: readonly string[]
  /** Roles that may approve it. */
  readonly requires: readonly string[]
  /** Milliseconds since the epoch; then it ends by itself. */
  readonly expiresAtMs: number
}
/** A query's answer, as of one position of the log. */
export interface Answered<Result> {
  readonly kind: 'answered'
  readonly result: Result
  /** Position of the log that all of it was read at. */
  readonly asOf: number
  /** Signed checkpoint of the log that was read. */
  readonly checkpoint: string
  readonly operation: string
}
export type CommandAnswer<Result, Code extends string> =
  Committed<Result> | Awaiting<Result> | Refused<Code> | Denied | Held
export type QueryAnswer<Result, Code extends string> = Answered<Result> | Refused<Code> | Denied
