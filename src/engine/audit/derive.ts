/**
 * The question that admission must have been asked, put together again from the log: who acted (from the authority snapshot), what on (from the
 * release's manifest), with which input, facts, attested facts, approvals, and to do what (from the events and effects of the same transaction).
 * What the record claims to have asked is compared with this; it is never the source of it.
 */
import { toolHash } from '../approval-binding.ts'
import { OPERATION_TIMEOUT_MS } from '../bounds.ts'
import { GRANT, isEngineEntity, runStream } from '../engine-streams.ts'
import { isBoundBy } from './bound-parts.ts'
import { Mismatch } from './mismatch.ts'
import { subjectOf, type Standing } from './standing.ts'
import type { Transaction } from './transactions.ts'
import type { OperationPayload } from '../operation-payload.ts'
import { delegationFault, directoryOf, principalOf } from '../../identity/chain.ts'
import { coveredBy } from '../../model/approval-grant.ts'
import type { Impact } from '../../model/decision.ts'
import { streamParts } from '../../model/ids.ts'
import { canonicalJson, type JsonObject } from '../../model/json.ts'
import type { FlowFacts } from '../../model/flow.ts'
import { declaresFlow, type Manifest } from '../../model/manifest.ts'
import { NOTIFY_EFFECT } from '../../model/obligations.ts'
import type { Principal } from '../../model/principal.ts'
import { Problem } from '../../model/problems.ts'
import type { OperationRecord } from '../../model/record.ts'
import type { AdmitRequest, HistoryFacts } from '../../policy/policy.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'

const mismatch = (why: string): never => {
  throw new Mismatch(why)
}

/** @throws Mismatch for who was not live, or not who the record says, under this snapshot */
export function principalUnder(snapshot: AuthoritySnapshot, record: OperationRecord): Principal {
  const directory = directoryOf(snapshot)
  const entry = directory.byId.get(record.actor)
  if (entry === undefined) return mismatch(`\`${record.actor}\` is not in snapshot ${snapshot.number}`)
  let principal: Principal
  try {
    principal = principalOf(directory, entry, record.for)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return mismatch(`${error.detail}, under snapshot ${snapshot.number}`)
  }
  if (canonicalJson(principal.chain) !== canonicalJson(record.chain))
    mismatch(`the chain of \`${record.actor}\` is another one under snapshot ${snapshot.number}`)
  if (principal.tenant !== record.tenant) mismatch(`\`${record.actor}\` is of another tenant`)
  const delegation = record.for === null ? null : delegationFault(directory, entry, record.for)
  if (delegation !== null) mismatch(delegation)
  return principal
}

export interface Question {
  readonly asked: AdmitRequest
  /** What could not be derived and was taken from the record, in words. */
  readonly taken: readonly string[]
}

/** @throws Mismatch */
export function questionOf(
  { record, payload, events }: Transaction & { readonly record: OperationRecord; readonly payload: OperationPayload },
  principal: Principal,
  manifest: Manifest,
  standing: Standing,
  history: HistoryFacts | null,
): Question {
  const taken: string[] = []
  const command = Object.hasOwn(manifest.commands, record.action) ? manifest.commands[record.action] : undefined
  const action = command ?? (Object.hasOwn(manifest.queries, record.action) ? manifest.queries[record.action] : null)
  if (payload.command !== record.action) mismatch('line and payload name different actions')
  if (payload.principal.kind !== principal.kind || !sameJson(payload.principal.roles, principal.roles))
    mismatch(`\`${record.actor}\` had other roles`)
  const input = isObject(payload.input) ? payload.input : {}
  const common = { principal, action: record.action, input, facts: payload.facts }
  if (action === null || action === undefined) return { asked: { ...common, ...NOTHING_MORE }, taken }
  const target = action.targets[0]
  const id = target === undefined ? undefined : input[target.member]
  const resource = target !== undefined && typeof id === 'string' ? { entity: target.entity, id } : null
  checkRun(record, principal, standing, taken)
  const attested = attestedFor(record, payload, standing, taken)
  const impact = command === undefined ? null : impactFor(record, payload, events, manifest)
  const approvals = approvalsFor(record, payload, standing, manifest, events)
  const flow = command !== undefined && declaresFlow(manifest) ? flowOf(payload, taken) : null
  return {
    asked: { ...common, resource, attested, impact, flow, approvals, history: command === undefined ? null : history },
    taken,
  }
}

/** What a run had read is not in the log, so where its arguments came from is known from the record alone. */
function flowOf({ request }: OperationPayload, taken: string[]): FlowFacts | null {
  taken.push('where the arguments of a call came from')
  return (request?.context['flow'] ?? null) as FlowFacts | null
}

const NOTHING_MORE = { resource: null, impact: null, attested: {}, approvals: [] } as const

