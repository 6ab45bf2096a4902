/**
 * For each action one compiled set of only those policies whose action scope can match it. A policy for another action never applies, so leaving
 * it out changes neither verdict nor rules nor errors, and the evaluator, which looks at every policy it is given, has less to look at.
 *
 * Sets are compiled at their first use, shared by actions that select the same policies, and bounded in all: beyond the bound the least recently
 * used is released.
 */
import { parsePolicySet, type Parsed } from './cedar.ts'
import { textsOf, type NamedPolicy } from './policy-set.ts'
import { mayApply } from './visible.ts'

const COMPILED_POLICIES_MAX = 10_000 // in all sets of one policy set together: about 20 MB
const WARMED_POLICIES_MAX = 1_000 // compiled ahead of their first use: a tenth of a second of work

export interface ActionPolicies {
  /** @param names the action's own name and those of the groups it is in */
  of(names: readonly string[]): Parsed
  /** Compiles ahead for as many of these actions as the bound allows, so that their first decision does not wait. */
  warm(actions: Iterable<readonly string[]>): void
  release(): void
}

export function actionPolicies(policies: readonly NamedPolicy[]): ActionPolicies {
  const selections = new Map<string, string>() // by action, bounded by the release's actions
  const compiled = new Map<string, { readonly parsed: Parsed; readonly size: number }>() // least recently used first
  let size = 0

  function select(names: readonly string[]): string {
    const action = names.join(' ')
    let selection = selections.get(action)
    if (selection === undefined) {
      selection = policies.flatMap(({ policy }, place) => (mayApply(policy.action, names) ? [place] : [])).join(' ')
      selections.set(action, selection)
    }
    return selection
  }

  function compile(selection: string): Parsed {
    const places = new Set(
      selection
        .split(' ')
        .filter((place) => place !== '')
        .map(Number),
    )
    const selected = policies.filter((_, place) => places.has(place))
    const parsed = parsePolicySet(textsOf(selected))
    compiled.set(selection, { parsed, size: selected.length })
    size += selected.length
    for (const [oldest, entry] of compiled) {
      if (size <= COMPILED_POLICIES_MAX || oldest === selection) break
      compiled.delete(oldest)
      size -= entry.size
      entry.parsed.release()
    }
    return parsed
  }

  function of(names: readonly string[]): Parsed {
    const selection = select(names)
    const known = compiled.get(selection)
    if (known === undefined) return compile(selection)
    compiled.delete(selection)
    compiled.set(selection, known)
    return known.parsed
  }

  return {
    of,
    warm(actions) {
      for (const names of actions) {
        if (size >= WARMED_POLICIES_MAX) return
        of(names)
      }
    },
    release() {
      for (const { parsed } of compiled.values()) parsed.release()
      compiled.clear()
      size = 0
    },
  }
}
