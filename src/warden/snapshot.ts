/**
 * The text form of an authority snapshot, and what must hold inside one. Reading half: nothing here can sign or write.
 * A snapshot is one line of canonical JSON and a newline, inside a signed note; its hash is SHA-256 over that text.
 */
import { z } from 'zod'
import { NOTE_BYTES_MAX, NoteError, parseVerifierKey, verifyNote, type NoteVerifier } from '../model/signed-note.ts'
import { DECLARATION_KINDS } from '../model/declaration.ts'
import { sha256Hex, type Hash, type PrincipalId } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import type { AuthoritySnapshot, ChangeKind, OperatorEntry, PrincipalEntry } from './authority.ts'

/** Links of an owner chain, the principal itself included. Longer ones are refused, so walking one is bounded. */
export const CHAIN_LINKS_MAX = 8
export const PRINCIPALS_MAX = 10_000
export const SNAPSHOT_BYTES_MAX = NOTE_BYTES_MAX

export interface VerifiedSnapshot {
  readonly snapshot: AuthoritySnapshot
  readonly hash: Hash
}

export const principalId = z.string().regex(/^[a-z0-9][a-z0-9._@-]{0,127}$/)
export const roleName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const timeMs = z.int().min(0)
const label = z.string().min(1).max(128)

export const key = z.strictObject({ name: label, hash, expiresAtMs: timeMs.nullable() })
const principalEntry = z.strictObject({
  id: principalId,
  kind: z.enum(['human', 'agent', 'service']),
  owner: principalId.nullable(),
  roles: z.array(roleName).max(32),
  epoch: z.int().min(1),
  revoked: z.boolean(),
  keys: z.array(key).max(32),
  approvalKey: z.string().max(256).nullable(),
  mayActFor: z.array(z.union([z.literal('*'), principalId])).max(1_000),
  tenant: z.string().max(128),
})
// Keys fetched in the clear could be anybody's; on this machine there is nobody in between.
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]']
const isPrivateUrl = (text: string): boolean => {
  const { protocol, hostname } = URL.parse(text) ?? {}
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.includes(hostname ?? ''))
}

export const issuerEntry = z.strictObject({
  issuer: z.string().min(1).max(1_024),
  audience: z.string().min(1).max(1_024),
  jwksUrl: z.string().max(1_024).refine(isPrivateUrl, 'must be https, or http on loopback'),
  algorithms: z
    .array(
      z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']),
    )
    .min(1),
  subjects: z.array(z.strictObject({ sub: z.string().min(1).max(1_024), principal: principalId })).max(PRINCIPALS_MAX),
})
export const policyFile = z
  .string()
  .regex(/^(?:limits\.json|breakers\.json|(?:[a-z0-9][a-z0-9._-]{0,63}\/){0,3}[a-z0-9][a-z0-9._-]{0,63}\.cedar)$/)
const scope = z
  .strictObject({
    kind: z.enum(['global', 'application', 'tenant', 'principal', 'run', 'command', 'effect', 'policy-set']),
    value: z.string().min(1).max(512),
  })
  .refine(({ kind, value }) => (kind === 'global') === (value === '*'), 'only the scope `global` has the value `*`')
export const switchEntry = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  scope,
  action: z.enum(['pause', 'stop', 'contain', 'freeze']),
  reason: z.string().min(1).max(1_000),
  by: principalId,
  atMs: timeMs,
})
export const CHANGE_KINDS: readonly ChangeKind[] = [
  'principals',
  'revoke',
  'policies',
  'issuers',
  'switch-on',
  'switch-off',
  'ceilings',
  'protected',
  'operators',
  'root',
]
export const changeKind = z.enum(CHANGE_KINDS)
export const operatorEntry = z.strictObject({
  id: principalId,
  algorithm: z.literal('ed25519'),
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{1,340}={0,2}$/),
  roles: z
    .array(z.union([z.literal('*'), changeKind]))
    .max(CHANGE_KINDS.length + 1)
    .readonly(),
})
export const ceiling = z.strictObject({
  name: roleName,
  scope,
  unit: roleName,
  limit: z.int().min(0),
  windowMs: z.int().min(1).nullable(),
})
export const protectedEntry = z.strictObject({
  kind: z.enum(DECLARATION_KINDS),
  name: label,
  hash,
})
/** A folder of policy files, as `policies` names them, and whether its rules decide. */
export const policySet = z.strictObject({
  name: z.string().regex(/^(?:[a-z0-9][a-z0-9._-]{0,63}\/)?[a-z0-9][a-z0-9._-]{0,63}$/),
  mode: z.enum(['enforce', 'observe']),
})

/** What a snapshot written before there were levers says of them: nothing. */
export const NO_LEVERS = {
  policySets: [],
  switches: [],
  operators: [],
  thresholds: {},
  ceilings: [],
  protected: [],
  leaseMs: null,
  nextRootKey: null,
} as const satisfies Partial<AuthoritySnapshot>

const authoritySnapshot = z.strictObject({
  format: z.literal(1),
  number: z.int().min(1).max(999_999),
  previous: z.union([hash, z.literal('')]),
  createdAtMs: timeMs,
  principals: z.array(principalEntry).max(PRINCIPALS_MAX),
  issuers: z.array(issuerEntry).max(32),
  policies: z.record(policyFile, z.string()),
  policySets: z.array(z.never()).optional(),
  switches: z.array(switchEntry).max(256).optional(),
  operators: z.array(operatorEntry).max(64).optional(),
  thresholds: z.partialRecord(changeKind, z.int().min(1).max(64)).optional(),
  ceilings: z.array(ceiling).max(256).optional(),
  protected: z.array(protectedEntry).max(1_000).optional(),
  leaseMs: z.int().min(1_000).max(86_400_000).nullable().optional(),
  nextRootKey: z.string().max(256).nullable().optional(),
})

