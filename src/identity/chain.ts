/** A principal as the snapshot in force knows it: who it is, and the owners that it stands and falls with. */
import type { PrincipalId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import type { ChainLink, Principal } from '../model/principal.ts'
import type { AuthoritySnapshot, PrincipalEntry } from '../warden/authority.ts'

const CHAIN_LINKS_MAX = 8 // snapshots with longer chains are not adopted; this bounds the walk whatever comes in

/** What of a snapshot is looked up on every call, by key. Built once for each snapshot. */
export interface Directory {
  readonly byId: ReadonlyMap<string, PrincipalEntry>
  readonly byKeyHash: ReadonlyMap<string, { readonly entry: PrincipalEntry; readonly expiresAtMs: number | null }>
}

export function directoryOf(snapshot: AuthoritySnapshot): Directory {
  const byKeyHash = new Map<string, { entry: PrincipalEntry; expiresAtMs: number | null }>()
  for (const entry of snapshot.principals)
    for (const { hash, expiresAtMs } of entry.keys) byKeyHash.set(hash, { entry, expiresAtMs })
  return { byId: new Map(snapshot.principals.map((entry) => [entry.id, entry])), byKeyHash }
}

/** @throws `principal-revoked` when any link of its chain is revoked, gone, or beyond the bound */
export function principalOf(directory: Directory, entry: PrincipalEntry, onBehalfOf: PrincipalId | null): Principal {
  const chain: ChainLink[] = []
  const agents: PrincipalEntry[] = []
  for (let link = entry; ;) {
    if (link.revoked) throw problem('principal-revoked', `\`${link.id}\` has been revoked`)
    if (chain.length >= CHAIN_LINKS_MAX)
      throw problem('principal-revoked', `the owner chain of \`${entry.id}\` has no end`)
    chain.push({ principal: link.id, epoch: link.epoch })
    if (link.owner === null) break
    const owner = directory.byId.get(link.owner)
    if (owner === undefined)
      throw problem('principal-revoked', `\`${link.owner}\`, the owner of \`${link.id}\`, is gone`)
    if (owner.kind === 'agent') agents.push(owner)
    link = owner
  }
  const above = agents.map(({ id, roles, tenant }) => ({
    ...{ id, roles, tenant },
    chain: chain.slice(chain.findIndex(({ principal }) => principal === id)),
  }))
  return {
    ...{ id: entry.id, kind: entry.kind, roles: entry.roles, chain, onBehalfOf, tenant: entry.tenant },
    ...(above.length === 0 ? {} : { above }),
  }
}

/** True while nobody in the chain was revoked or raised since, and it may still act for whom it acts. */
export function isChainLive(directory: Directory, principal: Principal): boolean {
  if (principal.chain.length === 0 || principal.chain[0]?.principal !== principal.id) return false
  for (const { principal: id, epoch } of principal.chain) {
    const entry = directory.byId.get(id)
    if (entry === undefined || entry.revoked || entry.epoch !== epoch) return false
  }
  if (principal.onBehalfOf === null) return true
  const caller = directory.byId.get(principal.id)
  return caller !== undefined && delegationFault(directory, caller, principal.onBehalfOf) === null
}

/**
 * Why a caller may not act for somebody; null when it may, and every agent that owns it may as well. `*` covers anybody, also people whom the snapshot does not know (the customers of an
 * application); but whoever it does know as revoked, nobody acts for.
 */
export function delegationFault(directory: Directory, caller: PrincipalEntry, forWhom: string): string | null {
  if (!/^[a-z0-9][a-z0-9._@-]{0,127}$/.test(forWhom)) return 'that is not the name of a principal'
  for (const one of [caller, ...agentsAbove(directory, caller)])
    if (!one.mayActFor.includes('*') && !one.mayActFor.includes(forWhom))
      return `\`${one.id}\` may not act for \`${forWhom}\``
  if (isRevoked(directory, forWhom)) return `\`${forWhom}\`, or an owner of theirs, has been revoked`
  return null
}

function agentsAbove(directory: Directory, { owner }: PrincipalEntry): readonly PrincipalEntry[] {
  const above: PrincipalEntry[] = []
  let link = owner === null ? undefined : directory.byId.get(owner)
  for (let links = 1; link !== undefined && links < CHAIN_LINKS_MAX; links++) {
    if (link.kind === 'agent') above.push(link)
    link = link.owner === null ? undefined : directory.byId.get(link.owner)
  }
  return above
}

/** Whom nobody knows is not revoked. */
function isRevoked(directory: Directory, id: string): boolean {
  let entry = directory.byId.get(id)
  for (let links = 0; entry !== undefined && links < CHAIN_LINKS_MAX; links++) {
    if (entry.revoked) return true
    entry = entry.owner === null ? undefined : directory.byId.get(entry.owner)
  }
  return false
}
