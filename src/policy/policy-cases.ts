/**
 * Policy cases: plain JSON files beside the policies (`*.cases.json`), each case a call and the verdict it must get. Evaluated as admission is, with
 * the application's schema; also says which policies no case has come to.
 */
import type { JsonObject } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import type { Principal, PrincipalKind } from '../model/principal.ts'
import type { PrincipalId, StreamId } from '../model/ids.ts'
import { evaluate, parsePolicySet, parseSchema } from './cedar.ts'
import { ContextError } from './context-type.ts'
import type { AdmitRequest } from './policy.ts'
import { readPolicyFiles, textsOf } from './policy-set.ts'
import { cedarRequest, scopeRequest } from './request.ts'
import { schemaOf } from './schema.ts'
import { compileSet } from './verdict.ts'

export const CASES_MAX = 10_000 // in one folder
const VERDICTS = ['admitted', 'held', 'denied', 'out-of-scope'] as const
type CaseVerdict = (typeof VERDICTS)[number]

export interface CaseFailure {
  readonly file: string
  readonly name: string
  readonly expected: { readonly verdict: string; readonly rules: readonly string[] | null }
  readonly got: { readonly verdict: string; readonly rules: readonly string[] } | null
  /** Why it could not be evaluated, or is no case; empty when it just came out otherwise. */
  readonly errors: readonly string[]
}
export interface CasesReport {
  readonly cases: number
  readonly passed: number
  readonly failed: readonly CaseFailure[]
  /** What is wrong with the policies themselves. */
  readonly faults: readonly string[]
  readonly policies: number
  /** Policies that determined the verdict of no case. */
  readonly uncovered: readonly string[]
}

interface PolicyCase {
  readonly name: string
  readonly principal: {
    readonly id: string
    readonly kind: PrincipalKind
    readonly roles: readonly string[]
    readonly owner: string | null
    readonly onBehalfOf: string | null
    readonly tenant: string
  }
  readonly action: string
  readonly resource: AdmitRequest['resource']
  readonly context: JsonObject
  readonly verdict: CaseVerdict
  readonly rules: readonly string[] | null
}

/**
 * @param files policies by name, as a snapshot holds them
 * @param cases texts of the case files, by name
 */
export function runPolicyCases(
  files: Readonly<Record<string, string>>,
  cases: Readonly<Record<string, string>>,
  manifest: Manifest,
): CasesReport {
  const schema = schemaOf(manifest)
  const parsed = { admission: parseSchema(schema.admission), scope: parseSchema(schema.scope) }
  const { policies, faults } = readPolicyFiles(files)
  const set = compileSet(files, schema, parsed)
  const scopeSet = faults.length === 0 ? parsePolicySet(textsOf(policies.scope)) : null
  const covered = new Set<string>()
  const failed: CaseFailure[] = []
  let count = 0

  function verdictOf(one: PolicyCase): { readonly verdict: CaseVerdict; readonly rules: readonly string[] } {
    const principal = principalOf(one)
    const scope = scopeRequest(schema, principal, one.action)
    const answer = scopeSet === null ? null : evaluate(scopeSet, parsed.scope, scope)
    const scopeRules = answer === null || answer.kind === 'error' ? [] : answer.rules
    for (const rule of scopeRules) covered.add(rule)
    if (answer?.kind !== 'allow') return { verdict: 'out-of-scope', rules: scopeRules }
    const { group } = schema.actions.get(one.action) ?? { group: 'engine' as const }
    const { kind, rules, observed } = set.plainVerdict(
      cedarRequest(set.schema, askedBy(one, principal, manifest, set.limits)),
      group,
    )
    for (const rule of [...rules, ...(observed?.rules ?? [])]) covered.add(rule)
    return { verdict: kind, rules }
  }

  try {
    for (const [file, text] of Object.entries(cases)) {
      for (const read of readCases(text)) {
        if (++count > CASES_MAX) {
          failed.push(notACase(file, '', [`there are more than ${CASES_MAX} cases`]))
          break
        }
        if ('faults' in read) {
          failed.push(notACase(file, read.name, read.faults))
          continue
        }
        const { name, verdict, rules } = read
        try {
          const got = verdictOf(read)
          const same = got.verdict === verdict && (rules === null || [...rules].sort().join() === got.rules.join())
          if (!same) failed.push({ file, name, expected: { verdict, rules }, got, errors: [] })
        } catch (error) {
          if (!(error instanceof ContextError)) throw error
          const errors = [`the call does not fit the application: ${error.message}`]
          failed.push({ file, name, expected: { verdict, rules }, got: null, errors })
        }
      }
    }
    const all = [...policies.scope, ...policies.admission].map(({ id }) => id)
    return {
      cases: Math.min(count, CASES_MAX),
      passed: Math.min(count, CASES_MAX) - failed.length,
      failed,
      faults: [...set.faults, ...set.misfits],
      policies: all.length,
      uncovered: all.filter((id) => !covered.has(id)),
    }
  } finally {
    scopeSet?.release()
    set.release()
    parsed.admission.release()
    parsed.scope.release()
  }
}

const notACase = (file: string, name: string, errors: readonly string[]): CaseFailure => ({
  ...{ file, name, expected: { verdict: '', rules: null }, got: null, errors },
})

