/** Asking a cell: what it is told of a call, what its failing becomes, and which entity the call is about. The same for commands and queries. */
import type { Parts } from './parts.ts'
import type { ReadSession } from './read-session.ts'
import type { Usage } from '../model/decision.ts'
import type { OperationId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { ActionManifest } from '../model/manifest.ts'
import type { Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { AdmitRequest } from '../policy/policy.ts'
import type { Call, CellAnswer, CellFailure } from '../sandbox/sandbox.ts'

/** One command or query with its checked input. */
export interface CellCall {
  readonly name: string
  readonly action: ActionManifest
  readonly input: JsonObject
  readonly principal: Principal
  readonly attested: JsonObject
  readonly operation: OperationId
}

/** With the states that the input names, which so count as read by the session. */
export async function cellCall(
  parts: Pick<Parts, 'release' | 'clock'>,
  { name, action, input, principal, attested, operation }: CellCall,
  session: ReadSession,
): Promise<Call> {
  const prefetched = await session.prefetch(action.targets, input)
  return {
    release: parts.release.id,
    name,
    input: JSON.stringify(input),
    nowMs: parts.clock.nowMs(),
    seed: operation,
    principal: { id: principal.id, kind: principal.kind, onBehalfOf: principal.onBehalfOf },
    attested,
    prefetched,
  }
}

export type Answered<T> = T & { readonly usage: Usage }

/** @throws `limit-exceeded`, `application-failed`, `sandbox-unavailable`, with the limit and what was seen of it */
export function answered<T>(answer: CellAnswer<T>, operation: OperationId): Answered<T> {
  if (!hasFailed(answer)) return answer
  const { code, detail, limit, observed = null } = answer
  throw problem(code, detail, { operation, ...(limit === undefined ? {} : { limit, observed }) })
}
const hasFailed = <T>(answer: CellAnswer<T>): answer is CellFailure & { readonly usage: Usage } =>
  (answer as CellFailure).kind === 'failed'

/** The entity that policies see as the resource: the first that the input names. */
export function resourceOf({ targets }: ActionManifest, input: JsonObject): AdmitRequest['resource'] {
  const [target] = targets
  const id = target === undefined ? undefined : input[target.member]
  return target !== undefined && typeof id === 'string' ? { entity: target.entity, id } : null
}
