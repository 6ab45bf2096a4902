/**
 * What a principal could do, by the policies in force at a point of the log, beside what it did up to there; and the narrower policy that would have
 * allowed all of that and nothing of what it could do and never did.
 */
import { setImmediate } from 'node:timers/promises'
import type { Evidence } from './evidence.ts'
import { PolicyBench } from './policy-bench.ts'
import type { ActionReach, ReachReport } from './report.ts'
import { Standing } from './standing.ts'
import { transactionsOf } from './transactions.ts'
import type { OperationPayload } from '../operation-payload.ts'
import type { ReleaseId } from '../../model/ids.ts'
import type { Manifest } from '../../model/manifest.ts'
import { problem } from '../../model/problems.ts'
import { readPolicyFiles, type PolicyFiles } from '../../policy/policy-set.ts'
import type { KnownCall } from '../../policy/partial.ts'
import { narrowestReach, reachOf, type Reach } from '../../policy/reach.ts'
import { PRINCIPAL_TYPES, type PolicySchema } from '../../policy/schema.ts'
import { SIDE_RECORDS_MAX } from '../../storage/storage.ts'
import type { AuthoritySnapshot, PrincipalEntry } from '../../warden/authority.ts'
import { reaches } from '../../warden/switches.ts'

export type AsOf = { readonly position: number } | { readonly timeMs: number } | null

const METHOD =
  'partial evaluation: principal, its roles, action and types of resources are known, everything else of a call is not; `always` and `never` hold for every call that fits the schema'
const BREATHE_EVERY = 200

type Did = { -readonly [Name in keyof ActionReach['did']]: ActionReach['did'][Name] }
interface Deeds {
  readonly did: Did
  /** Rules that let it through. */
  readonly under: Set<string>
}

/** @throws `usage` when there is no such principal then */
export async function reachOfPrincipal(
  evidence: Evidence,
  principal: string,
  asOf: AsOf,
  onProgress: (records: number, of: number | null) => void,
  signal: AbortSignal,
): Promise<ReachReport> {
  const standing = new Standing()
  const deeds = new Map<string, Deeds>()
  let position = -1
  let release: ReleaseId | null = null
  // What lies beside the log has no position: a time, or that of the first record behind the position.
  let untilMs = asOf !== null && 'timeMs' in asOf ? asOf.timeMs + 1 : Number.POSITIVE_INFINITY
  let count = 0
  for await (const transaction of transactionsOf(evidence, signal)) {
    const { record, payload } = transaction
    if (record === null) continue
    if (asOf !== null && ('position' in asOf ? transaction.position > asOf.position : record.t > asOf.timeMs)) {
      untilMs = Math.min(untilMs, record.t)
      break
    }
    position = transaction.position
    release = record.release ?? release
    standing.after(transaction)
    if (record.actor === principal && record.chain.length > 0)
      note(deeds, record.action, record.state, record.t, payload?.authority?.rules ?? [])
    if (++count % BREATHE_EVERY !== 0) continue
    onProgress(position + 1, evidence.size)
    await setImmediate()
  }
  const forgotten = await noteBeside(evidence, principal, untilMs, deeds, signal)
  const found = await evidence.snapshot(standing.inForce)
  const manifest = release === null ? null : await evidence.manifest(release)
  if (found.kind !== 'found' || release === null || manifest === null)
    throw problem('usage', 'there was no authority and no release in force then')
  const entry = found.snapshot.principals.find(({ id }) => id === principal)
  if (entry === undefined)
    throw problem('usage', `there is no principal \`${principal}\` in snapshot ${standing.inForce}`)
  const bench = new PolicyBench()
  try {
    const judgement = bench.judge(found.snapshot.policies, release, manifest)
    const { policies, faults } = readPolicyFiles(found.snapshot.policies)
    const fits = faults.length === 0 && judgement.misfits.length === 0
    const revoked = isRevoked(found.snapshot, entry)
    const actions: ActionReach[] = []
    const granting = new Map<string, readonly string[]>()
    const above = agentsAbove(found.snapshot, entry)
    const forSomebody = mayActForSomebody([entry, ...above])
    for (const [action, { group }] of judgement.schema.actions) {
      const as = (who: PrincipalEntry): Reach =>
        reachOf(policies, knownCall(who, forSomebody, action, group, manifest, judgement.schema), fits)
      const reach = revoked ? NOTHING : narrowestReach([as(entry), ...above.map(as)])
      const { did } = deeds.get(action) ?? { did: NO_DEEDS }
      const { class: could, scope: inScope, by, on, grants } = reach
      actions.push({ action, group, could, inScope, by, on, did })
      granting.set(action, grants)
    }
    const notChecked = [
      'policies of another time: what was allowed then may not be now, and the other way round',
      ...(evidence.beside === null ? ['reads and denials, which this evidence does not hold'] : []),
      ...(forgotten ? ['reads that are no longer kept: queries in its reach are left to it'] : []),
    ]
    return {
      ...{
        principal,
        principalKind: entry.kind,
        roles: entry.roles,
        revoked,
        position,
        snapshot: standing.inForce,
        release,
      },
      actions,
      grants: grantsOf(policies, granting, deeds),
      switches: switchesOn(found.snapshot, entry, manifest),
      narrower: narrower(entry, actions, position, forgotten || evidence.beside === null),
      method: METHOD,
      notChecked,
    }
  } finally {
    bench.close()
  }
}

