/** Who may read records: principals in scope for `plinth.read-records`; each use leaves an access record. */
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { base32, sha256Hex, type OperationId } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
import type { Credentials, Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

export const READ_RECORDS = 'plinth.read-records'

/** @param what names what is read, for the access record. @throws `forbidden` */
export async function mayRead(
  parts: Parts,
  credentials: Credentials,
  what: JsonObject,
  signal: AbortSignal,
): Promise<Principal> {
  const principal = await parts.identity.authenticate(credentials, signal)
  if (!parts.policy.inScope(principal, READ_RECORDS))
    throw problem('forbidden', `\`${principal.id}\` may not read records`)
  const admission = parts.policy.admit({
    principal,
    action: READ_RECORDS,
    resource: null,
    input: {},
    facts: null,
    impact: null,
    attested: {},
    approvals: [],
  })
  if (admission.kind !== 'admitted')
    throw problem('forbidden', `\`${principal.id}\` may not read records`, { rules: admission.authority.rules })
  const payload: OperationPayload = {
    command: READ_RECORDS,
    input: what,
    intentHash: sha256Hex(canonicalJson(what)),
    principal: { kind: principal.kind, roles: principal.roles },
    reads: null,
    facts: null,
    attested: {},
    impact: null,
    authority: admission.authority,
    request: admission.request,
    usage: null,
    attempts: 1,
    hold: null,
    outcome: { kind: 'committed', result: null },
  }
  parts.aside.record('read', principal, `op_${base32(parts.random.bytes(16))}` as OperationId, payload)
  return principal
}
