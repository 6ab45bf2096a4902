/** Parks an operation that policy lets a person decide: durably, bound to exact arguments and impact. And ends one that was parked. */
import { approvalRow, approvalStep, closingStep, type ApprovalState } from './approval-request.ts'
import { bindsOf, boundBy, type RestsOn } from './approval-binding.ts'
import { envelopeOf } from './commit.ts'
import type { CommitRequest } from './committer/commit-request.ts'
import type { Accepted, Ground } from './decide.ts'
import { handIn } from './hand-in.ts'
import { notifications } from './notifications.ts'
import { payloadOf, type OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { historyOf, type AdmissionOnHistory } from './admit.ts'
import { shownChange } from './shown-change.ts'
import type { Admission } from '../model/admission.ts'
import { approvalId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import { problem } from '../model/problems.ts'

/** @throws `too-many-held` */
export async function hold(
  parts: Parts,
  proposal: Proposal,
  decision: Accepted,
  { admission, read }: AdmissionOnHistory<'held'>,
  attempts: number,
): Promise<Outcome> {
  if (proposal.resumed !== null) return askAnew(parts, proposal, decision, attempts, ['policy'])
  const { principal, intent, operation } = proposal
  const approval = approvalId(operation, 1)
  const heldAtMs = parts.clock.nowMs()
  const bound = boundBy(parts, proposal, decision)
  const { rules } = admission.authority
  const { requires } = admission
  const state: ApprovalState = {
    approval,
    operation,
    state: 'pending',
    open: true,
    action: intent.command,
    input: proposal.input,
    actor: principal.id,
    onBehalfOf: principal.onBehalfOf,
    run: intent.run,
    rules,
    requires,
    impact: {
      ...decision.impact,
      facts: decision.facts,
      effects: decision.effects.map(({ effect, payload }) => ({ effect, payload })),
    },
    binds: bindsOf(bound),
    bound,
    change: shownChange(parts, proposal, decision),
    heldAtMs,
    expiresAtMs: heldAtMs + admission.forMs,
    decidedBy: null,
    intent,
    approvedBy: [],
  }
  const step = approvalStep(approval, 0, {}, 'requested', state as unknown as JsonObject)
  const outcome = { kind: 'held', approval, rules, requires, expiresAtMs: state.expiresAtMs } as const
  const payload = payloadOf(proposal, decision, {
    admission,
    history: historyOf(read),
    impact: decision.impact,
    attempts,
    outcome,
    hold: { approval, binds: state.binds, requires, expiresAtMs: state.expiresAtMs },
  })
  const request = {
    ...recordOnly(parts, proposal, admission),
    state: 'held',
    streams: [{ stream: step.stream, version: 0 }],
    events: [step.event],
    rows: [approvalRow(approval, state)],
    effects: notifications(proposal, admission),
    payload: JSON.stringify(payload),
  } as const
  const after = new Map([[step.stream, step.state]])
  const versions = new Map([[step.stream, 1]])
  const result = await parts.holds.within(parts, principal.id, approval, () =>
    handIn(parts, request, after, versions, new Map(), decision.session.era),
  )
  if (result.kind === 'known') return { ...result.outcome, replayed: true }
  if (result.kind === 'moved')
    throw problem('operation-running', 'this operation is being held by another request', { operation })
  return { ...outcome, operation, receipt: result.receipt, replayed: false }
}

/** Ends an operation that was held with a record of its own, and closes its approval request in the same commit. */
export async function endHeld(
  parts: Parts,
  proposal: Proposal,
  state: 'refused' | 'denied' | 'expired' | 'stopped',
  payload: OperationPayload,
): Promise<Outcome> {
  const { resumed, operation } = proposal
  if (resumed === null || payload.outcome.kind === 'committed')
    throw problem('bug', 'only a held operation ends this way', { operation })
  const step = closingStep(resumed, state)
  const result = await handIn(
    parts,
    {
      ...recordOnly(parts, proposal, null),
      state,
      streams: [{ stream: step.stream, version: step.version }],
      events: [step.event],
      rows: [step.row],
      payload: JSON.stringify(payload),
    },
    new Map([[step.stream, step.state]]),
    new Map([[step.stream, step.event.version]]),
  )
  if (result.kind === 'known') return { ...result.outcome, replayed: true }
  if (result.kind === 'moved')
    throw problem('operation-running', 'this operation is being ended by another request', { operation })
  return { ...payload.outcome, operation, receipt: result.receipt, replayed: false }
}

/** The approval no longer fits what would happen: abort, tell, and let the agent ask anew under a new key. */
export function askAnew(
  parts: Parts,
  proposal: Proposal,
  ground: Ground & Partial<Pick<Accepted, 'impact'>>,
  attempts: number,
  changed: readonly RestsOn[],
): Promise<Outcome> {
  const outcome = {
    kind: 'refused',
    code: 'changed-since-approval',
    title: 'what this would do has changed since it was approved; ask again with a new key',
    detail: { changed },
  } as const
  return endHeld(
    parts,
    proposal,
    'refused',
    payloadOf(proposal, ground, { admission: null, impact: ground.impact ?? null, attempts, outcome }),
  )
}

/** A commit that writes a record of the operation and no domain events; what it read is recorded, not guarded. */
function recordOnly(
  parts: Parts,
  proposal: Proposal,
  admission: Admission | null,
): Omit<CommitRequest, 'state' | 'streams' | 'events' | 'rows' | 'payload'> {
  return { ...envelopeOf(parts, proposal, admission), finds: [], readPosition: parts.states.visible, effects: [] }
}
