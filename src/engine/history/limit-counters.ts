/**
 * The counters of limits: what committed operations add up to, by limit, key and step of time. Derived from the log alone and bounded: a counter
 * keeps the steps of one window, and one whose window has passed is dropped when room is needed.
 *
 * H1 An operation counts in the step of its record's time, which is the step it was admitted in (the committer compares).
 * H2 A position counts once: what is at or before the position that a limit was loaded up to is in it already.
 * H3 Beyond the bound nothing is forgotten: a counter that finds no room is unknown, and what rests on it is turned down. So is one to which
 *    something was added that is sealed.
 */
import type { Hash, Position } from '../../model/ids.ts'
import type { Limit } from '../../policy/limits.ts'
import { addsTo, isCounted, type CountedOperation } from './counted-operation.ts'

export const COUNTERS_MAX = 100_000 // over all limits: about 60 MB when every one is busy in a third of its steps
const SWEEP_EVERY_MS = 1_000 // looking through all of them takes milliseconds

/** Steps with what was added in each, ascending. */
type Steps = readonly (readonly [step: number, amount: number])[]
type Counted = Pick<Limit, 'counts' | 'of' | 'per' | 'sum' | 'stepMs' | 'stepsBefore'>

interface Counters {
  readonly limit: Counted
  upTo: Position
  readonly byKey: Map<string, [step: number, amount: number][]>
  /** Until then a counter that is not there may be one that found no room. */
  unknownUntilMs: number
  /** Until then something that nobody can read any more may belong to any counter. */
  sealedUntilMs: number
}
/** One limit's counters as they cross a thread. */
export interface LoadedCounters {
  readonly limit: Counted
  readonly upTo: Position
  readonly byKey: readonly (readonly [key: string, steps: Steps])[]
  readonly unknownUntilMs: number
  readonly sealedUntilMs: number
}

export const stepOf = (timeMs: number, { stepMs }: Pick<Limit, 'stepMs'>): number => Math.floor(timeMs / stepMs)

export class LimitCounters {
  readonly #limits = new Map<Hash, Counters>()
  #size = 0
  #sweptAtMs = 0

  has(counts: Hash): boolean {
    return this.#limits.has(counts)
  }
  get limits(): readonly Counted[] {
    return [...this.#limits.values()].map(({ limit }) => limit)
  }

  /** Starts a limit with nothing counted up to a position. */
  begin(limit: Counted, upTo: Position): void {
    this.#limits.set(limit.counts, { limit, upTo, byKey: new Map(), unknownUntilMs: 0, sealedUntilMs: 0 })
  }

  keepOnly(counts: ReadonlySet<Hash>): void {
    for (const [hash, { byKey }] of this.#limits) {
      if (counts.has(hash)) continue
      this.#size -= byKey.size
      this.#limits.delete(hash)
    }
  }

  load({ limit, upTo, byKey, unknownUntilMs, sealedUntilMs }: LoadedCounters): void {
    this.keepOnly(new Set([...this.#limits.keys()].filter((counts) => counts !== limit.counts)))
    const entries = byKey.map(([key, steps]) => [key, steps.map(([step, amount]) => [step, amount])] as const)
    this.#limits.set(limit.counts, {
      limit,
      upTo,
      byKey: new Map(entries as [string, [number, number][]][]),
      ...{ unknownUntilMs, sealedUntilMs },
    })
    this.#size += byKey.length
  }

  dump(counts: Hash): LoadedCounters | null {
    const counters = this.#limits.get(counts)
    if (counters === undefined) return null
    return { ...counters, byKey: [...counters.byKey] }
  }

  /** Counts a committed operation for every limit that counts it. */
  add(operation: CountedOperation, position: Position, recordedAtMs: number): void {
    for (const counters of this.#limits.values()) this.#addTo(counters, operation, position, recordedAtMs)
  }

  addTo(counts: Hash, operation: CountedOperation, position: Position, recordedAtMs: number): void {
    const counters = this.#limits.get(counts)
    if (counters !== undefined) this.#addTo(counters, operation, position, recordedAtMs)
  }

  /** What is counted in the window that ends with the step of this time; null when that is not known. */
  value(counts: Hash, key: string, timeMs: number): number | null {
    const counters = this.#limits.get(counts)
    if (counters === undefined || timeMs < counters.sealedUntilMs) return null
    const steps = counters.byKey.get(key)
    if (steps === undefined) return timeMs < counters.unknownUntilMs ? null : 0
    const now = stepOf(timeMs, counters.limit)
    let value = 0
    for (const [step, amount] of steps) if (step >= now - counters.limit.stepsBefore && step <= now) value += amount
    return value
  }

  #addTo(counters: Counters, operation: CountedOperation, position: Position, recordedAtMs: number): void {
    const { limit, byKey } = counters
    if (position <= counters.upTo) return
    counters.upTo = position
    if (!isCounted(limit, operation.action)) return
    const adds = addsTo(limit, operation)
    if (adds === null) {
      counters.sealedUntilMs = recordedAtMs + limit.stepMs * (limit.stepsBefore + 1)
      return
    }
    const { key, amount } = adds
    const now = stepOf(recordedAtMs, limit)
    let steps = byKey.get(key)
    if (steps === undefined) {
      if (this.#size >= COUNTERS_MAX) this.#dropPassed(recordedAtMs)
      if (this.#size >= COUNTERS_MAX) {
        counters.unknownUntilMs = recordedAtMs + limit.stepMs * (limit.stepsBefore + 1)
        return
      }
      byKey.set(key, (steps = []))
      this.#size += 1
    }
    const last = steps.at(-1)
    if (last?.[0] === now) last[1] += amount
    else steps.push([now, amount])
    const passed = steps.findIndex(([step]) => step >= now - limit.stepsBefore)
    if (passed > 0) steps.splice(0, passed)
  }

  #dropPassed(nowMs: number): void {
    if (nowMs - this.#sweptAtMs < SWEEP_EVERY_MS) return
    this.#sweptAtMs = nowMs
    for (const { limit, byKey } of this.#limits.values())
      for (const [key, steps] of byKey)
        if ((steps.at(-1)?.[0] ?? 0) < stepOf(nowMs, limit) - limit.stepsBefore) {
          byKey.delete(key)
          this.#size -= 1
        }
  }
}
