/**
 * The request for approval of a held operation: an engine stream whose state is what an approver is shown, and one row of the engine's own
 * read model, so that what is open is found again after a restart.
 */
import { APPROVAL, approvalStream } from './engine-streams.ts'
import type { Accepted } from './decide.ts'
import type { ApprovalView } from './engine.ts'
import type { Proposal, Resumed } from './proposal.ts'
import type { RowChange } from '../model/decision.ts'
import { sha256Hex, type ApprovalId, type Hash, type StreamId } from '../model/ids.ts'
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
  readonly approvedBy: readonly { readonly by: string; readonly role: string }[]
}

export const readApprovalState = (state: JsonText): ApprovalState => JSON.parse(state) as ApprovalState

/** What an approver's signature stands for: the exact arguments and everything they would lead to. */
export function bindingOf(proposal: Proposal, decision: Accepted): Hash {
  const { command, run } = proposal.intent
  return sha256Hex(
    canonicalJson({
      actor: proposal.principal.id,
      onBehalfOf: proposal.principal.onBehalfOf,
      command,
      run,
      input: proposal.input,
      facts: decision.facts,
      impact: decision.impact,
      effects: decision.effects,
    }),
  )
}

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

/** One more event on an approval stream: what a commit needs to write it. */
export interface ApprovalStep {
  readonly stream: StreamId
  readonly version: number
  readonly event: {
    readonly stream: StreamId
    readonly version: number
    readonly type: string
    readonly data: JsonText
  }
  readonly row: RowChange
  readonly state: JsonText
}

export function approvalStep(
  approval: ApprovalId,
  version: number,
  state: JsonObject,
  type: string,
  change: JsonObject,
): ApprovalStep {
  const stream = approvalStream(approval)
  const next = { ...state, ...change }
  return {
    stream,
    version,
    event: { stream, version: version + 1, type, data: canonicalJson(change) },
    row: approvalRow(approval, next as unknown as ApprovalState),
    state: canonicalJson(next),
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
  heldAtMs: state.heldAtMs,
  expiresAtMs: state.expiresAtMs,
  decidedBy: state.decidedBy,
})
