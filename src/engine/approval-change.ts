/** What one verified decision makes of a request for approval: the next step of its stream, or why it may not have one. */
import { approvalStep, readApprovalState, viewOf, type ApprovalState, type ApprovalStep } from './approval-request.ts'
import { approvalStream } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import { CARD_LENGTH_MAX, renderCard } from '../model/approval-card.ts'
import { sha256Hex, type ApprovalId } from '../model/ids.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { ApprovalDecision } from '../warden/authority.ts'

/** A decision whose signature holds, with what the approver was shown. */
export interface ShownDecision {
  readonly decision: ApprovalDecision
  readonly card: string | null
}

/** State of an approval request as of now. @throws `no-such-approval` */
export async function readApproval(
  parts: Parts,
  approval: ApprovalId,
  signal: AbortSignal,
): Promise<{ readonly version: number; readonly state: ApprovalState }> {
  const { version, state } = await parts.states.at(approvalStream(approval), parts.states.visible, signal)
  if (state === null) throw problem('no-such-approval', `there is no approval request \`${approval}\``)
  return { version, state: readApprovalState(state) }
}

/** What was shown comes with the decision that names it, and no other text does. @throws `approval-invalid` */
export function checkCard({ decision: { saw }, card }: ShownDecision): void {
  if (
    card === null ? saw === undefined : saw !== undefined && card.length <= CARD_LENGTH_MAX && sha256Hex(card) === saw
  )
    return
  throw problem('approval-invalid', 'what the approver was shown is not what the decision names')
}

/** @throws `approval-invalid`, `approval-settled`, `no-such-approval` */
export async function stepOf(
  parts: Parts,
  approver: Principal,
  { decision, card }: ShownDecision,
  signal: AbortSignal,
): Promise<ApprovalStep> {
  const approval = decision.approval as ApprovalId
  const { version, state } = await readApproval(parts, approval, signal)
  const seen = seenBy(parts, approver, { decision, card }, state)
  const change: JsonObject = { ...changeBy(parts, decision, approver, state), shown: [...(state.shown ?? []), seen] }
  const type = decision.verdict === 'approve' ? 'approved' : 'refused'
  return approvalStep(approval, version, state as unknown as JsonObject, type, change)
}

/**
 * What the approver saw, as it goes on record. Where the application holds personal data the bytes would outlive an erasure: then the hash alone is
 * kept, and whether the card is the one that the recorded request renders to, from which it can be made again.
 */
function seenBy(
  parts: Parts,
  approver: Principal,
  { decision: { saw }, card }: ShownDecision,
  state: ApprovalState,
): NonNullable<ApprovalState['shown']>[number] {
  const isPersonal = Object.values(parts.release.manifest.entities).some(({ personal }) => personal !== undefined)
  const isRendered = card !== null && card === renderCard(viewOf(state))
  return { by: approver.id, hash: saw ?? null, card: isPersonal ? null : card, isRendered }
}

function changeBy(parts: Parts, decision: ApprovalDecision, approver: Principal, state: ApprovalState): JsonObject {
  if (state.state !== 'pending') throw problem('approval-settled', `this request is \`${state.state}\``)
  if (parts.clock.nowMs() >= state.expiresAtMs) throw problem('approval-settled', 'this request has expired')
  if (decision.binds !== state.binds)
    throw problem('approval-invalid', 'the decision binds to something else than this request shows')
  const asks = (id: string): boolean => id === state.actor || id === state.onBehalfOf
  if (approver.chain.some(({ principal }) => asks(principal)) || approver.kind === 'agent') {
    throw problem(
      'approval-invalid',
      'an approval comes from another principal than the one that asks, or one that it owns, and never from an agent',
    )
  }
  const roles = state.requires.filter((role) => approver.roles.includes(role))
  if (roles.length === 0)
    throw problem('approval-invalid', `deciding this takes one of the roles: ${state.requires.join(', ')}`)
  if (decision.verdict === 'refuse') return { state: 'refused', decidedBy: approver.id, reason: decision.reason }
  const approvedBy = [...state.approvedBy, ...roles.map((role) => ({ by: approver.id, role, chain: approver.chain }))]
  const missing = state.requires.some((role) => !approvedBy.some((given) => given.role === role))
  return {
    approvedBy: approvedBy as unknown as Json,
    decidedBy: approver.id,
    reason: decision.reason,
    ...(missing ? {} : { state: 'approved' }),
  }
}