export const snapshotText = (snapshot: AuthoritySnapshot): string => `${canonicalJson(snapshot)}\n`

/** `000007.snapshot` for number 7. */
export const snapshotFile = (number: number): string => `${String(number).padStart(6, '0')}.snapshot`
export const SNAPSHOT_FILE = /^(\d{6})\.snapshot$/

/**
 * Everything that does not hold in a snapshot, in words; empty when all of it does. What an operator's change is checked with before it is
 * signed is what the runtime checks before it adopts.
 */
export function snapshotFaults(value: unknown): readonly string[] {
  const parsed = authoritySnapshot.safeParse(value)
  if (!parsed.success)
    return parsed.error.issues.slice(0, 20).map((issue) => `\`${issue.path.map(String).join('.')}\`: ${issue.message}`)
  const snapshot = { ...NO_LEVERS, ...parsed.data } as unknown as AuthoritySnapshot
  const faults: string[] = []
  if ((snapshot.number === 1) !== (snapshot.previous === '')) faults.push('only the first snapshot has no previous one')
  const byId = new Map(snapshot.principals.map((entry) => [entry.id, entry]))
  if (byId.size !== snapshot.principals.length) faults.push('two principals have the same id')
  const keys = snapshot.principals.flatMap((entry) => entry.keys.map((one) => one.hash))
  if (new Set(keys).size !== keys.length) faults.push('one key is given twice')
  for (const entry of snapshot.principals) {
    const fault = chainFault(entry, byId)
    if (fault !== null) faults.push(fault)
  }
  const audiences = snapshot.issuers.map(({ issuer, audience }) => canonicalJson([issuer, audience]))
  if (new Set(audiences).size !== audiences.length) faults.push('one issuer is given twice for the same audience')
  for (const issuer of snapshot.issuers) {
    if (new Set(issuer.subjects.map(({ sub }) => sub)).size !== issuer.subjects.length)
      faults.push(`issuer \`${issuer.issuer}\` maps one subject twice`)
    for (const { principal } of issuer.subjects)
      if (!byId.has(principal)) faults.push(`issuer \`${issuer.issuer}\` maps to \`${principal}\`, who is not there`)
  }
  return [...faults, ...leverFaults(snapshot)]
}

/** The engine acts as `plinth`: nobody else may be called that, or seem to be a part of it. */
const isReserved = (id: string): boolean => id === 'plinth' || id.startsWith('plinth.')

function leverFaults(snapshot: AuthoritySnapshot): readonly string[] {
  const { principals, operators, switches, ceilings, thresholds, nextRootKey } = snapshot
  const faults: string[] = []
  for (const { id } of principals) if (isReserved(id)) faults.push(`the name \`${id}\` is the engine's own`)
  const once = (what: string, names: readonly string[]): void => {
    if (new Set(names).size !== names.length) faults.push(`two ${what} have the same name`)
  }
  once(
    'switches',
    switches.map(({ id }) => id),
  )
  once(
    'operators',
    operators.map(({ id }) => id),
  )
  once(
    'operators’ keys',
    operators.map(({ publicKey }) => publicKey),
  )
  once(
    'ceilings',
    ceilings.map(({ name }) => name),
  )
  once(
    'protected declarations',
    snapshot.protected.map(({ kind, name }) => `${kind} ${name}`),
  )
  for (const [kind, needed] of Object.entries(thresholds) as [ChangeKind, number][])
    if (needed > operators.filter((operator) => maySign(operator, kind)).length)
      faults.push(`\`${kind}\` would need ${needed} signatures, more than there are operators who may give one`)
  if (nextRootKey !== null && !isVerifierKey(nextRootKey)) faults.push('`nextRootKey` is not a verifier key')
  return faults
}

export const maySign = ({ roles }: OperatorEntry, kind: ChangeKind): boolean =>
  roles.includes('*') || roles.includes(kind)

function isVerifierKey(text: string): boolean {
  try {
    parseVerifierKey(text)
    return true
  } catch (error) {
    if (error instanceof NoteError) return false
    throw error
  }
}

function chainFault(entry: PrincipalEntry, byId: ReadonlyMap<PrincipalId, PrincipalEntry>): string | null {
  let link = entry
  for (let links = 1; link.owner !== null; links++) {
    if (links >= CHAIN_LINKS_MAX)
      return `the owner chain of \`${entry.id}\` is a circle or longer than ${CHAIN_LINKS_MAX}`
    const owner = byId.get(link.owner)
    if (owner === undefined) return `\`${link.id}\` is owned by \`${link.owner}\`, who is not there`
    link = owner
  }
  return null
}

/** Opens a signed snapshot. @throws `authority-invalid` with member `reason`: `forged` or `malformed` */
export function openSnapshot(note: string, verifier: NoteVerifier): VerifiedSnapshot {
  let text: string
  try {
    text = verifyNote(note, [verifier]).text
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('authority-invalid', error.message, { reason: 'forged' }, error)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw problem('authority-invalid', 'the snapshot is not JSON', { reason: 'malformed' }, error)
  }
  const faults = snapshotFaults(value)
  if (faults.length > 0) throw problem('authority-invalid', faults.join('; '), { reason: 'malformed' })
  if (snapshotText(value as AuthoritySnapshot) !== text)
    throw problem('authority-invalid', 'the snapshot is not in canonical form', { reason: 'malformed' })
  return { snapshot: { ...NO_LEVERS, ...(value as AuthoritySnapshot) }, hash: sha256Hex(text) }
}
