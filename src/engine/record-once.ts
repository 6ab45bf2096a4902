/** What the engine records by itself, as an operation of its own: once for each key, whatever restarts in between. */
import { commitPlan } from './engine-operation.ts'
import { oneEvent, type EnginePlan } from './engine-plan.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { operationId, sha256Hex, type PrincipalId, type StreamId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'

/** The engine as the actor of what nobody asked for: no chain, so nothing can be done in its name. */
export const ENGINE: Principal = {
  id: 'plinth' as PrincipalId,
  kind: 'service',
  roles: [],
  chain: [],
  onBehalfOf: null,
  tenant: 'default',
}

/** One event on a stream of the engine's own. */
export function recordOnce(
  parts: Parts,
  stream: StreamId,
  command: string,
  key: string,
  type: string,
  data: JsonObject,
): Promise<void> {
  return commitOnce(parts, command, key, data, async () => {
    const read = await parts.states.at(stream, parts.states.visible, AbortSignal.timeout(10_000))
    return oneEvent(stream, read, type, data, null)
  })
}

export async function commitOnce(
  parts: Parts,
  command: string,
  key: string,
  input: JsonObject,
  plan: () => Promise<EnginePlan>,
): Promise<void> {
  const operation = operationId(ENGINE.id, key)
  if (parts.reader.operation(operation) !== null) return
  const proposal: Proposal = {
    operation,
    intentHash: sha256Hex(key),
    principal: ENGINE,
    intent: { command, input, idempotencyKey: key, run: null, correlation: null, causation: null },
    input,
    approvals: [],
    resumed: null,
  }
  for (;;) {
    const result = await commitPlan(parts, proposal, null, await plan())
    if (result.kind !== 'moved') return
  }
}
