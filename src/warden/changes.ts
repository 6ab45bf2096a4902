/**
 * What an operator may change, each as a pure function from one snapshot to the next. Writing half: no door of the runtime may reach this file.
 * Numbers, links and times are set by publish.ts; whether the whole still holds together is checked there too.
 */
import type { DeclarationName } from '../model/declaration.ts'
import { sha256Hex, type PrincipalId } from '../model/ids.ts'
import type { PrincipalKind } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type {
  AuthoritySnapshot,
  CeilingEntry,
  ChangeKind,
  IssuerEntry,
  OperatorEntry,
  PrincipalEntry,
  ProtectedEntry,
  SwitchEntry,
} from './authority.ts'

/** @throws `authority-change-refused` */
export type Change = (snapshot: AuthoritySnapshot) => AuthoritySnapshot

export interface NewPrincipal {
  readonly id: string
  readonly kind: PrincipalKind
  readonly owner: string | null
  readonly roles: readonly string[]
  readonly tenant?: string
  readonly mayActFor?: readonly string[]
  /** Base64 SPKI; only for who may decide approvals. */
  readonly approvalKey?: string | null
}

export const addPrincipal =
  (added: NewPrincipal): Change =>
  (snapshot) => {
    if (snapshot.principals.some(({ id }) => id === added.id))
      throw refused(`principal \`${added.id}\` is there already`)
    return { ...snapshot, principals: [...snapshot.principals, newEntry(added)] }
  }

/** The key itself is made by `newApiKey()` and shown once; the snapshot keeps its hash. */
export const addKey = (
  principal: string,
  { secret, ...key }: { readonly name: string; readonly secret: string; readonly expiresAtMs: number | null },
): Change => addKeyHash(principal, { ...key, hash: sha256Hex(secret) })

export const addKeyHash = (principal: string, key: PrincipalEntry['keys'][number]): Change =>
  onPrincipal(principal, (entry) => {
    if (entry.keys.some(({ name }) => name === key.name))
      throw refused(`\`${principal}\` has a key \`${key.name}\` already`)
    return { ...entry, keys: [...entry.keys, key] }
  })

export const removeKey = (principal: string, name: string): Change =>
  onPrincipal(principal, (entry) => {
    const keys = entry.keys.filter((key) => key.name !== name)
    if (keys.length === entry.keys.length) throw refused(`\`${principal}\` has no key \`${name}\``)
    return { ...entry, keys }
  })

/**
 * Stops a principal, and with it everything that it owns, because their chains contain it. The raised epoch stops what is under way, also after
 * a later reinstatement. It stops the principal, not a credential: a key that leaked is removed with `removeKey`.
 */
export const revoke = (principal: string): Change =>
  onPrincipal(principal, (entry) => ({ ...entry, revoked: true, epoch: entry.epoch + 1 }))

export const reinstate = (principal: string): Change =>
  onPrincipal(principal, (entry) => {
    if (!entry.revoked) throw refused(`\`${principal}\` is not revoked`)
    return { ...entry, revoked: false }
  })

/** Raises the epoch too, so that nothing goes on under the roles of before. */
export const setRoles = (principal: string, roles: readonly string[]): Change =>
  onPrincipal(principal, (entry) => ({ ...entry, roles: [...roles], epoch: entry.epoch + 1 }))

/** Raises the epoch too, so that nothing goes on for whom it may no longer act. */
export const setMayActFor = (principal: string, mayActFor: readonly string[]): Change =>
  onPrincipal(principal, (entry) => ({ ...entry, mayActFor: [...mayActFor], epoch: entry.epoch + 1 }))

/** Raises the epoch too, so that nothing goes on that was signed with the key of before. */
export const setApprovalKey = (principal: string, approvalKey: string | null): Change =>
  onPrincipal(principal, (entry) => ({ ...entry, approvalKey, epoch: entry.epoch + 1 }))

/** What is wrong with policy files, in words; empty when nothing is. `policyFaults` of src/policy/policy-set.ts is one. */
export type PolicyCheck = (files: Readonly<Record<string, string>>) => readonly string[]

/** Replaces all policy files. The check is not optional: what cannot be evaluated must never be signed. */
export const setPolicies =
  (files: Readonly<Record<string, string>>, check: PolicyCheck): Change =>
  (snapshot) => {
    const faults = check(files)
    if (faults.length > 0) throw refused(faults.slice(0, 20).join('; '), faults)
    return { ...snapshot, policies: { ...files } }
  }

export const addIssuer =
  (issuer: IssuerEntry): Change =>
  (snapshot) => ({ ...snapshot, issuers: [...snapshot.issuers, issuer] })

export const removeIssuer =
  (issuer: string): Change =>
  (snapshot) => {
    const issuers = snapshot.issuers.filter((entry) => entry.issuer !== issuer)
    if (issuers.length === snapshot.issuers.length) throw refused(`there is no issuer \`${issuer}\``)
    return { ...snapshot, issuers }
  }

