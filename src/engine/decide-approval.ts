/** An approver's signed decision on a held operation: checked, recorded as an operation of the approver, then the held one goes on or ends. */
import { approvalStep, readApprovalState, viewOf, type ApprovalState, type ApprovalStep } from './approval-request.ts'
import { asking, atLevel, engineOperation } from './engine-operation.ts'
import { approvalStream } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import { resumeHeld } from './resume.ts'
import { CARD_LENGTH_MAX, renderCard } from '../model/approval-card.ts'
import { DEFAULT_LEVEL, highest, type Level } from '../model/acknowledgement.ts'
import { sha256Hex, type ApprovalId } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonObject } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import type { Credentials, Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import { verifyApproval } from '../warden/approval-decision.ts'
import type { ApprovalDecision } from '../warden/authority.ts'

export const APPROVE = 'plinth.approve'

/** A decision as it is handed in: canonical JSON as signed, base64 Ed25519, and what the approver was shown. */
export interface HandedDecision {
  readonly decision: string
  readonly signature: string
  readonly card: string | null
}
/** In one batch; each is decided with one commit and then goes on by itself. */
export const DECISIONS_MAX = 50

/** @returns outcome of the held operation: held still (another role is needed), or final. @throws `approval-invalid`, `approval-settled`, `no-such-approval` */
export async function decideApproval(
  parts: Parts,
  credentials: Credentials,
  handed: HandedDecision,
  acknowledge: Level | null,
  signal: AbortSignal,
): Promise<Outcome> {
  const [outcome] = await decideApprovals(parts, credentials, [handed], acknowledge, signal)
  return outcome as Outcome
}

/**
 * Several decisions of one approver, on record with one commit or not at all: where one of them is not valid, none is. Each operation then goes on
 * by itself, and ends by itself when what it would do has changed. @returns the outcomes, in order; `level` of one that is held still is the decision's
 * @throws `approval-invalid`, `approval-settled`, `no-such-approval`, naming the first that does not hold
 */
export async function decideApprovals(
  parts: Parts,
  credentials: Credentials,
  handed: readonly HandedDecision[],
  acknowledge: Level | null,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const approver = await parts.identity.authenticate(credentials, signal)
  const decisions = handed.map(({ decision: text, signature, card }) => {
    const decision = verifyApproval(parts.authority.current(), { decision: text, signature })
    if (decision.by !== approver.id)
      throw problem('approval-invalid', `the decision is signed by \`${decision.by}\`, sent by \`${approver.id}\``)
    checkCard(decision, card)
    return { decision, signature, card }
  })
  const names = new Set(decisions.map(({ decision }) => decision.approval))
  const [first] = decisions
  if (first === undefined || names.size < decisions.length || decisions.length > DECISIONS_MAX)
    throw problem('approval-invalid', `one to ${DECISIONS_MAX} decisions are taken, about different requests`)
  const asked = await askedOf(parts, approver, decisions, signal)
  const inputs = decisions.map(({ decision, signature }) => ({ ...decision, signature }))
  const recorded = await engineOperation(
    parts,
    approver,
    {
      command: APPROVE,
      input: { ...(inputs.length === 1 ? inputs[0] : { decisions: inputs }), ...asked } as unknown as JsonObject,
      idempotencyKey:
        inputs.length === 1
          ? `${first.decision.approval}:${first.decision.verdict}:${first.decision.decidedAtMs}`
          : `batch:${sha256Hex(canonicalJson(inputs))}`,
      run: null,
      correlation: null,
      causation: null,
      ...asking(acknowledge),
    },
    async (stop) => {
      const steps = []
      for (const one of decisions) steps.push(await stepOf(parts, approver, one, stop))
      return {
        streams: steps.map(({ stream, version }) => ({ stream, version })),
        events: steps.map(({ event }) => event),
        rows: steps.map(({ row }) => row),
        after: new Map(steps.map(({ stream, state }) => [stream, state])),
        result: { approvals: [...names] },
      }
    },
    signal,
  )
  if (recorded.kind === 'denied')
    throw problem('forbidden', `\`${approver.id}\` may not decide approvals`, { rules: recorded.rules })
  const resumed: Outcome[] = []
  for (const { decision } of decisions) resumed.push(await resumeHeld(parts, decision.approval as ApprovalId, signal))
  // Of the decision first: what it let go on lies behind it in the log, and what it still holds before it.
  const least = parts.acknowledgement.leastFor(APPROVE)
  const level = acknowledge === null && least === DEFAULT_LEVEL ? null : highest(acknowledge, least)
  const decided = await atLevel(parts, recorded, level, signal)
  const outcomes: Outcome[] = []
  for (const outcome of resumed) {
    const answer = await atLevel(parts, outcome, level, signal)
    const ofDecision =
      level !== null && answer.kind === 'held' && 'level' in decided
        ? { level: decided.level, asked: decided.asked }
        : {}
    outcomes.push({ ...answer, ...ofDecision } as Outcome)
  }
  return outcomes
}

/**
 * What policies see of the decisions: verdict, and the command that waits. A batch is of one verdict and about one command, so that no policy over
 * either is passed by in a crowd. @throws `forbidden`, `approval-invalid`, `no-such-approval`
 */
async function askedOf(
  parts: Parts,
  approver: Principal,
  decisions: readonly { readonly decision: ApprovalDecision }[],
  signal: AbortSignal,
): Promise<{ readonly verdict: ApprovalDecision['verdict']; readonly action: string }> {
  if (!parts.policy.inScope(approver, APPROVE))
    throw problem('forbidden', `\`${approver.id}\` may not do \`${APPROVE}\``)
  const asked: { verdict: ApprovalDecision['verdict']; action: string }[] = []
  for (const { decision } of decisions) {
    const { state } = await readApproval(parts, decision.approval as ApprovalId, signal)
    asked.push({ verdict: decision.verdict, action: state.action })
  }
  const [first] = asked
  if (first === undefined || asked.some(({ verdict, action }) => verdict !== first.verdict || action !== first.action))
    throw problem(
      'approval-invalid',
      'decisions that are handed in together have one verdict, and are about one command',
    )
  return first
}

async function stepOf(
  parts: Parts,
  approver: Principal,
  { decision, card }: { readonly decision: ApprovalDecision; readonly card: string | null },
  signal: AbortSignal,
): Promise<ApprovalStep> {
  const approval = decision.approval as ApprovalId
  const { version, state } = await readApproval(parts, approval, signal)
  const seen = seenBy(parts, approver, decision, card, state)
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
  { saw }: ApprovalDecision,
  card: string | null,
  state: ApprovalState,
): NonNullable<ApprovalState['shown']>[number] {
  const isPersonal = Object.values(parts.release.manifest.entities).some(({ personal }) => personal !== undefined)
  const isRendered = card !== null && card === renderCard(viewOf(state))
  return { by: approver.id, hash: saw ?? null, card: isPersonal ? null : card, isRendered }
}

/** What was shown comes with the decision that names it, and no other text does. @throws `approval-invalid` */
function checkCard({ saw }: ApprovalDecision, card: string | null): void {
  if (
    card === null ? saw === undefined : saw !== undefined && card.length <= CARD_LENGTH_MAX && sha256Hex(card) === saw
  )
    return
  throw problem('approval-invalid', 'what the approver was shown is not what the decision names')
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
