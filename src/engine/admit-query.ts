/** May this principal have this answer? Asked of the facts that the query states, and, for an answer from the past, of those of today as well. */
import { resourceOf } from './cell-call.ts'
import type { Parts } from './parts.ts'
import { ReadSession } from './read-session.ts'
import { readQuery, type QueryCall } from './read-query.ts'
import type { Admission } from '../model/admission.ts'
import type { JsonObject } from '../model/json.ts'

/**
 * @param facts stated by the answer, as of the position that was read
 * @param isPast that position is not the newest: what was open to everybody then may be closed to this principal now, and the query is read once more
 */
export async function admitQuery(
  parts: Parts,
  call: QueryCall,
  facts: JsonObject | null,
  isPast: boolean,
  signal: AbortSignal,
): Promise<Admission> {
  const then = admissionOn(parts, call, facts)
  if (!isPast || then.kind !== 'admitted' || call.action.facts === null) return then
  const session = new ReadSession(parts, parts.states.visible, 'committed', signal)
  const { facts: factsNow } = await readQuery(parts, call, session, signal)
  const now = factsNow === null ? then : admissionOn(parts, call, factsNow)
  return now.kind === 'admitted' ? then : now
}

const admissionOn = (
  { policy }: Parts,
  { name, action, principal, input, attested }: QueryCall,
  facts: JsonObject | null,
): Admission =>
  policy.admit({
    principal,
    action: name,
    resource: resourceOf(action, input),
    input,
    facts,
    impact: null,
    attested,
    approvals: [],
  })