function principalOf({ principal }: PolicyCase): Principal {
  const { id, kind, roles, owner, onBehalfOf, tenant } = principal
  const link = (name: string) => ({ principal: name as PrincipalId, epoch: 1 })
  return {
    ...{ id: id as PrincipalId, kind, roles, tenant },
    chain: owner === null ? [link(id)] : [link(id), link(owner)],
    onBehalfOf: onBehalfOf as PrincipalId | null,
  }
}

/** What a case leaves out is as little as there can be: nothing attested, approved, counted or done. */
function askedBy(
  { action, resource, context }: PolicyCase,
  principal: Principal,
  { commands }: Manifest,
  limits: readonly { readonly name: string }[],
): AdmitRequest {
  const isCommand = Object.hasOwn(commands, action)
  const impact = objectAt(context, 'impact')
  const zero = Object.fromEntries(limits.map(({ name }) => [name, 0]))
  const numbers = (name: string) => ({ ...zero, ...objectAt(context, name) }) as Record<string, number>
  return {
    ...{ principal, action, resource, input: objectAt(context, 'input'), attested: objectAt(context, 'attested') },
    facts: context['facts'] === undefined ? null : objectAt(context, 'facts'),
    impact: isCommand
      ? {
          events: strings(impact['events']),
          streams: Array.from({ length: Number(impact['streams'] ?? 0) }, (_, i) => `case/${i}` as StreamId),
          effects: strings(impact['effects']),
          irreversible: impact['irreversible'] === true,
        }
      : null,
    flow: (context['flow'] ?? null) as AdmitRequest['flow'] & JsonObject,
    approvals: strings(context['approvals']).map((role) => ({ approval: 'case', by: 'case', role })),
    history: isCommand && limits.length > 0 ? { history: numbers('history'), adding: numbers('adding') } : null,
  }
}

type Read = PolicyCase | { readonly name: string; readonly faults: readonly string[] }

function readCases(text: string): readonly Read[] {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch (error) {
    return [{ name: '', faults: [`it is not JSON: ${error instanceof Error ? error.message : String(error)}`] }]
  }
  if (!isObject(file) || file['format'] !== 1 || !Array.isArray(file['cases']))
    return [{ name: '', faults: ['a file of cases is `{"format": 1, "cases": […]}`'] }]
  return (file['cases'] as readonly unknown[]).map((one, place) => readCase(one, place))
}

const MEMBERS = ['name', 'principal', 'action', 'resource', 'context', 'expect']
const CONTEXT = ['input', 'facts', 'attested', 'impact', 'approvals', 'history', 'adding', 'flow']

function readCase(value: unknown, place: number): Read {
  const faults: string[] = []
  const one = isObject(value) ? value : {}
  const name = typeof one['name'] === 'string' ? one['name'] : `case ${place + 1}`
  const wrong = (what: string): void => void faults.push(what)
  const onlyMembers = (object: JsonObject, known: readonly string[], where: string): void => {
    for (const member of Object.keys(object))
      if (!known.includes(member)) wrong(`\`${where}${member}\` is no member of a case`)
  }
  onlyMembers(one, MEMBERS, '')
  const { principal = {}, resource = null, context = {}, expect = {} } = one as Record<string, unknown>
  if (!isObject(principal) || !isObject(context) || !isObject(expect))
    return { name, faults: ['`principal`, `context` and `expect` are objects'] }
  onlyMembers(principal, ['id', 'kind', 'roles', 'owner', 'onBehalfOf', 'tenant'], 'principal.')
  onlyMembers(context, CONTEXT, 'context.')
  onlyMembers(expect, ['verdict', 'rules'], 'expect.')
  const { id, kind, roles, owner = null, onBehalfOf = null, tenant = '' } = principal
  const isText = (text: unknown): boolean => typeof text === 'string'
  if (!isText(id) || !['agent', 'human', 'service'].includes(String(kind)) || !isStrings(roles))
    wrong('`principal` has an `id`, a `kind` (agent, human or service) and `roles`')
  if (![owner, onBehalfOf].every((who) => who === null || isText(who)) || !isText(tenant))
    wrong('`owner`, `onBehalfOf` and `tenant` of `principal` are text')
  if (!isText(one['action'])) wrong('`action` names a command or a query')
  if (resource !== null && !(isObject(resource) && isText(resource['entity']) && isText(resource['id'])))
    wrong('`resource` is `{"entity": …, "id": …}`, or left out')
  const { verdict, rules = null } = expect
  if (!VERDICTS.some((known) => known === verdict)) wrong(`\`expect.verdict\` is one of ${VERDICTS.join(', ')}`)
  if (rules !== null && !isStrings(rules)) wrong('`expect.rules` is a list of policy ids')
  if (faults.length > 0) return { name, faults }
  return {
    ...{ name, action: one['action'], resource, context, verdict, rules },
    principal: { id, kind, roles, owner, onBehalfOf, tenant },
  } as unknown as PolicyCase
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isStrings = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')
const strings = (value: unknown): readonly string[] => (isStrings(value) ? value : [])
const objectAt = (object: JsonObject, name: string): JsonObject => {
  const value = object[name]
  return isObject(value) ? value : {}
}
