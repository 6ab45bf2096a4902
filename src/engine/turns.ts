/**
 * One at a time per stream, first come first served, from deciding until the commit is handed in. Without it, callers of one busy stream would
 * all decide on the same version and all but one decide again; correctness does not rest on it (the commit checks versions).
 */
import type { StreamId } from '../model/ids.ts'

export interface Turn {
  /** Once or more: only the first counts. */
  end(): void
}

export class Turns {
  /** The last in line for each stream; it resolves when its turn is over. */
  readonly #last = new Map<StreamId, Promise<void>>()

  /** Streams that somebody holds or waits for. */
  get size(): number {
    return this.#last.size
  }

  /**
   * Waits until all streams are free, then holds them until `end`. Streams are taken in one order, so two can never wait for each other.
   * Abort ends the waiting at once; the place in line passes on when those before it are through.
   */
  async take(streams: readonly StreamId[], signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted()
    const held: (() => void)[] = []
    const end = (): void => {
      for (const release of held.splice(0)) release()
    }
    for (const stream of [...new Set(streams)].sort()) {
      const before = this.#last.get(stream)
      const release = this.#lineUp(stream)
      if (before !== undefined && !(await comesBefore(before, signal))) {
        void before.then(release)
        end()
        throw signal.reason
      }
      held.push(release)
    }
    return { end }
  }

  #lineUp(stream: StreamId): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last.set(stream, promise)
    return () => {
      if (this.#last.get(stream) === promise) this.#last.delete(stream)
      resolve()
    }
  }
}

/** False when the signal comes first. */
function comesBefore(turn: Promise<void>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const abort = (): void => resolve(false)
    signal.addEventListener('abort', abort, { once: true })
    void turn.then(() => {
      signal.removeEventListener('abort', abort)
      resolve(!signal.aborted)
    })
  })
}
