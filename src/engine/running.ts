/**
 * Operations under way in this process: one entry an operation, so that a concurrent retry waits for the first, a revoked principal's work stops
 * at once, and there is a bound.
 *
 * 1. Work is stopped when the last of those who wait for it has left, never by one who leaves others behind.
 * 2. Who leaves is told at once; what was handed in by then lands or does not, and the same key asks for it.
 */
import { OPERATION_TIMEOUT_MS, RUNNING_MAX } from './bounds.ts'
import type { Hash, OperationId, RunId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import type { Principal } from '../model/principal.ts'
import { Problem, problem } from '../model/problems.ts'

/** What an operation is, for whoever decides which may go on. */
export interface UnderWay {
  readonly operation: OperationId
  readonly principal: Principal
  readonly command: string
  readonly run: RunId | null
  readonly outcome: Promise<Outcome>
}

/** Told to stop, and why; what becomes of it is its outcome. */
export interface Stopped extends UnderWay {
  readonly reason: Problem
}

interface Entry extends UnderWay {
  readonly intentHash: Hash
  readonly stop: AbortController
  /** Callers that wait for the outcome. */
  waiting: number
}

export class Running {
  readonly #entries = new Map<OperationId, Entry>()
  readonly #idle: (() => void)[] = []

  get count(): number {
    return this.#entries.size
  }

  has(operation: OperationId): boolean {
    return this.#entries.has(operation)
  }

  principalOf(operation: OperationId): Principal | undefined {
    return this.#entries.get(operation)?.principal
  }

  /**
   * Waits for the same operation, when it is under way already. Rejects with `operation-running` when it is ending because all others have left.
   * @throws `idempotency-key-reused`
   */
  join(operation: OperationId, intentHash: Hash, signal: AbortSignal): Promise<Outcome> | undefined {
    const entry = this.#entries.get(operation)
    if (entry === undefined) return undefined
    if (entry.intentHash !== intentHash)
      throw problem('idempotency-key-reused', 'this key is in use for another payload', { operation })
    return waitFor(entry, operation, signal).catch((error: unknown) => {
      if (signal.aborted || !(error instanceof Problem) || error.code !== 'cancelled') throw error
      throw problem('operation-running', 'it was just being given up; send it again', { operation })
    })
  }

  /**
   * Runs one operation under its own signal: the leaving of all callers, the deadline and a revocation end it.
   * @throws `overloaded` before anything ran
   */
  run(
    operation: OperationId,
    intentHash: Hash,
    principal: Principal,
    callers: AbortSignal,
    work: (signal: AbortSignal) => Promise<Outcome>,
    { command, run }: Pick<UnderWay, 'command' | 'run'> = { command: '', run: null },
  ): Promise<Outcome> {
    if (this.#entries.size >= RUNNING_MAX)
      return Promise.reject(problem('overloaded', `${RUNNING_MAX} operations are under way`, { limit: RUNNING_MAX }))
    const stop = new AbortController()
    const deadline = setTimeout(
      () => stop.abort(problem('deadline-exceeded', `not finished within ${OPERATION_TIMEOUT_MS} ms`, { operation })),
      OPERATION_TIMEOUT_MS,
    )
    const over = (): void => {
      clearTimeout(deadline)
      this.#entries.delete(operation)
      if (this.#entries.size === 0) for (const wake of this.#idle.splice(0)) wake()
    }
    const outcome = work(stop.signal).finally(over)
    const entry: Entry = { operation, intentHash, principal, command, run, outcome, stop, waiting: 0 }
    this.#entries.set(operation, entry)
    return waitFor(entry, operation, callers)
  }

  /** Ends what may not go on, with the reason that `doom` gives. @returns what was told to stop, and why */
  stopWhere(doom: (entry: UnderWay) => Problem | null): readonly Stopped[] {
    const stopped: Stopped[] = []
    for (const entry of this.#entries.values()) {
      const reason = entry.stop.signal.aborted ? null : doom(entry)
      if (reason === null) continue
      entry.stop.abort(reason)
      stopped.push({ ...entry, reason })
    }
    return stopped
  }

  /** Resolves when nothing is under way. */
  async drained(): Promise<void> {
    if (this.#entries.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }
}

function waitFor(entry: Entry, operation: OperationId, signal: AbortSignal): Promise<Outcome> {
  entry.waiting += 1
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      const left = problem('cancelled', 'the caller stopped waiting', { operation })
      entry.waiting -= 1
      if (entry.waiting === 0) entry.stop.abort(left)
      reject(left)
    }
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    const stay = (): void => signal.removeEventListener('abort', leave)
    entry.outcome.then(resolve, reject).finally(stay)
  })
}