const NOTHING: Reach = { class: 'never', scope: 'false', by: [], on: [], grants: [] }
const NO_DEEDS: Did = { committed: 0, held: 0, denied: 0, refused: 0, read: 0, lastAtMs: null }

function note(deeds: Map<string, Deeds>, action: string, state: string, atMs: number, rules: readonly string[]): void {
  let known = deeds.get(action)
  if (known === undefined) deeds.set(action, (known = { did: { ...NO_DEEDS }, under: new Set() }))
  const { did, under } = known
  if (state === 'committed' || state === 'held' || state === 'denied' || state === 'refused' || state === 'read')
    did[state] += 1
  did.lastAtMs = Math.max(did.lastAtMs ?? 0, atMs)
  if (state === 'committed' || state === 'read') for (const rule of rules) under.add(rule)
}

/** @returns whether reads of that time may have been dropped already */
async function noteBeside(
  evidence: Evidence,
  principal: string,
  untilMs: number,
  deeds: Map<string, Deeds>,
  signal: AbortSignal,
): Promise<boolean> {
  let reads = 0
  for (const kind of ['read', 'denied', 'refused'] as const)
    for await (const side of evidence.beside?.(kind, signal) ?? []) {
      if (kind === 'read') reads += 1
      if (side.principal !== principal || side.recordedAtMs >= untilMs) continue
      const { authority } = JSON.parse(side.body) as OperationPayload
      note(deeds, side.action, kind, side.recordedAtMs, authority?.rules ?? [])
    }
  return reads >= SIDE_RECORDS_MAX
}

/** Those that reach it whatever it asks for: under them it could do less than policy says. */
const switchesOn = (
  snapshot: AuthoritySnapshot,
  entry: PrincipalEntry,
  { name }: Manifest,
): ReachReport['switches'] => {
  const principals: string[] = []
  for (let link: PrincipalEntry | undefined = entry; link !== undefined; link = ownerOf(snapshot.principals, link))
    principals.push(link.id)
  const subject = { application: name, tenant: entry.tenant, principals, run: null, command: '', effects: [] }
  return snapshot.switches
    .filter(({ scope }) => reaches(scope, { ...subject, policySet: null }))
    .map(({ id, action, reason }) => ({ id, action, reason }))
}

/** Revoked itself, or with an owner. Chains of a snapshot end. */
function isRevoked({ principals }: AuthoritySnapshot, entry: PrincipalEntry): boolean {
  for (let link: PrincipalEntry | undefined = entry; link !== undefined; link = ownerOf(principals, link))
    if (link.revoked) return true
  return false
}

