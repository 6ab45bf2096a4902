/** What an authority begins with: the first principals with their secrets, and policies. Writing half. */
import { problem } from '../model/problems.ts'
import type { AuthoritySnapshot, OperatorEntry } from './authority.ts'
import {
  addKey,
  addOperator,
  addPrincipal,
  all,
  setPolicies,
  type Change,
  type NewPrincipal,
  type PolicyCheck,
} from './changes.ts'
import { newApiKey, newEd25519 } from './secrets.ts'
import { NO_LEVERS, snapshotFaults } from './snapshot.ts'

/** What one principal needs to act; made once, kept nowhere else. */
export interface PrincipalSecrets {
  readonly principal: string
  readonly apiKey: string
  /** PKCS #8, PEM; null for who may not decide approvals. */
  readonly approvalKey: string | null
}

/** `approves`: gets a key pair of its own to sign decisions with. */
export type FirstPrincipal = NewPrincipal & { readonly approves?: boolean }

/** A person who decides, an agent of theirs, and the application's own front door. */
export const FIRST_PRINCIPALS: readonly FirstPrincipal[] = [
  { id: 'operator', kind: 'human', owner: null, roles: ['operator'], approves: true },
  { id: 'agent', kind: 'agent', owner: 'operator', roles: ['agent'], mayActFor: ['*'] },
  { id: 'front-door', kind: 'service', owner: 'operator', roles: ['front-door'] },
]

export interface FirstAuthority {
  readonly policies: Readonly<Record<string, string>>
  readonly checkPolicies: PolicyCheck
  /** In place of `FIRST_PRINCIPALS`. Each gets a key named `first`. */
  readonly principals?: readonly FirstPrincipal[]
  readonly operators?: readonly OperatorEntry[]
  readonly leaseMs?: number | null
  readonly nowMs: number
}

/** Snapshot 1, unsigned, and every secret in it. @throws `authority-change-refused` */
export function firstAuthority(options: FirstAuthority): {
  readonly snapshot: AuthoritySnapshot
  readonly secrets: Readonly<Record<string, PrincipalSecrets>>
} {
  const secrets: Record<string, PrincipalSecrets> = {}
  const changes: Change[] = []
  for (const { approves, ...principal } of options.principals ?? FIRST_PRINCIPALS) {
    const approval = approves === true ? newEd25519() : null
    const apiKey = newApiKey()
    secrets[principal.id] = { principal: principal.id, apiKey, approvalKey: approval?.privateKey ?? null }
    changes.push(
      addPrincipal({ ...principal, approvalKey: approval?.publicKey ?? null }),
      addKey(principal.id, { name: 'first', secret: apiKey, expiresAtMs: null }),
    )
  }
  const empty: AuthoritySnapshot = {
    ...{ format: 1, number: 1, previous: '', createdAtMs: options.nowMs, principals: [], issuers: [], policies: {} },
    ...NO_LEVERS,
    leaseMs: options.leaseMs ?? null,
  }
  const change = all(
    ...changes,
    ...(options.operators ?? []).map(addOperator),
    setPolicies(options.policies, options.checkPolicies),
  )
  return { snapshot: checkedSnapshot(change(empty)), secrets }
}

/** @throws `authority-change-refused` naming what does not hold together */
export function checkedSnapshot(snapshot: AuthoritySnapshot): AuthoritySnapshot {
  const faults = snapshotFaults(snapshot)
  if (faults.length > 0) throw problem('authority-change-refused', faults.join('; '), { errors: faults })
  return snapshot
}
