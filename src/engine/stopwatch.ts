/** Splits the time of one action by phase, in whole microseconds. */
import type { Clock } from '../host/clock.ts'
import type { Timings } from '../model/operation.ts'

type Phase = 'authenticate' | 'begin' | 'decide' | 'admit' | 'commit'

export class Stopwatch {
  readonly #clock: Clock
  readonly #startedUs: number
  #lastUs: number
  readonly #us: Record<Phase, number> = { authenticate: 0, begin: 0, decide: 0, admit: 0, commit: 0 }

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedUs = this.#lastUs = clock.monotonicUs()
  }

  /** Books the time since the last lap on this phase; a phase may be booked several times. */
  lap(phase: Phase): void {
    const nowUs = this.#clock.monotonicUs()
    this.#us[phase] += nowUs - this.#lastUs
    this.#lastUs = nowUs
  }

  timings(): Timings {
    const us = this.#us
    return {
      authenticateUs: Math.round(us.authenticate),
      beginUs: Math.round(us.begin),
      decideUs: Math.round(us.decide),
      admitUs: Math.round(us.admit),
      commitUs: Math.round(us.commit),
      totalUs: Math.round(this.#clock.monotonicUs() - this.#startedUs),
    }
  }
}
