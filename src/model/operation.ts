/** One intent from proposal to a terminal state, as a declared state machine. */
import type { ApprovalId, Hash, OperationId, Position, PrincipalId, ReleaseId, RunId } from './ids.ts'
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

/** The answer to an intent. Faults are thrown as `Problem`s instead. */
export type Outcome =
  | {
      readonly kind: 'committed'
      readonly operation: OperationId
      readonly position: Position
      readonly result: Json
      readonly events: readonly {
        readonly stream: string
        readonly version: number
        readonly type: string
        readonly position: Position
      }[]
      readonly receipt: Receipt
      readonly replayed: boolean
    }
  | {
      readonly kind: 'refused'
      readonly operation: OperationId
      readonly code: string
      readonly title: string
      readonly detail: JsonObject
      readonly replayed: boolean
    }
  | {
      readonly kind: 'denied'
      readonly operation: OperationId
      readonly rules: readonly string[]
      readonly replayed: boolean
    }
  | {
      readonly kind: 'held'
      readonly operation: OperationId
      readonly approval: ApprovalId
      readonly rules: readonly string[]
      readonly requires: readonly string[]
      readonly expiresAtMs: number
      readonly replayed: boolean
    }

/** Identity of the payload behind an idempotency key. */
export interface IntentIdentity {
  readonly principal: PrincipalId
  readonly release: ReleaseId
  readonly hash: Hash
}
