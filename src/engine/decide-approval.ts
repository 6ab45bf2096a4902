/** An approver's signed decision on a held operation: checked, recorded as an operation of the approver, then the held one goes on or ends. */
import { checkCard, readApproval, stepOf, type ShownDecision } from './approval-change.ts'
import { atLevel } from './acknowledgement/at-level.ts'
import { engineOperation } from './engine-operation.ts'
import type { Parts } from './parts.ts'
import { resumeHeld } from './resume.ts'
import { DEFAULT_LEVEL, highest, type Level } from '../model/acknowledgement.ts'
import { sha256Hex, type ApprovalId } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
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
  const decisions = handed.map((one) => verified(parts, approver, one))
  const names = new Set(decisions.map(({ decision }) => decision.approval))
  const [first] = decisions
  if (first === undefined || names.size < decisions.length || decisions.length > DECISIONS_MAX)
    throw problem('approval-invalid', `one to ${DECISIONS_MAX} decisions are taken, about different requests`)
  const subject = await subjectOf(parts, approver, decisions, signal)
  const inputs = decisions.map(({ decision, signature }) => ({ ...decision, signature }))
  const recorded = await engineOperation(
    parts,
    approver,
    {
      command: APPROVE,
      input: { ...(inputs.length === 1 ? inputs[0] : { decisions: inputs }), ...subject } as unknown as JsonObject,
      idempotencyKey:
        inputs.length === 1
          ? `${first.decision.approval}:${first.decision.verdict}:${first.decision.decidedAtMs}`
          : `batch:${sha256Hex(canonicalJson(inputs))}`,
      acknowledge,
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
  return await acknowledged(parts, recorded, resumed, acknowledge, signal)
}

/** The decision first: what it let go on lies behind it in the log. What it still holds lies before it, and has the decision's level. */
async function acknowledged(
  parts: Parts,
  recorded: Outcome,
  resumed: readonly Outcome[],
  acknowledge: Level | null,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
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

/** @throws `approval-invalid` unless it is signed by who sends it, and comes with what it says they saw */
function verified(
  parts: Parts,
  approver: Principal,
  { decision: text, signature, card }: HandedDecision,
): ShownDecision & { readonly signature: string } {
  const decision = verifyApproval(parts.authority.current(), { decision: text, signature })
  if (decision.by !== approver.id)
    throw problem('approval-invalid', `the decision is signed by \`${decision.by}\`, sent by \`${approver.id}\``)
  checkCard({ decision, card })
  return { decision, signature, card }
}

/**
 * What policies see of the decisions: verdict, and the command that waits. A batch is of one verdict and about one command, so that no policy over
 * either is passed by in a crowd. @throws `forbidden`, `approval-invalid`, `no-such-approval`
 */
async function subjectOf(
  parts: Parts,
  approver: Principal,
  decisions: readonly { readonly decision: ApprovalDecision }[],
  signal: AbortSignal,
): Promise<{ readonly verdict: ApprovalDecision['verdict']; readonly action: string }> {
  if (!parts.policy.inScope(approver, APPROVE))
    throw problem('forbidden', `\`${approver.id}\` may not do \`${APPROVE}\``)
  const subjects: { verdict: ApprovalDecision['verdict']; action: string }[] = []
  for (const { decision } of decisions) {
    const { state } = await readApproval(parts, decision.approval as ApprovalId, signal)
    subjects.push({ verdict: decision.verdict, action: state.action })
  }
  const [first] = subjects
  if (
    first === undefined ||
    subjects.some(({ verdict, action }) => verdict !== first.verdict || action !== first.action)
  )
    throw problem(
      'approval-invalid',
      'decisions that are handed in together have one verdict, and are about one command',
    )
  return first
}
