/** An authority that never changes: policies as given, one operator, one agent. Signed snapshots are not what is measured here. */
import { sha256Hex, type PrincipalId } from '../../src/model/ids.ts'
import { canonicalJson } from '../../src/model/json.ts'
import type { Principal } from '../../src/model/principal.ts'
import type { AuthoritySnapshot, AuthoritySource } from '../../src/warden/authority.ts'
import { NO_LEVERS } from '../../src/warden/snapshot.ts'

export function fixedAuthority(policies: Readonly<Record<string, string>>): AuthoritySource {
  const snapshot: AuthoritySnapshot = {
    ...{ format: 1, number: 1, previous: '', createdAtMs: 0, principals: [], issuers: [] },
    policies,
    ...NO_LEVERS,
  }
  const hash = sha256Hex(canonicalJson(snapshot))
  return {
    current: () => snapshot,
    hash: () => hash,
    status: () => ({ number: 1, hash, adoptedAtMs: 0, findings: [], watching: 'polling' }),
    onAdopt: () => () => {},
    close: () => {},
  }
}

const id = 'agent' as PrincipalId
export const BENCH_AGENT: Principal = {
  id,
  kind: 'agent',
  roles: ['agent'],
  chain: [
    { principal: id, epoch: 1 },
    { principal: 'operator' as PrincipalId, epoch: 1 },
  ],
  onBehalfOf: null,
  tenant: '',
}
