/**
 * One breaker: a declared state machine over what it is told of calls. Pure; time is passed in.
 *
 *   closed ──trips──▸ open ──time──▸ half-open ──probes go well──▸ closed
 *                       ▴───────────────┴── one of them goes wrong
 */
import type { BreakerRule, Trip } from '../../policy/breakers.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

/** How one call ended, as a breaker sees it. `amount` is what its rule sums up, 0 when nothing was changed. */
export interface Ended {
  readonly how: 'changed' | 'refused' | 'failed'
  readonly amount: number
}

/** A change of state, with what it rests on. */
export interface Transition {
  readonly to: BreakerState
  readonly evidence: { readonly seen: number; readonly of: number; readonly limit: number }
  /** Of `open`. */
  readonly untilMs: number | null
}

export class Breaker {
  readonly #rule: BreakerRule
  #state: BreakerState
  #untilMs: number
  #probing = 0
  #wentWell = 0
  #halfOpenSinceMs = 0
  /** Of the last calls, when a share trips it: did it go wrong? */
  #last: boolean[] = []
  /** Of changes within the time, when a rate or a sum trips it; for a sum those of one step together, by when the step began. */
  #recent: { readonly atMs: number; amount: number; count: number }[] = []

  /** @param untilMs when it was open as this process started */
  constructor(rule: BreakerRule, untilMs: number | null = null) {
    this.#rule = rule
    this.#state = untilMs === null ? 'closed' : 'open'
    this.#untilMs = untilMs ?? 0
  }

  get untilMs(): number {
    return this.#untilMs
  }

  stateAt(nowMs: number): BreakerState {
    return this.#state === 'open' && nowMs >= this.#untilMs ? 'half-open' : this.#state
  }

  /** May one more call go through? While half open, only as many at once as are still needed. Each that may is to be told of with `ended`. */
  take(nowMs: number): { readonly passes: boolean; readonly transition: Transition | null } {
    const state = this.stateAt(nowMs)
    if (state === 'closed') return { passes: true, transition: null }
    if (state === 'open') return { passes: false, transition: null }
    const transition = this.#state === 'open' ? this.#become('half-open', this.#evidence(nowMs)) : null
    if (transition !== null || nowMs >= this.#halfOpenSinceMs + this.#rule.openMs) {
      this.#halfOpenSinceMs = nowMs // calls that were let through and never came back hold it up no longer
      this.#probing = 0
    }
    const passes = this.#probing + this.#wentWell < this.#rule.probes
    if (passes) this.#probing++
    return { passes, transition }
  }

  /** A call that was let through has ended in something that says nothing, such as being held or cancelled. */
  left(): void {
    if (this.#state === 'half-open') this.#probing = Math.max(0, this.#probing - 1)
  }

  ended(ended: Ended, nowMs: number): Transition | null {
    this.#note(ended, nowMs)
    if (this.#state === 'half-open') {
      this.#probing = Math.max(0, this.#probing - 1)
      if (isWrong(this.#rule.trip, ended)) return this.#open(nowMs)
      if (++this.#wentWell < this.#rule.probes) return null
      const evidence = this.#evidence(nowMs)
      this.#last = []
      this.#recent = []
      return this.#become('closed', evidence)
    }
    return this.#state === 'closed' && this.#trips(nowMs) ? this.#open(nowMs) : null
  }

  #note({ how, amount }: Ended, nowMs: number): void {
    const { trip } = this.#rule
    if (trip.kind === 'errors' || trip.kind === 'refusals') {
      this.#last.push(isWrong(trip, { how, amount }))
      if (this.#last.length > trip.ofLast) this.#last.shift()
    } else if (how === 'changed') {
      const last = this.#recent.at(-1)
      if (last !== undefined && nowMs < last.atMs + stepMs(trip)) {
        last.amount += amount
        last.count += 1
      } else this.#recent.push({ atMs: nowMs, amount, count: 1 })
      const keep = trip.kind === 'changes' ? trip.max + 1 : SUM_STEPS + 2
      if (this.#recent.length > keep) this.#recent.splice(0, this.#recent.length - keep)
    }
  }

  #evidence(nowMs: number): Transition['evidence'] {
    const { trip } = this.#rule
    if (trip.kind === 'errors' || trip.kind === 'refusals')
      return { seen: this.#last.filter(Boolean).length, of: this.#last.length, limit: trip.share }
    const within = this.#recent.filter(({ atMs }) => atMs + stepMs(trip) > nowMs - trip.withinMs)
    const of = within.reduce((sum, { count }) => sum + count, 0)
    const seen = trip.kind === 'changes' ? of : within.reduce((sum, { amount }) => sum + amount, 0)
    return { seen, of, limit: trip.max }
  }

  #trips(nowMs: number): boolean {
    const { trip } = this.#rule
    const { seen, of, limit } = this.#evidence(nowMs)
    if (trip.kind === 'errors' || trip.kind === 'refusals') return of === trip.ofLast && seen / of >= limit
    return seen > limit
  }

  #open(nowMs: number): Transition {
    this.#untilMs = nowMs + this.#rule.openMs
    return this.#become('open', this.#evidence(nowMs))
  }

  #become(state: BreakerState, evidence: Transition['evidence']): Transition {
    this.#state = state
    this.#probing = 0
    this.#wentWell = 0
    return { to: state, evidence, untilMs: state === 'open' ? this.#untilMs : null }
  }
}

const SUM_STEPS = 1_000 // what a sum's time is divided into: however small the amounts are, none is forgotten before its time

/** 0 for a rate, whose changes stand each for itself. */
const stepMs = (trip: Extract<Trip, { readonly withinMs: number }>): number =>
  trip.kind === 'sum' ? Math.ceil(trip.withinMs / SUM_STEPS) : 0

/** While half open: a call that goes wrong in the way that trips it. A rate or a sum begins anew with the calls that are let through. */
function isWrong(trip: Trip, { how }: Ended): boolean {
  if (trip.kind === 'errors') return how === 'failed'
  return trip.kind === 'refusals' && how === 'refused'
}