function checkRun({ run }: OperationRecord, principal: Principal, { runs }: Standing, taken: string[]): void {
  const open = run === null ? true : runs.isOpenTo(run, principal)
  if (open === 'unknown') taken.push('that a run was open to who called under it')
  else if (!open) mismatch('its run was not open to who called under it')
}

function attestedFor(
  { run }: OperationRecord,
  { attested, reads }: OperationPayload,
  standing: Standing,
  taken: string[],
): JsonObject {
  if (run === null) return {}
  const stream = runStream(run)
  const read = reads?.streams.find((one) => one.stream === stream)
  if (read === undefined) return mismatch('what was attested for its run is not among what it read')
  const facts = standing.attested(stream, read.version)
  if (facts === undefined) taken.push('facts attested for a run that lies too far back')
  else if (!sameJson(facts, attested)) mismatch('other facts were attested for its run')
  return facts ?? attested
}

/** Of what is committed, what it did; of what was held or denied, what it would have done is known from its record alone. */
function impactFor(
  record: OperationRecord,
  { impact }: OperationPayload,
  events: Transaction['events'],
  manifest: Manifest,
): Impact {
  const claimed = impact as Impact | null
  if (record.state !== 'committed') return claimed ?? NO_IMPACT
  const own = events.filter((event) => !isEngineEntity(streamParts(event.record.stream).entity))
  const done: Impact = {
    events: [...new Set(own.map((event) => `${streamParts(event.record.stream).entity}.${event.record.type}`))],
    streams: [...new Set(own.map((event) => event.record.stream))],
    effects: [...new Set(record.effects.map(({ effect }) => effect).filter((effect) => effect !== NOTIFY_EFFECT))],
    irreversible: record.effects.some(({ effect }) => manifest.effects[effect]?.risk === 'irreversible'),
  }
  // Members that this does not know are of the record alone; those that it knows must be what was done.
  if (claimed === null || !sameJson({ ...claimed, ...done }, claimed)) mismatch('it did something else than it said')
  return { ...claimed, ...done }
}
const NO_IMPACT: Impact = { events: [], streams: [], effects: [], irreversible: false }

/** Approvals count when the log holds them, for this operation, as it was when it was held. */
function approvalsFor(
  record: OperationRecord,
  payload: OperationPayload,
  standing: Standing,
  manifest: Manifest,
  events: Transaction['events'],
): AdmitRequest['approvals'] {
  const claimed = payload.authority?.approvals ?? []
  const held = record.state === 'held' ? null : standing.waiting(record.op)
  if (held === null) {
    const [first] = claimed
    if (first === undefined) return []
    if (!first.approval.startsWith('grt_')) return mismatch('it names approvals, and was never held')
    return grantedFor(record, payload, standing, manifest, events)
  }
  const { approval, subject } = held
  if (approval === undefined || approval.operation !== record.op)
    return mismatch('its approval request is not on record')
  if (approval.state !== 'approved') return mismatch(`it went on while its approval request was \`${approval.state}\``)
  if (record.t - OPERATION_TIMEOUT_MS >= approval.expiresAtMs) mismatch('its approval had expired when it went on')
  if (record.state === 'committed' && subject !== null && subjectOf(payload) !== subject)
    mismatch('what was approved is not what was done')
  if (record.state === 'committed' && !isBoundBy(approval, record, payload, manifest))
    mismatch('what its approver signed is not what was done')
  return approval.approvedBy.map(({ by, role }) => ({ approval: approval.approval, by, role }))
}

/** A grant counts when the log holds it, it covers this call, and its use was written with it. The roles are those of the record. */
function grantedFor(
  record: OperationRecord,
  payload: OperationPayload,
  standing: Standing,
  manifest: Manifest,
  events: Transaction['events'],
): AdmitRequest['approvals'] {
  const claimed = payload.authority?.approvals ?? []
  const [first] = claimed
  const grant = first === undefined ? undefined : standing.grant(first.approval)
  if (grant === undefined || claimed.some(({ approval, by }) => approval !== grant.grant || by !== grant.by))
    return mismatch('it names a grant that is not on record')
  const tool = toolHash(manifest, record.action)
  const call = { to: record.actor, command: record.action, tool, input: payload.input, facts: payload.facts }
  const covered = coveredBy(grant, call, record.t - OPERATION_TIMEOUT_MS)
  if ('why' in covered) return mismatch(`the grant does not cover it: ${covered.why}`)
  const [used, ...more] = events.filter((event) => streamParts(event.record.stream).entity === GRANT)
  const expected = { [grant.grant]: { ...grant, uses: grant.uses + 1, spent: grant.spent + covered.amount } }
  if (more.length > 0 || !sameJson(used?.data ?? null, expected))
    return mismatch('it used a grant and did not write it down')
  const roles = (payload.request?.context['approvals'] ?? []) as readonly string[]
  return roles.map((role) => ({ approval: grant.grant, by: grant.by, role }))
}

const sameJson = (one: unknown, other: unknown): boolean => canonicalJson(one) === canonicalJson(other)
const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
