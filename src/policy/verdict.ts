/** One compiled policy set, and its verdict on a request: admitted, held, or denied. Memory of verdicts is beside it, never instead of it. */
import type { Hash } from '../model/ids.ts'
import { sha256Hex } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
import type { ObservedVerdict } from '../model/admission.ts'
import type { Obligations } from '../model/obligations.ts'
import { actionPolicies } from './action-policies.ts'
import { evaluate, formatUid, parsePolicySet, parseSchema, type CedarRequest, type Parsed } from './cedar.ts'
import { LIMITS_FILE, type Limit } from './limits.ts'
import { narrowest, requestsOf, type Decided } from './narrowing.ts'
import { misfitsOf, readPolicyFiles, textsOf, type NamedPolicy } from './policy-set.ts'
import type { ActionGroup, PolicySchema } from './schema.ts'
import { obligationsOf, observedVerdict, sameVerdict } from './verdict-details.ts'
import { toldApartBy, toldApartText, type ToldApart } from './told-apart.ts'
import { visibleTo } from './visible.ts'

const VERDICTS_MAX = 4_096 // remembered for one set
const KEY_LENGTH_MAX = 256 // longer keys are remembered by their hash

export type Verdict = Decided & {
  /** What the determining rules oblige to; left out when that is nothing. */
  readonly obligations?: Obligations
  /** What it would be if the rules that only observe were enforced; left out when that is the same. */
  readonly observed?: ObservedVerdict
}

/** Compiled from the files of one snapshot. A set with `faults` denies everything. */
export interface CompiledSet {
  readonly hash: Hash
  /** Policies in it, scope included. */
  readonly size: number
  /** Why nothing can be evaluated; empty when it can. */
  readonly faults: readonly string[]
  /** What does not fit the application: such a policy fails when it applies, and so denies. */
  readonly misfits: readonly string[]
  /** What admission is evaluated with: the application's schema, and what the set's own limits add to it. */
  readonly schema: PolicySchema
  readonly limits: readonly Limit[]
  /** Whether a policy that somebody wrote, not the limit's own rule, sees `context.history.<limit>` for this action. */
  seesHistory(action: string, group: ActionGroup, limit: string): boolean
  inScope(request: CedarRequest): boolean
  /** Rules by which it would be out of scope if those that only observe were enforced; null when it would not, or there are none. */
  hiddenBy(request: CedarRequest): readonly string[] | null
  /** As `plainVerdict`, from memory when nothing that could change it is other than before. */
  verdict(request: CedarRequest, group: ActionGroup): Verdict
  plainVerdict(request: CedarRequest, group: ActionGroup): Verdict
  release(): void
}

export interface ParsedSchemas {
  readonly admission: Parsed
  readonly scope: Parsed
}

export function compileSet(
  files: Readonly<Record<string, string>>,
  schema: PolicySchema,
  parsed: ParsedSchemas,
): CompiledSet {
  const { policies, faults } = readPolicyFiles(files)
  if (faults.length > 0) return deniesAll(policies.hash, faults, schema)
  const shown = policies.scope.filter(isEnforced)
  const scope = parsePolicySet(textsOf(shown))
  const scopeCandidate = shown.length === policies.scope.length ? null : parsePolicySet(textsOf(policies.scope))
  const enforced = policies.admission.filter(isEnforced)
  const admission = actionPolicies(enforced)
  // With the rules that only observe; the same set when there are none.
  const candidate = enforced.length === policies.admission.length ? null : actionPolicies(policies.admission)
  admission.warm([...schema.actions].map(([name, { group }]) => [name, group]))
  const byId = new Map(policies.admission.map((policy) => [policy.id, policy]))
  const structures = policies.admission.map(({ policy }) => policy)
  const written = enforced.filter(({ file }) => file !== LIMITS_FILE).map(({ policy }) => policy)
  const own = policies.limits.length === 0 ? schema : schema.withLimits(policies.limits)
  const ownParsed = own === schema ? null : parseSchema(own.admission)
  const apart = new Map<string, ToldApart>()
  const historySeen = new Map<string, readonly (readonly string[])[]>()
  const remembered = new Map<string, Verdict>()

  function plainVerdict(request: CedarRequest, group: ActionGroup): Verdict {
    const names = [request.action.id, group]
    const used = ownParsed ?? parsed.admission
    const requests = requestsOf(request)
    const decideBy = (policies: Parsed) => narrowest(requests.map((one) => decide(policies, used, byId, one)))
    const decided = decideBy(admission.of(names))
    const observed = candidate === null ? decided : decideBy(candidate.of(names))
    return {
      ...decided,
      ...obligationsOf(decided.rules, byId),
      ...(sameVerdict(decided, observed) ? {} : { observed: observedVerdict(observed) }),
    }
  }

  function verdict(request: CedarRequest, group: ActionGroup): Verdict {
    const action = request.action.id
    let told = apart.get(action)
    if (told === undefined) apart.set(action, (told = toldApartBy(structures, [action, group])))
    const key = memoKey(request, told)
    const known = remembered.get(key)
    if (known !== undefined) {
      remembered.delete(key) // and to the end: the least recently used goes first
      remembered.set(key, known)
      return known
    }
    const fresh = plainVerdict(request, group)
    if (errorsIn(fresh)) return fresh // their words may hold values
    if (remembered.size >= VERDICTS_MAX) remembered.delete(remembered.keys().next().value ?? '')
    remembered.set(key, fresh)
    return fresh
  }

  return {
    hash: policies.hash,
    size: policies.scope.length + policies.admission.length,
    faults: [],
    misfits: misfitsOf(policies, schema),
    schema: own,
    limits: policies.limits,
    seesHistory(action, group, limit) {
      let paths = historySeen.get(action)
      if (paths === undefined) historySeen.set(action, (paths = visibleTo(written, [action, group]).paths))
      return paths.some(
        ([first, second]) => first === undefined || (first === 'history' && (second ?? limit) === limit),
      )
    },
    inScope: (request) => requestsOf(request).every((one) => evaluate(scope, parsed.scope, one).kind === 'allow'),
    hiddenBy(request) {
      if (scopeCandidate === null) return null
      const answers = requestsOf(request).map((one) => evaluate(scopeCandidate, parsed.scope, one))
      const against = answers.filter(({ kind }) => kind !== 'allow')
      if (against.length === 0) return null
      return [...new Set(against.flatMap((one) => (one.kind === 'error' ? [] : one.rules)))].sort()
    },
    verdict,
    plainVerdict,
    release() {
      scope.release()
      scopeCandidate?.release()
      admission.release()
      candidate?.release()
      ownParsed?.release()
    },
  }
}

