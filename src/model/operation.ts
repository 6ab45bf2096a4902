/** One intent from proposal to a terminal state, as a declared state machine. */
import type { Level } from './acknowledgement.ts'
import type { ApprovalId, OperationId, Position, RunId } from './ids.ts'
import type { JsonObject, Json } from './json.ts'
import type { Receipt } from './receipt.ts'

export type OperationState = 'proposed' | 'held' | 'committed' | 'refused' | 'denied' | 'failed' | 'expired' | 'stopped'

/** Any transition not listed here is rejected. */
export const OPERATION_TRANSITIONS = {
  proposed: ['held', 'committed', 'refused', 'denied', 'failed', 'stopped'],
  held: ['committed', 'refused', 'denied', 'failed', 'expired', 'stopped'],
  committed: [],
  refused: [],
  denied: [],
  failed: [],
  expired: [],
  stopped: [],
} as const satisfies Record<OperationState, readonly OperationState[]>

export const mayBecome = (from: OperationState, to: OperationState): boolean =>
  (OPERATION_TRANSITIONS[from] as readonly OperationState[]).includes(to)

/** What a caller asks. The key makes a retry the same operation. */
export interface Intent {
  readonly command: string
  readonly input: Json
  readonly idempotencyKey: string
  readonly run: RunId | null
  readonly correlation: string | null
  readonly causation: string | null
  /** Level that the caller asks for; what the application declares may be higher. Does not make it another intent. */
  readonly acknowledge?: Level
}

export interface Timings {
  /** Microseconds by phase, in path order. */
  readonly authenticateUs: number
  readonly beginUs: number
  readonly decideUs: number
  readonly admitUs: number
  readonly commitUs: number
  readonly totalUs: number
}

/** What is true of an operation once it is in the log. */
export interface Landed {
  readonly operation: OperationId
  readonly position: Position
  readonly result: Json
  readonly events: readonly {
    readonly stream: string
    readonly version: number
    readonly type: string
    readonly position: Position
  }[]
  /** Under the checkpoint that stands for `level`. */
  readonly receipt: Receipt
  /** Level that it stands at. */
  readonly level: Level
  /** Level that was asked for: by the caller, or by what the application declares. */
  readonly asked: Level
  readonly replayed: boolean
}

/** Of an answer whose record is in the log though nothing is committed: there when the caller asked for a level. It may be below what was asked. */
export interface RecordedLevel {
  readonly level?: Level
  readonly asked?: Level
}

/** The answer to an intent. Faults are thrown as `Problem`s instead. */
export type Outcome =
  /** It stands at the level that was asked for, or higher. */
  | (Landed & { readonly kind: 'committed' })
  /** It is committed, and does not stand at the level that was asked for yet. The same key gets the level that it has reached by then. */
  | (Landed & {
      readonly kind: 'awaiting'
      /** Why it does not, in one line. */
      readonly obstacle: string
    })
  | ({
      readonly kind: 'refused'
      readonly operation: OperationId
      readonly code: string
      readonly title: string
      readonly detail: JsonObject
      /** When its record is in the log: it had been held. Otherwise it is a side record, and nothing proves it. */
      readonly receipt?: Receipt
      readonly replayed: boolean
    } & RecordedLevel)
  | ({
      readonly kind: 'denied'
      readonly operation: OperationId
      readonly rules: readonly string[]
      /** As for `refused`. */
      readonly receipt?: Receipt
      readonly replayed: boolean
    } & RecordedLevel)
  | ({
      readonly kind: 'held'
      readonly operation: OperationId
      readonly approval: ApprovalId
      readonly rules: readonly string[]
      readonly requires: readonly string[]
      readonly expiresAtMs: number
      /** Of the record that holds it. */
      readonly receipt?: Receipt
      readonly replayed: boolean
    } & RecordedLevel)
