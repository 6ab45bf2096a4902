/**
 * The request for approval of a held operation: an engine stream whose state is what an approver is shown, and one row of the engine's own
 * read model, so that what is open is found again after a restart.
 */
import { engineStep, type EngineStep } from './engine-plan.ts'
import { APPROVAL, approvalStream } from './engine-streams.ts'
import type { ApprovalView } from './engine.ts'
import type { Approval, Resumed } from './proposal.ts'
import type { RowChange } from '../model/decision.ts'
import type { ApprovalId } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonObject, type JsonText } from '../model/json.ts'
import type { ReadModelManifest } from '../model/manifest.ts'
import type { Intent } from '../model/operation.ts'

export const APPROVALS_MODEL = 'plinth.approvals'

/** Declared beside the application's read models. `open` while the operation behind it has not reached a terminal state. */
export const ENGINE_READ_MODELS: Readonly<Record<string, ReadModelManifest>> = {
  [APPROVALS_MODEL]: {
    describe: 'requests for approval',
    of: APPROVAL,
    row: {
      type: 'object',
      properties: {
        state: { type: 'string' },
        open: { type: 'boolean' },
        actor: { type: 'string' },
        heldAtMs: { type: 'integer' },
        expiresAtMs: { type: 'integer' },
      },
      required: ['state', 'open', 'actor', 'heldAtMs', 'expiresAtMs'],
      additionalProperties: false,
    },
    indexes: [['open', 'state', 'expiresAtMs'], ['open', 'actor'], ['state', 'heldAtMs'], ['heldAtMs']],
  },
}

/** State of an approval stream. */
export interface ApprovalState extends ApprovalView {
  readonly open: boolean
  readonly intent: Intent
  readonly approvedBy: readonly Pick<Approval, 'by' | 'role' | 'chain'>[]
  /**
   * What those who decided had before their eyes: the bytes, the hash that they signed, and whether this request renders to them. Null for a decision
   * that names none, and bytes also where the application holds personal data.
   */
  readonly shown?: readonly {
    readonly by: string
    readonly hash: string | null
    readonly card: string | null
    readonly isRendered: boolean
  }[]
}

export const readApprovalState = (state: JsonText): ApprovalState => JSON.parse(state) as ApprovalState

export const approvalRow = (
  approval: ApprovalId,
  state: Pick<ApprovalState, 'state' | 'open' | 'actor' | 'heldAtMs' | 'expiresAtMs'>,
): RowChange => ({
  model: APPROVALS_MODEL,
  id: approval,
  key: '',
  row: {
    state: state.state,
    open: state.open,
    actor: state.actor,
    heldAtMs: state.heldAtMs,
    expiresAtMs: state.expiresAtMs,
  },
})

/** One more event on an approval stream, with the row after it. */
export interface ApprovalStep extends EngineStep {
  readonly row: RowChange
}

export function approvalStep(
  approval: ApprovalId,
  version: number,
  state: JsonObject,
  type: string,
  change: JsonObject,
): ApprovalStep {
  const next = { ...state, ...change }
  return {
    ...engineStep(approvalStream(approval), { version, state: canonicalJson(state) }, type, change),
    row: approvalRow(approval, next as unknown as ApprovalState),
  }
}

/** The step that goes with the record that ends a resumed operation. */
export const closingStep = ({ approval, version, state }: Resumed, outcome: string): ApprovalStep =>
  approvalStep(approval, version, state, 'closed', {
    open: false,
    outcome,
    ...(state['state'] === 'pending' ? { state: outcome === 'expired' ? 'expired' : 'refused' } : {}),
  })

export const viewOf = (state: ApprovalState): ApprovalView => ({
  approval: state.approval,
  operation: state.operation,
  state: state.state,
  action: state.action,
  input: state.input as Json,
  actor: state.actor,
  onBehalfOf: state.onBehalfOf,
  run: state.run,
  rules: state.rules,
  requires: state.requires,
  impact: state.impact,
  binds: state.binds,
  ...(state.bound === undefined ? {} : { bound: state.bound }),
  ...(state.change === undefined ? {} : { change: state.change }),
  heldAtMs: state.heldAtMs,
  expiresAtMs: state.expiresAtMs,
  decidedBy: state.decidedBy,
})
