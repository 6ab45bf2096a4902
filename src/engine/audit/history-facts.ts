/**
 * What policies were told of history, counted again from the log: every committed operation adds to the counters of every limit that any snapshot
 * has had, and what an operation relied on must be what they hold at its place.
 */
import { Mismatch } from './mismatch.ts'
import type { Transaction } from './transactions.ts'
import { amountOf, counterKey, isCounted, type CountedOperation } from '../history/counted-operation.ts'
import { LimitCounters } from '../history/limit-counters.ts'
import type { OperationPayload } from '../operation-payload.ts'
import type { Position } from '../../model/ids.ts'
import { SEALED } from '../../model/personal.ts'
import type { OperationRecord } from '../../model/record.ts'
import { readLimits, type Limit } from '../../policy/limits.ts'
import type { HistoryFacts } from '../../policy/policy.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'

type Recorded = Transaction & { readonly record: OperationRecord; readonly payload: OperationPayload }

export class AuditedHistory {
  readonly #counters = new LimitCounters()

  /** Before the first record: a limit counts what was committed before it was there, too. */
  begin({ policies }: AuthoritySnapshot): void {
    for (const limit of readLimits(policies).limits)
      if (!this.#counters.has(limit.counts)) this.#counters.begin(limit, -1 as Position)
  }

  after({ position, record, payload }: Transaction): void {
    if (record?.state === 'committed' && this.#counters.limits.length > 0)
      this.#counters.add(counted(record, payload), position as Position, record.t)
  }

  /**
   * The facts as recorded, once they are found to be so. What was committed relied on exact values where a policy saw them, and on a sum within
   * `max` everywhere; values that nothing rests on, and those that a hold or a denial saw beside what was under way, are the record's own.
   * @param sees whether a policy that somebody wrote sees this limit for the action
   * @throws Mismatch
   */
  facts(
    { record, payload }: Recorded,
    limits: readonly Limit[],
    sees: (limit: string) => boolean,
  ): HistoryFacts | null {
    if (limits.length === 0) return null
    const { history = {}, adding = {} } = (payload.request?.context ?? {}) as unknown as Partial<HistoryFacts>
    const operation = counted(record, payload)
    for (const limit of limits) {
      const { name, counts } = limit
      const max = limit.mode === 'enforce' ? limit.max : null
      const amount = isCounted(limit, record.action) ? amountOf(limit, operation) : 0
      if (amount === null) continue // it is not in the request, and so denies
      if (adding[name] !== amount) throw new Mismatch(`it says of the limit \`${name}\` that it adds ${adding[name]}`)
      const value = this.#counters.value(counts, counterKey(limit, operation), record.t)
      if (record.state !== 'committed' || value === null) continue
      if (sees(name) && history[name] !== value)
        throw new Mismatch(`the limit \`${name}\` stood at ${value}, and policy was told ${history[name]}`)
      if (max !== null && amount > 0 && value + amount > max)
        throw new Mismatch(`the limit \`${name}\` of ${max} is exceeded: ${value} and ${amount} more`)
    }
    return { history, adding }
  }
}

const counted = (record: OperationRecord, payload: OperationPayload | null): CountedOperation => ({
  action: record.action,
  actor: record.actor,
  chain: record.chain,
  onBehalfOf: record.for,
  tenant: record.tenant,
  run: record.run,
  body: () => ({
    input: payload?.input ?? null,
    facts: payload?.facts ?? null,
    resource: payload?.request?.resource ?? '',
    // As the engine counts it: what is sealed, or was not kept, adds what its record says.
    ...(payload === null || payload.request === null || Object.hasOwn(payload, SEALED)
      ? { sealed: payload?.history?.entries ?? [] }
      : {}),
  }),
})
