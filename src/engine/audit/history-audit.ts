/**
 * History as an audit derives it: the counters of every limit, kept along the log, so that what an admission relied on is compared with what the
 * records before it add up to. A limit counts here from the first admission under it; a window that reaches further back is taken from the record.
 */
import { amountOf, bodyOf, counterKey, isCounted, type CountedOperation } from '../history/counted-operation.ts'
import { LimitCounters, stepOf } from '../history/limit-counters.ts'
import type { Transaction } from './transactions.ts'
import type { OperationPayload } from '../operation-payload.ts'
import type { Hash, Position } from '../../model/ids.ts'
import { canonicalJson, type JsonObject } from '../../model/json.ts'
import type { OperationRecord } from '../../model/record.ts'
import type { HistoryFacts } from '../../policy/policy.ts'
import type { Limit } from '../../policy/limits.ts'

type Recorded = Transaction & { readonly record: OperationRecord; readonly payload: OperationPayload }

export interface DerivedHistory {
  readonly facts: HistoryFacts
  /** Limits whose value was taken from the record, because their window reaches back behind what was counted. */
  readonly taken: readonly string[]
  /** A limit that this operation goes beyond, and yet it was committed; null when there is none. */
  readonly beyond: string | null
}

export class HistoryAudit {
  readonly #counters = new LimitCounters()
  /** When each limit began to be counted here; it is complete from then on, and from the first record on altogether. */
  readonly #sinceMs = new Map<Hash, number>()
  /** Whether a command has been committed yet. */
  #anything = false

  /** @param sees whether a policy saw the value, which then has to be exact */
  derive(limits: readonly Limit[], recorded: Recorded, sees: (limit: string) => boolean): DerivedHistory | null {
    if (limits.length === 0) return null
    const { record, payload, position } = recorded
    const operation = countedOf(recorded)
    const claimed = payload.request?.context['history'] as JsonObject | undefined
    const history: Record<string, number> = {}
    const adding: Record<string, number> = {}
    const taken: string[] = []
    let beyond: string | null = null
    for (const limit of limits) {
      this.#begin(limit, recorded)
      const { name, counts, max, mode } = limit
      const value = this.#counters.value(counts, counterKey(limit, operation), record.t)
      const amount = isCounted(limit, record.action) ? amountOf(limit, operation) : 0
      const before = claimed?.[name]
      if (value === null || amount === null) continue
      adding[name] = amount
      const reachesBack = windowStartMs(limit, record.t) < (this.#sinceMs.get(counts) ?? 0)
      // One that was not seen may have been higher, by what was under way and did not land; one that was held is of an earlier moment.
      const isLoose = !sees(name) && typeof before === 'number' && before >= value
      if (reachesBack) taken.push(name)
      history[name] =
        (reachesBack || isLoose || record.state !== 'committed') && typeof before === 'number' ? before : value
      const exceeds = max !== null && mode === 'enforce' && amount > 0 && value + amount > max
      if (record.state === 'committed' && exceeds) beyond ??= `${name} at ${position}: ${value} and ${amount} of ${max}`
    }
    return { facts: { history, adding }, taken, beyond }
  }

  /** Counts what a transaction has committed. */
  after({ position, record, payload }: Transaction): void {
    if (record === null || record.state !== 'committed' || payload === null) return
    this.#anything ||= !record.action.startsWith('plinth.')
    this.#counters.add(countedOf({ record, payload } as Recorded), position as Position, record.t)
  }

  #begin(limit: Limit, { position, record }: Recorded): void {
    if (this.#counters.has(limit.counts)) return
    this.#counters.begin(limit, (position - 1) as Position)
    this.#sinceMs.set(limit.counts, this.#anything ? record.t : 0)
  }
}

const windowStartMs = (limit: Limit, timeMs: number): number =>
  (stepOf(timeMs, limit) - limit.stepsBefore) * limit.stepMs

function countedOf({ record, payload }: Recorded): CountedOperation {
  const { action, actor, chain, tenant, run } = record
  return { action, actor, chain, onBehalfOf: record.for, tenant, run, body: bodyOf(canonicalJson(payload)) }
}
