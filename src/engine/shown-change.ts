/** What an approver is shown beside the bare impact: each state before and after, what the command could be taken back by, what money moves. */
import type { Accepted } from './decide.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { streamId, type StreamId } from '../model/ids.ts'
import type { Json } from '../model/json.ts'

const STATES_BYTES_MAX = 32_768 // of all states shown in one request; beyond, a state is named and left out

export interface ShownState {
  readonly stream: StreamId
  /** Null for what is not there yet. `omitted` where it was too large to show. */
  readonly before: Json
  readonly after: Json
  readonly omitted: boolean
}
export interface ShownChange {
  readonly states: readonly ShownState[]
  readonly undo: 'declared' | 'none' | 'irreversible'
  /** Amounts among facts, events and effect payloads, by where they stand: `facts.total`, `account.withdrawn.amount`, `refund.amount`. */
  readonly amounts: Readonly<Record<string, number>>
}

export function shownChange(parts: Parts, { intent }: Proposal, decision: Accepted): ShownChange {
  let left = STATES_BYTES_MAX
  const states = decision.states.map(({ entity, id, state }): ShownState => {
    const stream = streamId(entity, id)
    const before = decision.session.stateRead(stream)
    left -= (before?.length ?? 0) + JSON.stringify(state).length
    return left < 0
      ? { stream, before: null, after: null, omitted: true }
      : { stream, before: before === null ? null : (JSON.parse(before) as Json), after: state, omitted: false }
  })
  const hasUndo = parts.release.manifest.commands[intent.command]?.hasUndo === true
  return {
    states,
    undo: decision.impact.irreversible ? 'irreversible' : hasUndo ? 'declared' : 'none',
    amounts: amountsIn([
      ['facts', decision.facts],
      ...decision.events.map(({ entity, type, data }): Said => [`${entity}.${type}`, data]),
      ...decision.effects.map(({ effect, payload }): Said => [effect, payload]),
    ]),
  }
}

type Said = readonly [where: string, value: Json]

/**
 * Whole numbers of the first level that are named like money; a hint for the eye, never a ground for a decision. What stands in one place several
 * times is summed, and says so.
 */
export function amountsIn(said: readonly Said[]): Record<string, number> {
  const found = new Map<string, { sum: number; times: number }>()
  for (const [where, value] of said) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) continue
    for (const [name, one] of Object.entries(value)) {
      if (!Number.isSafeInteger(one) || !LIKE_MONEY.test(name)) continue
      const place = `${where}.${name}`
      const { sum, times } = found.get(place) ?? { sum: 0, times: 0 }
      found.set(place, { sum: sum + (one as number), times: times + 1 })
    }
  }
  return Object.fromEntries(
    [...found].map(([place, { sum, times }]) => [times === 1 ? place : `${place} (${times} times, together)`, sum]),
  )
}
const LIKE_MONEY = /amount|total|price|cost|fee|sum|refund|balance/i