/** Agents that own it, or own its owner: what it does needs the permission of each. */
function agentsAbove({ principals }: AuthoritySnapshot, entry: PrincipalEntry): readonly PrincipalEntry[] {
  const above: PrincipalEntry[] = []
  for (let link = ownerOf(principals, entry); link !== undefined; link = ownerOf(principals, link))
    if (link.kind === 'agent') above.push(link)
  return above
}
const ownerOf = (principals: readonly PrincipalEntry[], { owner }: PrincipalEntry): PrincipalEntry | undefined =>
  owner === null ? undefined : principals.find(({ id }) => id === owner)

/** Whether there is anybody whom all of them may act for. */
function mayActForSomebody(agents: readonly PrincipalEntry[]): boolean {
  const mayAct = (forWhom: string) => (agent: PrincipalEntry) =>
    agent.mayActFor.includes('*') || agent.mayActFor.includes(forWhom)
  return agents.flatMap(({ mayActFor }) => mayActFor).some((forWhom) => agents.every(mayAct(forWhom)))
}

function knownCall(
  { id, kind, roles, owner, tenant }: PrincipalEntry,
  forSomebody: boolean,
  action: string,
  group: string,
  { commands, queries }: Manifest,
  { entityTypes }: PolicySchema,
): KnownCall {
  const declared = commands[action] ?? queries[action]
  const target = declared?.targets[0] === undefined ? undefined : entityTypes.get(declared.targets[0].entity)
  const own = target === undefined ? [] : [target]
  return {
    principal: { type: PRINCIPAL_TYPES[kind], id },
    groups: roles.map((role) => ({ type: 'Role', id: role })),
    attrs: { id, tenant, ...(owner === null ? {} : { owner }) },
    openAttrs: forSomebody ? ['onBehalfOf'] : [],
    action,
    actionGroup: group,
    // The engine's own actions may be about anything.
    resourceTypes: declared === undefined ? [...entityTypes.values(), 'Application'] : [...own, 'Application'],
  }
}

function grantsOf(
  { scope, admission }: PolicyFiles,
  granting: ReadonlyMap<string, readonly string[]>,
  deeds: ReadonlyMap<string, Deeds>,
): ReachReport['grants'] {
  return [...scope, ...admission].flatMap(({ id, file, policy }) => {
    if (policy.effect !== 'permit') return []
    const granted = [...granting].flatMap(([action, grants]) => (grants.includes(id) ? [action] : []))
    if (granted.length === 0) return []
    const isScope = scope.some((one) => one.id === id)
    const used = granted.filter((action) => {
      const known = deeds.get(action)
      return known !== undefined && (isScope ? wasDone(known.did) : known.under.has(id))
    })
    return [{ rule: id, file, actions: granted, used }]
  })
}

const wasDone = ({ committed, held, read }: ActionReach['did']): boolean => committed + held + read > 0

/** A forbid in scope: what it names does not exist for this principal any more, and nobody else is touched. */
function narrower(
  { id, kind }: PrincipalEntry,
  actions: readonly ActionReach[],
  position: number,
  keepQueries: boolean,
): ReachReport['narrower'] {
  const keeps = (one: ActionReach): boolean => wasDone(one.did) || (keepQueries && one.group === 'queries')
  const removes = actions.filter((one) => one.could !== 'never' && !keeps(one)).map(({ action }) => action)
  if (removes.length === 0) return null
  const kept = actions.filter((one) => one.could !== 'never' && keeps(one)).map(({ action }) => action)
  // All that it did before stays, also where today's policies would not allow it: other rules say so.
  const done = [...new Set([...kept, ...actions.filter(({ did }) => wasDone(did)).map(({ action }) => action)])].sort()
  const name = id.replaceAll(/[^a-z0-9._-]/g, '-')
  const list = done.map((action) => `    Action::${JSON.stringify(action)}`).join(',\n')
  const except = done.length === 0 ? '' : `\nunless\n{\n  action in [\n${list}\n  ]\n}`
  const text =
    `// What \`${id}\` has used up to position ${position} of the log; all else that it could do is out of its scope.\n` +
    `@id("narrow:${name}")\nforbid (principal == ${PRINCIPAL_TYPES[kind]}::${JSON.stringify(id)}, action, resource)${except};\n`
  return { file: `scope/narrow-${name}.cedar`, text, removes }
}
