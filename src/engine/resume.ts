/** Takes up a held operation again once its request is decided or has expired. Ordinary code of a decision, of the loop, and of a restart. */
import { readApprovalState, type ApprovalState } from './approval-request.ts'
import { approvalStream } from './engine-streams.ts'
import { endHeld } from './hold.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { readOperation, recordedOutcome } from './recorded-outcome.ts'
import { Stopwatch } from './stopwatch.ts'
import { perform } from './submit.ts'
import type { ApprovalId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import type { Principal } from '../model/principal.ts'
import { Problem, problem } from '../model/problems.ts'

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
  const ending = endingOf(parts, state)
  if (!state.open || ending === 'wait') return (await recordedOutcome(parts, operation, null)) as Outcome
  const principal = livePrincipal(parts, state)
  const proposal: Proposal = {
    operation,
    intentHash,
    principal: principal ?? absent(state),
    intent: state.intent,
    input: state.input as JsonObject,
    approvals: state.approvedBy.map(({ by, role }) => ({ approval, by, role })),
    resumed: { approval, version, state: state as unknown as JsonObject, binds: state.binds },
  }
  return parts.running.run(operation, intentHash, proposal.principal, signal, async (stop) => {
    if (ending === 'go-on' && principal !== null) return perform(parts, proposal, new Stopwatch(parts.clock), stop)
    const [recordState, code, title] =
      ending === 'go-on'
        ? (['stopped', 'principal-revoked', 'the principal that asked has been revoked'] as const)
        : ending === 'expired'
          ? (['expired', 'approval-expired', 'nobody decided in time; ask again with a new key'] as const)
          : (['refused', 'approval-refused', 'the approver said no'] as const)
    const held = readOperation(parts, stored.position)
    if (held === null) throw problem('storage-damaged', 'a held operation has no record', { operation })
    const outcome: OperationPayload['outcome'] = { kind: 'refused', code, title, detail: { approval } }
    return endHeld(parts, proposal, recordState, { ...held.payload, outcome })
  })
}

function endingOf(parts: Parts, state: ApprovalState): 'go-on' | 'refused' | 'expired' | 'wait' {
  if (state.state === 'approved') return 'go-on'
  if (state.state === 'refused') return 'refused'
  return parts.clock.nowMs() >= state.expiresAtMs ? 'expired' : 'wait'
}

function livePrincipal(parts: Parts, state: ApprovalState): Principal | null {
  try {
    const principal = parts.identity.byId(state.actor as Principal['id'])
    return { ...principal, onBehalfOf: state.onBehalfOf as Principal['onBehalfOf'] }
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
