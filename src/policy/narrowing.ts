/**
 * Delegation only narrows: what an agent's agent does needs the permission of each agent above it as well, call by call. Their entities stand in the
 * request behind principal and resource, so that who evaluates it again does the same.
 */
import type { CedarRequest, Entity } from './cedar.ts'

/** A verdict without what comes with it. */
export type Decided =
  | { readonly kind: 'admitted'; readonly rules: readonly string[] }
  | {
      readonly kind: 'held'
      readonly rules: readonly string[]
      readonly requires: readonly string[]
      readonly forMs: number
      /** Whether every rule that holds lets a standing grant stand in for an approval. */
      readonly grants: boolean
    }
  | { readonly kind: 'denied'; readonly rules: readonly string[]; readonly errors: readonly string[] }

/** The request as each of the agents would make it: the one that does, then those above it. */
export function requestsOf(request: CedarRequest): readonly CedarRequest[] {
  const [own, resource, ...above] = request.entities
  if (own === undefined || resource === undefined || above.length === 0) return [request]
  const as = (who: Entity): CedarRequest => ({ ...request, principal: who.uid, entities: [who, resource] })
  return [own, ...above].map(as)
}

/** The narrowest of the verdicts, with the rules that make it so: one denial denies; what is held for somebody waits for everybody. */
export function narrowest(verdicts: readonly Decided[]): Decided {
  const [only, ...more] = verdicts
  if (only !== undefined && more.length === 0) return only
  const denied = verdicts.filter((verdict) => verdict.kind === 'denied')
  if (denied.length > 0 || only === undefined)
    return { kind: 'denied', rules: union(denied), errors: denied.flatMap(({ errors }) => errors) }
  const held = verdicts.filter((verdict) => verdict.kind === 'held')
  if (held.length === 0) return { kind: 'admitted', rules: union(verdicts) }
  return {
    kind: 'held',
    rules: union(held),
    requires: [...new Set(held.flatMap(({ requires }) => requires))].sort(),
    forMs: Math.min(...held.map(({ forMs }) => forMs)),
    grants: held.every(({ grants }) => grants),
  }
}

const union = (verdicts: readonly Decided[]): readonly string[] =>
  [...new Set(verdicts.flatMap(({ rules }) => rules))].sort()
