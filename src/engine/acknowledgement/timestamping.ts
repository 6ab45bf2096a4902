/**
 * The port for level `timestamped`, and what lies around it: one stamp at a time, of the newest witnessed head, for all who wait. What makes stamps
 * (an RFC 3161 authority, say) is plugged in at start.
 */
import type { Position } from '../../model/ids.ts'
import type { Timestamp } from '../../model/receipt.ts'
import { Waiters } from './waiters.ts'
import type { WitnessedHead } from './witnessed.ts'

/** Puts a time under a signed checkpoint. */
export interface TimestampSource {
  /** For people: which authority. */
  readonly name: string
  /**
   * @param note signed checkpoint with its cosignatures, byte for byte what is stamped
   * @returns the stamp, verified by the source @throws when none was had; it is asked again
   */
  timestamp(note: string, signal: AbortSignal): Promise<Timestamp>
}

export interface TimestampState {
  readonly source: string
  /** Size that is stamped. */
  readonly size: number
  readonly lastStampedAtMs: number | null
  /** Stands until a stamp is had again. */
  readonly lastError: string | null
}

interface StampedHead extends WitnessedHead {
  readonly timestamp: Timestamp
}

export class Timestamping {
  readonly #source: TimestampSource
  readonly #nowMs: () => number
  readonly #waiters = new Waiters()
  readonly #closing = new AbortController()
  #stamped: StampedHead | null = null
  #working: Promise<void> | null = null
  #lastError: string | null = null
  #lastStampedAtMs: number | null = null

  constructor(source: TimestampSource, nowMs: () => number) {
    this.#source = source
    this.#nowMs = nowMs
  }

  get state(): TimestampState {
    return {
      source: this.#source.name,
      size: this.#stamped?.size ?? 0,
      lastStampedAtMs: this.#lastStampedAtMs,
      lastError: this.#lastError,
    }
  }
  /** The stamped head that covers a record, or null. */
  covering(position: Position): StampedHead | null {
    return this.#stamped !== null && position < this.#stamped.size ? this.#stamped : null
  }

  /**
   * @param head the newest witnessed head, asked when a stamp begins; it covers the position
   * @returns true once a stamp covers the record; false when that took too long or the source failed. @throws the signal's reason
   */
  async wait(position: Position, head: () => WitnessedHead, waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.covering(position) !== null) return true
    if (this.#closing.signal.aborted) return false
    this.#working ??= this.#stamp(head).finally(() => (this.#working = null))
    return await this.#waiters.wait(position, waitMs, signal)
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'))
    this.#waiters.giveUp()
    await this.#working
  }

  /** Stamp after stamp until nobody waits for what is not covered. A failure sends those away that wait now; the next to come asks again. */
  async #stamp(head: () => WitnessedHead): Promise<void> {
    do {
      const { size, note } = head()
      try {
        const timestamp = await this.#source.timestamp(note, this.#closing.signal)
        this.#stamped = { size, note, timestamp }
        this.#lastStampedAtMs = this.#nowMs()
        this.#lastError = null
        this.#waiters.covered(size)
      } catch (error) {
        this.#lastError = error instanceof Error ? error.message : String(error)
        return this.#waiters.giveUp()
      }
    } while (this.#waiters.highest >= this.#stamped.size && !this.#closing.signal.aborted)
  }
}
