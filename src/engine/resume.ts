/** Takes up a held operation again once its request is decided or has expired. Ordinary code of a decision, of the loop, and of a restart. */
import { readApprovalState, type ApprovalState } from './approval-request.ts'
import { approvalStream } from './engine-streams.ts'
import { endHeld } from './hold.ts'
import type { Parts } from './parts.ts'
import { keptOf } from './personal/code-text.ts'
import type { Proposal } from './proposal.ts'
import { readOperation, recordedOutcome } from './recorded-outcome.ts'
import { Stopwatch } from './stopwatch.ts'
import { perform } from './submit.ts'
import { passSwitches } from './switches.ts'
import type { ApprovalId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import type { ChainLink, Principal } from '../model/principal.ts'
import { Problem, problem, type ProblemCode } from '../model/problems.ts'

/** @returns the operation's outcome now: final, or still held. @throws `no-such-approval` */
export async function resumeHeld(parts: Parts, approval: ApprovalId, signal: AbortSignal): Promise<Outcome> {
  const { version, state: text } = await parts.states.at(approvalStream(approval), parts.states.visible, signal)
  if (text === null) throw problem('no-such-approval', `there is no approval request \`${approval}\``)
  const state = readApprovalState(text)
  const { operation } = state
  const stored = parts.reader.operation(operation)
  if (stored === null) throw problem('storage-damaged', 'a held operation has no record', { operation })
  const intentHash = stored.intentHash
  const underWay = parts.running.join(operation, intentHash, signal)
  if (underWay !== undefined) return underWay
  const decided = decidedBy(parts, state)
  if (!state.open || decided === 'wait') return (await recordedOutcome(parts, operation, null)) as Outcome
  const held = readOperation(parts, stored.position)
  if (held === null) throw problem('storage-damaged', 'a held operation has no record', { operation })
  const principal = livePrincipal(parts, state, held.record.chain)
  const proposal: Proposal = {
    operation,
    intentHash,
    principal: principal ?? absent(state),
    intent: state.intent,
    input: state.input as JsonObject,
    approvals: state.approvedBy.map((given) => ({ approval, ...given })),
    resumed: {
      approval,
      version,
      state: state as unknown as JsonObject,
      binds: state.binds,
      bound: state.bound ?? null,
    },
  }
  if (decided === 'go-on' && principal !== null && mustWait(parts, proposal))
    return (await recordedOutcome(parts, operation, null)) as Outcome
  const work = async (stop: AbortSignal): Promise<Outcome> => {
    const end = (ending: Ending): Promise<Outcome> => {
      const { code, title } = ending
      const outcome = { kind: 'refused', code, title, detail: { ...ending.detail, approval } } as const
      return endHeld(parts, proposal, ending.state, { ...held.payload, outcome })
    }
    const ending = decided === 'go-on' ? inTheWay(parts, proposal, principal) : ENDINGS[decided]
    if (ending !== null) return end(ending)
    if (!letThrough(parts, proposal)) return (await recordedOutcome(parts, operation, null)) as Outcome
    try {
      return await perform(parts, proposal, new Stopwatch(parts.clock), stop)
    } catch (error) {
      if (!(error instanceof Problem) || !FOR_GOOD.has(error.code)) throw error // taken up again at the next look
      return end({ state: 'refused', code: error.code, title: error.spec.title, detail: keptOf(parts, error) })
    }
  }
  return parts.running.run(operation, intentHash, proposal.principal, signal, work, state.intent)
}

/** What an open breaker covers stays held until it lets calls through again, or the request expires. */
function letThrough(parts: Parts, proposal: Proposal): boolean {
  try {
    parts.breakers.pass(parts, proposal)
    return true
  } catch (error) {
    if (error instanceof Problem && error.code === 'breaker-open') return false
    throw error
  }
}

/** What is paused or contained stays held until the switch is off, or the request expires; what is stopped ends (`inTheWay`). */
function mustWait(parts: Parts, { principal, intent }: Proposal): boolean {
  const fault = switchedBy(parts, principal, intent)
  return fault !== null && fault.code !== 'switched-stopped'
}
function switchedBy(parts: Parts, principal: Principal, intent: Proposal['intent']): Problem | null {
  try {
    passSwitches(parts, principal, intent, 'change')
    return null
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

interface Ending {
  readonly state: 'refused' | 'expired' | 'stopped'
  readonly code: string
  readonly title: string
  readonly detail?: JsonObject
}
const ENDINGS = {
  expired: { state: 'expired', code: 'approval-expired', title: 'nobody decided in time; ask again with a new key' },
  outlived: {
    state: 'expired',
    code: 'approval-expired',
    title: 'it was approved, but something kept it from going on until its time was over; ask again with a new key',
  },
  refused: { state: 'refused', code: 'approval-refused', title: 'the approver said no' },
} as const satisfies Record<string, Ending>

/** Faults that would come back at every try. */
const FOR_GOOD: ReadonlySet<ProblemCode> = new Set([
  'limit-exceeded',
  'application-failed',
  'application-output-invalid',
  'run-of-another',
])

/** An approval, too, is good until its request expires, whatever held the operation up since: a switch, a breaker, a system that was down. */
function decidedBy(parts: Parts, state: ApprovalState): 'go-on' | 'outlived' | 'refused' | 'expired' | 'wait' {
  if (state.state === 'refused') return 'refused'
  const over = parts.clock.nowMs() >= state.expiresAtMs
  if (state.state === 'approved') return over ? 'outlived' : 'go-on'
  return over ? 'expired' : 'wait'
}

/** The gates before deciding, once more: who asked, their scope, and the input, which the release of today may not take. */
function inTheWay(parts: Parts, { intent, input }: Proposal, principal: Principal | null): Ending | null {
  if (principal === null)
    return { state: 'stopped', code: 'principal-revoked', title: 'the principal that asked has been revoked' }
  if (!parts.policy.inScope(principal, intent.command))
    return { state: 'stopped', code: 'no-such-command', title: 'the principal that asked may not do this any more' }
  const switched = switchedBy(parts, principal, intent)
  if (switched !== null)
    return { state: 'stopped', code: switched.code, title: switched.spec.title, detail: { reason: switched.detail } }
  try {
    parts.validators.commandInput(intent.command, input)
    return null
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const title = 'what was approved does not fit the application as it is now; ask again with a new key'
    const detail = { error: error.detail, changed: ['tool'] }
    return { state: 'refused', code: 'changed-since-approval', title, detail }
  }
}

/** Null when anybody in the chain was revoked since the operation was held, also when reinstated afterwards, or may not act for whom they acted. */
function livePrincipal(parts: Parts, state: ApprovalState, chain: readonly ChainLink[]): Principal | null {
  try {
    const principal = {
      ...parts.identity.byId(state.actor as Principal['id']),
      onBehalfOf: state.onBehalfOf as Principal['onBehalfOf'],
    }
    return parts.identity.isLive({ ...principal, chain }) ? principal : null
  } catch (error) {
    if (error instanceof Problem && (error.code === 'principal-revoked' || error.code === 'credentials-invalid'))
      return null
    throw error
  }
}

/** Stands in for a principal that is gone, in the record that ends its operation. It can do nothing: its chain is empty. */
const absent = (state: ApprovalState): Principal => ({
  id: state.actor as Principal['id'],
  kind: 'agent',
  roles: [],
  chain: [],
  onBehalfOf: state.onBehalfOf as Principal['onBehalfOf'],
  tenant: 'default',
})
