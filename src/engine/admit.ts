/** Asks policy about a decision, with what history says at this moment. Synchronous: nobody comes between the reading and the handing in. */
import { recordedHistory, type HistoryRead } from './history/history.ts'
import type { HistoryClaims, RecordedHistory } from './history/claims.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import type { Admission } from '../model/admission.ts'
import type { AdmitRequest } from '../policy/policy.ts'

/** A verdict of policy, with what it was told of history. */
export interface AdmissionOnHistory<Kind extends Admission['kind'] = Admission['kind']> {
  readonly admission: Extract<Admission, { kind: Kind }>
  /** Null when no limit is in force. */
  readonly read: HistoryRead | null
}

/** Unknown history is left out of the request, which then does not fit and is denied, with the reason. */
export function admit(parts: Parts, proposal: Proposal, request: AdmitRequest): AdmissionOnHistory {
  const limits = parts.policy.limits()
  if (limits.length === 0) return { admission: parts.policy.admit(request), read: null }
  const { principal, intent } = proposal
  const read = parts.history.read(
    limits,
    {
      action: intent.command,
      actor: principal.id,
      chain: principal.chain,
      onBehalfOf: principal.onBehalfOf,
      tenant: principal.tenant,
      run: intent.run,
      body: () => ({
        input: request.input,
        facts: request.facts,
        resource: parts.policy.resourceName(request.resource),
      }),
    },
    parts.clock.nowMs(),
    (limit) => parts.policy.seesHistory(intent.command, limit),
  )
  return { admission: parts.policy.admit({ ...request, history: read.facts }), read }
}

export const claimsOf = (read: HistoryRead | null): HistoryClaims | null =>
  read === null || read.claims.length === 0 ? null : { atMs: read.atMs, claims: read.claims }

export const historyOf = (read: HistoryRead | null): RecordedHistory | null =>
  read === null ? null : recordedHistory(read)