const isEnforced = ({ mode }: NamedPolicy): boolean => mode === 'enforce'

function deniesAll(hash: Hash, faults: readonly string[], schema: PolicySchema): CompiledSet {
  const denied = { kind: 'denied', rules: [], errors: faults.slice(0, 8) } as const
  const always = {
    inScope: () => false,
    hiddenBy: () => null,
    verdict: () => denied,
    plainVerdict: () => denied,
    release: () => {},
  }
  return { hash, size: 0, faults, misfits: [], schema, limits: [], seesHistory: () => false, ...always }
}

const errorsIn = (verdict: Verdict): boolean =>
  (verdict.kind === 'denied' && verdict.errors.length > 0) || verdict.observed?.errors !== undefined

function memoKey(request: CedarRequest, told: ToldApart): string {
  const resource = told.resourceId ? formatUid(request.resource) : request.resource.type
  const key = canonicalJson([
    request.action.id,
    request.entities.filter((_, place) => place !== 1), // who asks, and the agents above
    resource,
    toldApartText(request.context, told),
  ])
  return key.length > KEY_LENGTH_MAX ? sha256Hex(key) : key
}

/**
 * Denied by forbids that all wait for somebody's approval, and by nothing else: then it is held for them. Whether anything else stands in the way
 * is found by asking again with those approvals assumed.
 */
function decide(
  policies: Parsed,
  schema: Parsed,
  byId: ReadonlyMap<string, NamedPolicy>,
  request: CedarRequest,
): Decided {
  const first = evaluate(policies, schema, request)
  if (first.kind === 'error') return { kind: 'denied', rules: [], errors: first.errors }
  const { rules } = first
  const unknown = rules.flatMap((rule) =>
    (byId.get(rule)?.unknown ?? []).map((name) => `\`${rule}\`: nobody here knows the obligation \`@${name}\``),
  )
  if (unknown.length > 0) return { kind: 'denied', rules, errors: unknown }
  if (first.kind === 'allow') return { kind: 'admitted', rules }
  const holds = rules.map((rule) => byId.get(rule)?.hold ?? null).filter((hold) => hold !== null)
  if (rules.length === 0 || holds.length < rules.length) return { kind: 'denied', rules, errors: [] }
  const requires = [...new Set(holds.map(({ role }) => role))].sort()
  const approved = evaluate(policies, schema, { ...request, context: withApprovals(request.context, requires) })
  if (approved.kind === 'error') return { kind: 'denied', rules, errors: approved.errors }
  if (approved.kind === 'deny') return { kind: 'denied', rules, errors: [] }
  return {
    kind: 'held',
    rules,
    requires,
    forMs: Math.min(...holds.map(({ forMs }) => forMs)),
    grants: holds.every(({ grants }) => grants),
  }
}

function withApprovals(context: JsonObject, roles: readonly string[]): JsonObject {
  const given = Array.isArray(context['approvals']) ? (context['approvals'] as readonly string[]) : []
  return { ...context, approvals: [...new Set([...given, ...roles])].sort() }
}
