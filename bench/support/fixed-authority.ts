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

/** The same, but that other policies can be put in force. */
export function publishingAuthority(policies: Readonly<Record<string, string>>): AuthoritySource & {
  publish(policies: Readonly<Record<string, string>>): Promise<void>
} {
  let source = fixedAuthority(policies)
  const listeners = new Set<Parameters<AuthoritySource['onAdopt']>[0]>()
  return {
    current: () => source.current(),
    hash: () => source.hash(),
    status: () => source.status(),
    onAdopt(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async publish(next) {
      const fresh = fixedAuthority(next)
      for (const listener of listeners) await listener(fresh.current(), fresh.hash())
      source = fresh
    },
    close: () => {},
  }
}

const id = 'agent' as PrincipalId
export const BENCH_AGENT: Principal = {
  id,
  kind: 'agent',
  roles: ['agent', 'support', 'refunds', 'weekdays', 'europe', 'trainees'],
  chain: [
    { principal: id, epoch: 1 },
    { principal: 'operator' as PrincipalId, epoch: 1 },
  ],
  onBehalfOf: null,
  tenant: '',
}
