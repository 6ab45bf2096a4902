/** Who may read records: principals in scope for `plinth.read-records`; each use leaves an access record. */
import { payloadUndecided } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { readOperationId, sha256Hex } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
import { teamOf, type Credentials, type Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { AdmitRequest } from '../policy/policy.ts'

export const READ_RECORDS = 'plinth.read-records'

/** What is read, as policies see it: `context.input.kind` and `.name`, and for a state its entity as the resource. */
export interface ReadOf {
  readonly kind:
    'entity' | 'read-model' | 'records' | 'operations' | 'approvals' | 'effects' | 'anchors' | 'stops' | 'self'
  /** Of the entity or the read model. */
  readonly name?: string | undefined
  /** Of the state; left out for a list of them. */
  readonly id?: string | undefined
}

/** Places that hold what somebody wrote: before whoever reads them can act on it, its runs are tainted. The rest is the system's own. */
const HELD_TEXT: ReadonlySet<ReadOf['kind']> = new Set([
  ...(['entity', 'read-model', 'records', 'operations', 'approvals', 'effects'] as const),
])

/**
 * A list of states or rows is about all of their entity: policies see it as the resource, under an id that none has.
 * @param what names what is read, for the access record. @throws `forbidden`
 */
export async function mayRead(
  parts: Parts,
  credentials: Credentials,
  { kind, name, id }: ReadOf,
  what: JsonObject,
  signal: AbortSignal,
): Promise<Principal> {
  const principal = await parts.identity.authenticate(credentials, signal)
  if (!parts.policy.inScope(principal, READ_RECORDS))
    throw problem('forbidden', `\`${principal.id}\` may not read records`)
  const admission = parts.policy.admit({
    principal,
    action: READ_RECORDS,
    resource: resourceOf(parts, { kind, name, id }),
    input: { kind, ...(name === undefined ? {} : { name }) },
    facts: null,
    impact: null,
    attested: {},
    approvals: [],
  })
  if (admission.kind !== 'admitted')
    throw problem('forbidden', `\`${principal.id}\` may not read records`, { rules: admission.authority.rules })
  const asked = {
    intent: { command: READ_RECORDS },
    input: what,
    intentHash: sha256Hex(canonicalJson(what)),
    principal,
  }
  const payload = payloadUndecided(asked, admission, { kind: 'committed', result: null })
  if (HELD_TEXT.has(kind)) parts.flows.readElsewhere(teamOf(principal))
  const operation = readOperationId(parts.random.bytes(16))
  parts.aside.record('read', principal, operation, payload, { release: parts.release.id, run: null })
  return principal
}

function resourceOf({ release }: Parts, { kind, name = '', id = '' }: ReadOf): AdmitRequest['resource'] {
  const { entities, readModels } = release.manifest
  const entity = kind === 'read-model' && Object.hasOwn(readModels, name) ? (readModels[name]?.of ?? '') : name
  return Object.hasOwn(entities, entity) ? { entity, id } : null
}
