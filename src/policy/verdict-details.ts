/** What comes with a verdict beside its kind and rules: what they oblige to, and what rules that only observe would have made of it. */
import type { ObservedVerdict } from '../model/admission.ts'
import { canonicalJson } from '../model/json.ts'
import type { Obligations } from '../model/obligations.ts'
import type { NamedPolicy } from './policy-set.ts'

interface Decided {
  readonly kind: 'admitted' | 'held' | 'denied'
  readonly rules: readonly string[]
  readonly requires?: readonly string[]
  readonly errors?: readonly string[]
}

/** Of all determining rules together: the one that obliges to more is kept to as well. */
export function obligationsOf(
  rules: readonly string[],
  byId: ReadonlyMap<string, NamedPolicy>,
): { readonly obligations?: Obligations } {
  const policies = rules.map((rule) => byId.get(rule)).filter((policy) => policy !== undefined)
  const redact = union(policies.map((policy) => policy.redact))
  const notify = union(policies.map((policy) => policy.notify))
  const degrade = policies.find((policy) => policy.degrade !== null)?.degrade ?? null
  if (redact.length + notify.length === 0 && degrade === null) return {}
  return {
    obligations: {
      ...(redact.length === 0 ? {} : { redact }),
      ...(notify.length === 0 ? {} : { notify }),
      ...(degrade === null ? {} : { degrade }),
    },
  }
}

export const sameVerdict = (one: Decided, other: Decided): boolean =>
  canonicalJson(observedVerdict(one)) === canonicalJson(observedVerdict(other))

export const observedVerdict = ({ kind, rules, requires = [], errors = [] }: Decided): ObservedVerdict => ({
  kind,
  rules,
  ...(requires.length === 0 ? {} : { requires }),
  ...(errors.length === 0 ? {} : { errors }),
})

const union = (lists: readonly (readonly string[])[]): readonly string[] => [...new Set(lists.flat())].sort()
