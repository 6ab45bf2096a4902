/** How often somebody may: a bucket of tokens per name, refilled by the second, and a bounded number of names. */
import type { Clock } from '../../host/clock.ts'

const BURST_SECONDS = 2 // a bucket holds what two seconds bring
const NAMES_MAX = 10_000 // about a megabyte; whoever was quiet longest is forgotten, which is to say has a full bucket again

export class RateBound {
  readonly #perSecond: number
  readonly #clock: Clock
  readonly #buckets = new Map<string, { tokens: number; atUs: number }>()

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
  }

  /** Takes a token, when there is one. */
  take(name: string): boolean {
    const bucket = this.#bucket(name)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }
  has(name: string): boolean {
    return this.#bucket(name).tokens >= 1
  }

  #bucket(name: string): { tokens: number; atUs: number } {
    const atUs = this.#clock.monotonicUs()
    const full = this.#perSecond * BURST_SECONDS
    const held = this.#buckets.get(name) ?? { tokens: full, atUs }
    const bucket = {
      tokens: Math.min(full, held.tokens + ((atUs - held.atUs) / 1_000_000) * this.#perSecond),
      atUs,
    }
    this.#buckets.delete(name)
    this.#buckets.set(name, bucket)
    if (this.#buckets.size > NAMES_MAX) this.#buckets.delete(this.#buckets.keys().next().value as string)
    return bucket
  }
}
