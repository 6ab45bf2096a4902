/**
 * A change as data: what an operator signs, and what the warden applies. Each kind of document is one function of changes.ts, and counts as one
 * kind of change for thresholds. Writing half.
 */
import { z } from 'zod'
import type { AuthoritySnapshot, ChangeKind, IssuerEntry, ProtectedEntry } from './authority.ts'
import {
  addIssuer,
  addKeyHash,
  addOperator,
  addPrincipal,
  protect,
  reinstate,
  removeCeiling,
  removeIssuer,
  removeKey,
  removeOperator,
  revoke,
  setApprovalKey,
  setCeiling,
  setLease,
  setMayActFor,
  setPolicies,
  setPolicyMode,
  setRoles,
  setThreshold,
  switchOff,
  switchOn,
  unprotect,
  type Change,
  type PolicyCheck,
} from './changes.ts'
import {
  ceiling,
  changeKind,
  issuerEntry,
  key,
  operatorEntry,
  policyFile,
  policySet,
  principalId,
  protectedEntry,
  roleName,
  switchEntry,
} from './snapshot.ts'

const mayActFor = z
  .array(z.union([z.literal('*'), principalId]))
  .max(1_000)
  .readonly()
const roles = z.array(roleName).max(32).readonly()
const principal = z.strictObject({
  id: principalId,
  kind: z.enum(['human', 'agent', 'service']),
  owner: principalId.nullable(),
  roles,
  tenant: z.string().max(128).optional(),
  mayActFor: mayActFor.optional(),
  approvalKey: z.string().max(256).nullable().optional(),
})
const name = z.string().min(1).max(128)

export const changeDocument = z.discriminatedUnion('change', [
  z.strictObject({ change: z.literal('add-principal'), principal }),
  z.strictObject({ change: z.literal('add-key'), principal: principalId, key }),
  z.strictObject({ change: z.literal('remove-key'), principal: principalId, name }),
  z.strictObject({ change: z.literal('set-roles'), principal: principalId, roles }),
  z.strictObject({ change: z.literal('set-may-act-for'), principal: principalId, mayActFor }),
  z.strictObject({
    change: z.literal('set-approval-key'),
    principal: principalId,
    approvalKey: z.string().max(256).nullable(),
  }),
  z.strictObject({ change: z.literal('reinstate'), principal: principalId }),
  z.strictObject({ change: z.literal('revoke'), principal: principalId }),
  z.strictObject({ change: z.literal('set-policies'), files: z.record(policyFile, z.string()) }),
  z.strictObject({ change: z.literal('set-policy-mode'), set: policySet }),
  z.strictObject({ change: z.literal('add-issuer'), issuer: issuerEntry }),
  z.strictObject({ change: z.literal('remove-issuer'), issuer: z.string().max(1_024) }),
  z.strictObject({ change: z.literal('switch-on'), switch: switchEntry.omit({ by: true, atMs: true }) }),
  z.strictObject({ change: z.literal('switch-off'), id: z.string().max(64) }),
  z.strictObject({ change: z.literal('set-ceiling'), ceiling }),
  z.strictObject({ change: z.literal('remove-ceiling'), name }),
  z.strictObject({ change: z.literal('protect'), entry: protectedEntry }),
  z.strictObject({ change: z.literal('unprotect'), entry: protectedEntry.omit({ hash: true }) }),
  z.strictObject({ change: z.literal('add-operator'), operator: operatorEntry }),
  z.strictObject({ change: z.literal('remove-operator'), id: principalId }),
  z.strictObject({ change: z.literal('set-threshold'), kind: changeKind, signatures: z.int().min(1).max(64) }),
  z.strictObject({ change: z.literal('set-lease'), leaseMs: z.int().min(1_000).max(86_400_000).nullable() }),
  /** The warden makes the new key; nobody else ever holds it. */
  z.strictObject({ change: z.literal('rotate-root') }),
])
export type ChangeDocument = z.infer<typeof changeDocument>