export const switchOn =
  (one: SwitchEntry): Change =>
  (snapshot) => ({ ...snapshot, switches: [...snapshot.switches, one] })

export const switchOff =
  (id: string): Change =>
  (snapshot) => ({ ...snapshot, switches: without(snapshot.switches, (one) => one.id === id, `switch \`${id}\``) })

/**
 * Has the rules of one folder only observe, or decide again: their files are moved below `observe/` and back. A permit that observes lets nothing
 * through. Scope has no folder of its own to move: its rules observe by `@mode`.
 */
export const setPolicyMode =
  (name: string, mode: 'enforce' | 'observe'): Change =>
  (snapshot) => {
    if (/^(?:scope|observe)(?:\/|$)/.test(name)) throw refused(`\`${name}\` is no set of policies that could observe`)
    const [from, to] = mode === 'observe' ? [`${name}/`, `observe/${name}/`] : [`observe/${name}/`, `${name}/`]
    const policies: Record<string, string> = {}
    for (const [file, text] of Object.entries(snapshot.policies))
      policies[file.startsWith(from) ? `${to}${file.slice(from.length)}` : file] = text
    const [before, after] = [Object.keys(snapshot.policies), Object.keys(policies)]
    if (after.length < before.length) throw refused(`\`${to}\` holds files of these names already`)
    if (after.every((file) => before.includes(file)))
      throw refused(`there are no policies in \`${from}\`: \`plinth policy show\` lists them`)
    return { ...snapshot, policies }
  }

/** Puts a ceiling in the place of the one of its name, if there is one. */
export const setCeiling =
  (ceiling: CeilingEntry): Change =>
  (snapshot) => ({ ...snapshot, ceilings: [...snapshot.ceilings.filter(({ name }) => name !== ceiling.name), ceiling] })

export const removeCeiling =
  (name: string): Change =>
  (snapshot) => ({
    ...snapshot,
    ceilings: without(snapshot.ceilings, (one) => one.name === name, `ceiling \`${name}\``),
  })

/** Puts it in the place of what was signed of the same declaration before, if anything. */
export const protect =
  (entry: ProtectedEntry): Change =>
  (snapshot) => {
    const others = snapshot.protected.filter(({ kind, name }) => kind !== entry.kind || name !== entry.name)
    return { ...snapshot, protected: [...others, entry] }
  }

export const unprotect =
  ({ kind, name }: DeclarationName): Change =>
  (snapshot) => ({
    ...snapshot,
    protected: without(snapshot.protected, (one) => one.kind === kind && one.name === name, `${kind} \`${name}\``),
  })

export const addOperator =
  (operator: OperatorEntry): Change =>
  (snapshot) => ({ ...snapshot, operators: [...snapshot.operators, operator] })

export const removeOperator =
  (id: string): Change =>
  (snapshot) => ({ ...snapshot, operators: without(snapshot.operators, (one) => one.id === id, `operator \`${id}\``) })

export const setThreshold =
  (kind: ChangeKind, signatures: number): Change =>
  (snapshot) => ({ ...snapshot, thresholds: { ...snapshot.thresholds, [kind]: signatures } })

export const setLease =
  (leaseMs: number | null): Change =>
  (snapshot) => ({ ...snapshot, leaseMs })

/** Several changes as one: one snapshot, or none. */
export const all =
  (...changes: readonly Change[]): Change =>
  (snapshot) =>
    changes.reduce((changed, change) => change(changed), snapshot)

function without<Entry>(entries: readonly Entry[], gone: (entry: Entry) => boolean, what: string): readonly Entry[] {
  const left = entries.filter((entry) => !gone(entry))
  if (left.length === entries.length) throw refused(`there is no ${what}`)
  return left
}

const onPrincipal =
  (principal: string, change: (entry: PrincipalEntry) => PrincipalEntry): Change =>
  (snapshot) => {
    if (!snapshot.principals.some(({ id }) => id === principal)) throw refused(`there is no principal \`${principal}\``)
    const principals = snapshot.principals.map((entry) => (entry.id === principal ? change(entry) : entry))
    return { ...snapshot, principals }
  }

const newEntry = ({ id, kind, owner, roles, tenant, mayActFor, approvalKey }: NewPrincipal): PrincipalEntry => ({
  id: id as PrincipalId, // its form is checked with the whole snapshot, before anything is signed
  kind,
  owner: owner as PrincipalId | null,
  roles: [...roles],
  epoch: 1,
  revoked: false,
  keys: [],
  approvalKey: approvalKey ?? null,
  mayActFor: [...(mayActFor ?? [])],
  tenant: tenant ?? '',
})

const refused = (detail: string, errors: readonly string[] = []) =>
  problem('authority-change-refused', detail, errors.length > 0 ? { errors: errors.slice(0, 20) } : {})
