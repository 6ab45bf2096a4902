/**
 * One at a time per stream, first come first served, from deciding until the commit is handed in. Without it, callers of one busy stream would
 * all decide on the same version and all but one decide again; correctness does not rest on it (the commit checks versions).
 */
import type { StreamId } from '../model/ids.ts'

export class Turns {
  /** The last in line for each stream; it resolves when its turn is over. */
  readonly #last = new Map<StreamId, Promise<void>>()

  /** Waits until all streams are free, then holds them until `end`. Streams are taken in one order, so two can never wait for each other. */
  async take(streams: readonly StreamId[], signal: AbortSignal): Promise<{ end(): void }> {
    const held: (() => void)[] = []
    const end = (): void => {
      for (const release of held.splice(0)) release()
    }
    for (const stream of [...new Set(streams)].sort()) {
      const before = this.#last.get(stream)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#last.set(stream, promise)
      held.push(() => {
        if (this.#last.get(stream) === promise) this.#last.delete(stream)
        resolve()
      })
      if (before !== undefined) await before
    }
    if (signal.aborted) {
      end()
      throw signal.reason
    }
    return { end }
  }
}