const KINDS: Readonly<Record<ChangeDocument['change'], ChangeKind>> = {
  'add-principal': 'principals',
  'add-key': 'principals',
  'remove-key': 'principals',
  'set-roles': 'principals',
  'set-may-act-for': 'principals',
  'set-approval-key': 'principals',
  reinstate: 'principals',
  revoke: 'revoke',
  'set-policies': 'policies',
  'set-policy-mode': 'policies',
  'add-issuer': 'issuers',
  'remove-issuer': 'issuers',
  'switch-on': 'switch-on',
  'switch-off': 'switch-off',
  'set-ceiling': 'ceilings',
  'remove-ceiling': 'ceilings',
  protect: 'protected',
  unprotect: 'protected',
  'add-operator': 'operators',
  'remove-operator': 'operators',
  'set-threshold': 'operators',
  'set-lease': 'root',
  'rotate-root': 'root',
}
/** All kinds, for whoever names one. */
export const KINDS_OF_CHANGE: readonly ChangeKind[] = [...new Set(Object.values(KINDS))]
export const kindOf = ({ change }: ChangeDocument): ChangeKind => KINDS[change]

/** What an operator asked for, and when: a switch says so. */
export interface ChangeContext {
  readonly by: string
  readonly nowMs: number
  readonly checkPolicies: PolicyCheck
  /** Verifier key of a root key that the warden has just made. */
  readonly newRootKey: () => string
}

/** The snapshot with a document's change. @throws `authority-change-refused` */
export function applyDocument(
  document: ChangeDocument,
  snapshot: AuthoritySnapshot,
  context: ChangeContext,
): AuthoritySnapshot {
  return changeOf(document, context)(snapshot)
}

function changeOf(document: ChangeDocument, { by, nowMs, checkPolicies, newRootKey }: ChangeContext): Change {
  switch (document.change) {
    case 'add-principal': {
      const { tenant, mayActFor: others, approvalKey, ...rest } = document.principal
      return addPrincipal({
        ...rest,
        ...(tenant === undefined ? {} : { tenant }),
        ...(others === undefined ? {} : { mayActFor: others }),
        ...(approvalKey === undefined ? {} : { approvalKey }),
      })
    }
    case 'add-key':
      return addKeyHash(document.principal, document.key as Parameters<typeof addKeyHash>[1])
    case 'remove-key':
      return removeKey(document.principal, document.name)
    case 'set-roles':
      return setRoles(document.principal, document.roles)
    case 'set-may-act-for':
      return setMayActFor(document.principal, document.mayActFor)
    case 'set-approval-key':
      return setApprovalKey(document.principal, document.approvalKey)
    case 'reinstate':
      return reinstate(document.principal)
    case 'revoke':
      return revoke(document.principal)
    case 'set-policies':
      return setPolicies(document.files, checkPolicies)
    case 'set-policy-mode':
      return setPolicyMode(document.set.name, document.set.mode)
    case 'add-issuer':
      return addIssuer(document.issuer as unknown as IssuerEntry)
    case 'remove-issuer':
      return removeIssuer(document.issuer)
    case 'switch-on':
      return switchOn({ ...document.switch, by, atMs: nowMs })
    case 'switch-off':
      return switchOff(document.id)
    case 'set-ceiling':
      return setCeiling(document.ceiling)
    case 'remove-ceiling':
      return removeCeiling(document.name)
    case 'protect':
      return protect(document.entry as ProtectedEntry)
    case 'unprotect':
      return unprotect(document.entry)
    case 'add-operator':
      return addOperator(document.operator)
    case 'remove-operator':
      return removeOperator(document.id)
    case 'set-threshold':
      return setThreshold(document.kind, document.signatures)
    case 'set-lease':
      return setLease(document.leaseMs)
    case 'rotate-root':
      return (snapshot) => ({ ...snapshot, nextRootKey: newRootKey() })
    default:
      return document satisfies never
  }
}
