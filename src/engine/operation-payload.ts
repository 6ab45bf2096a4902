/**
 * What is recorded of an operation beside the attributed fields of its line: enough for the questions that `plinth why` answers and to evaluate the
 * admission again. Plain JSON; the line commits to its hash.
 */
import { asking } from './acknowledgement/at-level.ts'
import type { Proposal } from './proposal.ts'
import type { Accepted, Ground } from './decide.ts'
import type { RecordedHistory } from './history/claims.ts'
import type { Admission, AdmissionRequest, Authority } from '../model/admission.ts'
import type { ReadSet, Usage } from '../model/decision.ts'
import type { Level } from '../model/acknowledgement.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { ApprovalId, Hash, PrincipalId, ReleaseId, RunId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import type { ChainLink } from '../model/principal.ts'

export interface OperationPayload {
  readonly command: string
  readonly input: Json
  readonly intentHash: Hash
  readonly principal: { readonly kind: string; readonly roles: readonly string[] }
  readonly reads: ReadSet | null
  readonly facts: JsonObject | null
  readonly attested: JsonObject
  readonly impact: JsonObject | null
  readonly authority: Authority | null
  readonly request: AdmissionRequest | null
  /** What the admission rested on of history; null when no limit had a part in it. */
  readonly history?: RecordedHistory | null
  readonly usage: Usage | null
  readonly attempts: number
  /** Level that the caller asked for, when it did. */
  readonly acknowledge?: Level
  /** Set while held, and on the record that ends a hold. */
  readonly hold: {
    readonly approval: ApprovalId
    readonly binds: Hash
    readonly requires: readonly string[]
    readonly expiresAtMs: number
  } | null
  /** The answer, less what the log itself says (positions, receipt). */
  readonly outcome: StoredOutcome
  /** Of one that is recorded beside the log: what a line of the log would have named. */
  readonly who?: {
    readonly for: PrincipalId | null
    readonly run: RunId | null
    readonly chain: readonly ChainLink[]
    readonly release: ReleaseId
  }
}

export type StoredOutcome =
  | { readonly kind: 'committed'; readonly result: Json }
  | Omit<Extract<Outcome, { kind: 'refused' }>, 'operation' | 'replayed'>
  | Omit<Extract<Outcome, { kind: 'denied' }>, 'operation' | 'replayed'>
  | Omit<Extract<Outcome, { kind: 'held' }>, 'operation' | 'replayed'>

/** What was asked for, as far as it goes on record. */
type RecordedCall = Pick<Proposal, 'input' | 'intentHash' | 'principal'> & {
  readonly intent: Pick<Proposal['intent'], 'command' | 'acknowledge'>
}

/** Of what a cell has answered. */
export function payloadOf(
  proposal: RecordedCall,
  ground: Pick<Ground, 'session' | 'facts' | 'attested' | 'usage'>,
  rest: {
    readonly admission: Admission | null
    readonly history?: RecordedHistory | null
    readonly impact: Accepted['impact'] | null
    readonly attempts: number
    readonly outcome: StoredOutcome
    readonly hold?: OperationPayload['hold']
  },
): OperationPayload {
  return {
    command: proposal.intent.command,
    input: proposal.input,
    intentHash: proposal.intentHash,
    principal: { kind: proposal.principal.kind, roles: proposal.principal.roles },
    reads: ground.session.readSet(),
    facts: ground.facts,
    attested: ground.attested,
    impact: rest.impact === null ? null : { ...rest.impact },
    authority: rest.admission?.authority ?? null,
    request: rest.admission?.request ?? null,
    ...(rest.history === undefined || rest.history === null ? {} : { history: rest.history }),
    usage: ground.usage,
    attempts: rest.attempts,
    ...asking(proposal.intent.acknowledge ?? null),
    hold: rest.hold ?? null,
    outcome: rest.outcome,
  }
}

/** Of what no cell was asked, or none has answered: an action of the engine's own, a read of records, a failure. */
export function payloadUndecided(
  { intent, input, intentHash, principal }: RecordedCall,
  admission: Admission | null,
  outcome: StoredOutcome,
): OperationPayload {
  return {
    command: intent.command,
    input,
    intentHash,
    principal: { kind: principal.kind, roles: principal.roles },
    reads: null,
    facts: null,
    attested: {},
    impact: null,
    authority: admission?.authority ?? null,
    request: admission?.request ?? null,
    usage: null,
    attempts: 1,
    ...asking(intent.acknowledge ?? null),
    hold: null,
    outcome,
  }
}
