/**
 * History as admissions see it: the counters of the limits in force, and over them what commits under way would add. The committer holds the same
 * counters and has the last word; these are here so that an admission need not ask a thread, and so that racing calls see each other.
 *
 * Owns a copy of the counters and the amounts under way; no truth. A limit that could not be loaded is unknown, and unknown is a denial.
 */
import { amountOf, counterKey, isCounted, looksInside, type CountedOperation } from './counted-operation.ts'
import type { HistoryClaim, HistoryEntry, RecordedHistory } from './claims.ts'
import { LimitCounters, type LoadedCounters } from './limit-counters.ts'
import type { CommitUnderWay } from '../states.ts'
import type { Hash, Position } from '../../model/ids.ts'
import type { HistoryFacts } from '../../policy/policy.ts'
import type { Limit } from '../../policy/limits.ts'

/** What one admission sees. `unknown` names limits whose value or amount is not known. */
export interface HistoryRead {
  readonly atMs: number
  readonly facts: HistoryFacts
  readonly entries: readonly HistoryEntry[]
  readonly claims: readonly HistoryClaim[]
  readonly unknown: readonly string[]
  /** Commits under way whose amounts are in it. */
  readonly assumed: readonly CommitUnderWay[]
}

interface UnderWay {
  readonly commit: CommitUnderWay
  readonly amount: number
}

export class History {
  readonly #counters = new LimitCounters()
  /** By limit and key. */
  readonly #underWay = new Map<string, Set<UnderWay>>()
  #notBeforeMs: number
  #distrusted = false

  /** @param notBeforeMs time of the newest record: a commit is never stamped earlier */
  constructor(notBeforeMs: number) {
    this.#notBeforeMs = notBeforeMs
  }

  get counting(): boolean {
    return this.#counters.limits.length > 0
  }

  /** Takes in what the committer counts; of limits that are here already only when they are not believed. */
  adopt(loaded: readonly LoadedCounters[], keep: ReadonlySet<Hash>): void {
    this.#counters.keepOnly(keep)
    for (const one of loaded) if (this.#distrusted || !this.#counters.has(one.limit.counts)) this.#counters.load(one)
    this.#distrusted = false
  }

  /** After a write of which nobody knows whether it landed: only the committer knows what there is. Until `adopt`, admissions wait. */
  distrust(): void {
    this.#distrusted = this.counting
  }
  get distrusted(): boolean {
    return this.#distrusted
  }

  /** @param sees whether a policy sees the limit's value for this action */
  read(
    limits: readonly Limit[],
    operation: CountedOperation,
    nowMs: number,
    sees: (limit: string) => boolean,
  ): HistoryRead {
    const atMs = Math.max(nowMs, this.#notBeforeMs)
    const history: Record<string, number> = {}
    const adding: Record<string, number> = {}
    const entries: HistoryEntry[] = []
    const claims: HistoryClaim[] = []
    const unknown: string[] = []
    const assumed = new Set<CommitUnderWay>()
    for (const limit of limits) {
      const { name, counts, stepMs } = limit
      const max = limit.mode === 'enforce' ? limit.max : null
      const key = counterKey(limit, operation)
      const committed = this.#counters.value(counts, key, atMs)
      const counted = isCounted(limit, operation.action)
      const amount = counted ? amountOf(limit, operation) : 0
      if (committed === null || amount === null) {
        unknown.push(name)
        continue
      }
      let value = committed
      for (const { commit, amount: more } of this.#underWay.get(`${counts} ${key}`) ?? []) {
        value += more
        assumed.add(commit)
      }
      history[name] = value
      adding[name] = amount
      const exact = sees(name)
      // Nothing rests on it; but what may be sealed is only counted again by what stands here.
      if (!exact && (amount === 0 || max === null) && !(counted && looksInside(limit))) continue
      entries.push({ limit: name, counts, key, value, adding: amount, max, exact })
      claims.push({ counts, stepMs, key, relied: exact ? value : null, adding: amount, max })
    }
    return { atMs, facts: { history, adding }, entries, claims, unknown, assumed: [...assumed] }
  }

  /** Notes what a commit just handed in would add; call the answer when its result is known. */
  expect(operation: CountedOperation, commit: CommitUnderWay): () => void {
    const noted: (readonly [string, UnderWay])[] = []
    for (const limit of this.#counters.limits) {
      if (!isCounted(limit, operation.action)) continue
      const place = `${limit.counts} ${counterKey(limit, operation)}`
      const entry = { commit, amount: amountOf(limit, operation) ?? 0 }
      const entries = this.#underWay.get(place)
      if (entries === undefined) this.#underWay.set(place, new Set([entry]))
      else entries.add(entry)
      noted.push([place, entry])
    }
    return () => {
      for (const [place, entry] of noted) {
        const entries = this.#underWay.get(place)
        entries?.delete(entry)
        if (entries?.size === 0) this.#underWay.delete(place)
      }
    }
  }

  committed(operation: CountedOperation, position: Position, recordedAtMs: number): void {
    this.#notBeforeMs = Math.max(this.#notBeforeMs, recordedAtMs)
    this.#counters.add(operation, position, recordedAtMs)
  }
}

/** True when what was assumed has landed: an answer that writes nothing is only given on such ground. */
export async function historyStillHolds({ assumed }: HistoryRead): Promise<boolean> {
  const landed = await Promise.all(assumed.map(({ settled }) => settled))
  return !landed.includes(false)
}

export const recordedHistory = ({ atMs, entries }: HistoryRead): RecordedHistory | null =>
  entries.length === 0 ? null : { atMs, entries }
