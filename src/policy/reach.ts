/**
 * What a principal could do with an action, over all calls: always admitted, never, or depending on what a call brings along. By partial evaluation
 * (partial.ts), so that `always` and `never` hold for every call that fits the schema, and everything else is `depends`, with the rules it depends on.
 */
import { evaluatePartially, type KnownCall, type Truth } from './partial.ts'
import type { NamedPolicy, PolicyFiles } from './policy-set.ts'

export interface DependsOn {
  readonly rule: string
  readonly effect: 'permit' | 'forbid'
  /** Whose approval lifts it. */
  readonly hold: string | null
  readonly text: string
}
export interface Reach {
  readonly class: 'always' | 'never' | 'depends'
  /** Whether the action exists for it at all, as far as that is known without a call. */
  readonly scope: Truth
  /** Rules that say so: those that always apply, of the kind that decides. */
  readonly by: readonly string[]
  readonly on: readonly DependsOn[]
  /** Permits, of scope and admission, that could let some call through. */
  readonly grants: readonly string[]
}

/** @param fits whether the set validates against the schema; one that does not may fail anywhere, and so nothing is `always` */
export function reachOf({ scope, admission }: PolicyFiles, call: KnownCall, fits: boolean): Reach {
  // Scope is asked about the application as a whole.
  const exists = gate(scope, { ...call, resourceTypes: ['Application'] }, fits)
  const allowed = gate(admission, call, fits)
  const grants = [...exists.grants, ...allowed.grants]
  if (exists.truth === 'false') return { class: 'never', scope: 'false', by: exists.by, on: [], grants: [] }
  if (allowed.truth === 'false') return { class: 'never', scope: exists.truth, by: allowed.by, on: [], grants: [] }
  if (exists.truth === 'true' && allowed.truth === 'true')
    return { class: 'always', scope: 'true', by: allowed.by, on: [], grants }
  return { class: 'depends', scope: exists.truth, by: [], on: [...exists.on, ...allowed.on], grants }
}

/** Delegation only narrows: of a principal and the agents above it, all must be let through. The grants are its own. */
export function narrowestReach([own, ...above]: readonly [Reach, ...Reach[]]): Reach {
  const all = [own, ...above]
  const never = all.filter((one) => one.class === 'never')
  const scope = all.every((one) => one.scope === 'true')
    ? 'true'
    : all.some((one) => one.scope === 'false')
      ? 'false'
      : 'unknown'
  if (never.length > 0) return { class: 'never', scope, by: union(never.map(({ by }) => by)), on: [], grants: [] }
  if (all.every((one) => one.class === 'always'))
    return { class: 'always', scope, by: union(all.map(({ by }) => by)), on: [], grants: own.grants }
  const on = new Map(all.flatMap((one) => one.on.map((rule) => [rule.rule, rule] as const)))
  return { class: 'depends', scope, by: [], on: [...on.values()], grants: own.grants }
}
const union = (lists: readonly (readonly string[])[]): readonly string[] => [...new Set(lists.flat())].sort()

interface Gate {
  readonly truth: Truth
  readonly by: readonly string[]
  readonly on: readonly DependsOn[]
  readonly grants: readonly string[]
}

function gate(policies: readonly NamedPolicy[], call: KnownCall, fits: boolean): Gate {
  const enforced = policies.filter(({ mode }) => mode === 'enforce')
  const judged = enforced.map((policy) => {
    const { applies, mayFail } = evaluatePartially(policy.policy, call)
    // An obligation that nobody knows denies where its rule determines the verdict.
    return { policy, applies, mayFail: mayFail || (policy.unknown.length > 0 && applies !== 'false') }
  })
  const of = (effect: 'permit' | 'forbid', applies: Truth) =>
    judged.filter((one) => one.policy.policy.effect === effect && one.applies === applies)
  const ids = (some: typeof judged) => some.map(({ policy }) => policy.id)
  const forbidden = of('forbid', 'true').filter(({ policy }) => policy.hold === null)
  if (forbidden.length > 0) return { truth: 'false', by: ids(forbidden), on: [], grants: [] }
  const sure = of('permit', 'true')
  const open = of('permit', 'unknown')
  if (sure.length + open.length === 0) return { truth: 'false', by: [], on: [], grants: [] }
  const forbids = [...of('forbid', 'unknown'), ...of('forbid', 'true')]
  const failing = judged.filter(({ mayFail }) => mayFail)
  const grants = ids([...sure, ...open])
  if (sure.length > 0 && forbids.length === 0 && failing.length === 0 && fits)
    return { truth: 'true', by: ids(sure), on: [], grants }
  const on = [...new Set([...(sure.length > 0 ? [] : open), ...forbids, ...failing])]
  return { truth: 'unknown', by: [], on: on.map(({ policy }) => dependsOn(policy)), grants }
}

const dependsOn = ({ id, policy, hold, text }: NamedPolicy): DependsOn => ({
  rule: id,
  effect: policy.effect,
  hold: hold?.role ?? null,
  text,
})
