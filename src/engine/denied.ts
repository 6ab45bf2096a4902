/** Policy said no. Recorded aside with the authority it rests on; nothing was spent or written. */
import { endHeld } from './hold.ts'
import type { Ground } from './decide.ts'
import { payloadOf } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { whereOf, type Proposal } from './proposal.ts'
import { historyOf, type AdmissionOnHistory } from './admit.ts'
import type { Outcome } from '../model/operation.ts'

export async function denied(
  parts: Parts,
  proposal: Proposal,
  decision: Ground,
  { admission, read }: AdmissionOnHistory<'denied'>,
  attempts: number,
): Promise<Outcome> {
  const outcome = { kind: 'denied', rules: admission.authority.rules } as const
  const payload = payloadOf(proposal, decision, {
    admission,
    history: historyOf(read),
    impact: decision.admitRequest.impact,
    attempts,
    outcome,
  })
  if (proposal.resumed !== null) return endHeld(parts, proposal, 'denied', payload)
  parts.aside.record('denied', proposal.principal, proposal.operation, payload, whereOf(parts, proposal))
  return { ...outcome, operation: proposal.operation, replayed: false }
}
