/** Callers that wait until a size covers their record. Bounded: one more is told at once that it will not wait. */
import type { Position } from '../../model/ids.ts'

/** As many as operations may be under way, and as many again that have committed: each holds a promise and a timer. */
export const WAITERS_MAX = 8_192

interface Waiter {
  readonly position: Position
  readonly settle: (covered: boolean) => void
}

export class Waiters {
  readonly #waiting = new Set<Waiter>()

  get count(): number {
    return this.#waiting.size
  }
  /** Highest position that somebody waits for; -1 when nobody waits. */
  get highest(): number {
    let highest = -1
    for (const { position } of this.#waiting) highest = Math.max(highest, position)
    return highest
  }

  /**
   * @returns true once a size covers the position; false when that took longer than `waitMs`, or nobody waits for anything any more
   * @throws the signal's reason
   */
  async wait(position: Position, waitMs: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    if (waitMs <= 0 || this.#waiting.size >= WAITERS_MAX) return false
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    const waiter: Waiter = { position, settle: resolve }
    const timer = setTimeout(() => resolve(false), waitMs)
    const leave = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', leave, { once: true })
    this.#waiting.add(waiter)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
      this.#waiting.delete(waiter)
    }
  }

  /** All records before this size are covered. */
  covered(size: number): void {
    for (const { position, settle } of this.#waiting) if (position < size) settle(true)
  }
  /** Waiting is of no more use. */
  giveUp(): void {
    for (const { settle } of this.#waiting) settle(false)
  }
}
