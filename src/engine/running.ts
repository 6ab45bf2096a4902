/**
 * Operations under way in this process: one entry an operation, so that a concurrent retry waits for the first, a revoked principal's work stops
 * at once, and there is a bound.
 */
import { OPERATION_TIMEOUT_MS, RUNNING_MAX } from './bounds.ts'
import type { Hash, OperationId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import type { Principal } from '../model/principal.ts'
import { problem, type Problem } from '../model/problems.ts'

interface Entry {
  readonly intentHash: Hash
  readonly principal: Principal
  readonly outcome: Promise<Outcome>
  readonly stop: AbortController
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

  /** The same operation, when it is under way already. @throws `idempotency-key-reused` */
  find(operation: OperationId, intentHash: Hash): Promise<Outcome> | undefined {
    const entry = this.#entries.get(operation)
    if (entry === undefined) return undefined
    if (entry.intentHash !== intentHash)
      throw problem('idempotency-key-reused', 'this key is in use for another payload', { operation })
    return entry.outcome
  }

  /**
   * Runs one operation under its own signal: the caller's leaving, the deadline, a revocation, and closing all end it.
   * @throws `overloaded` before anything ran
   */
  async run(
    operation: OperationId,
    intentHash: Hash,
    principal: Principal,
    callers: AbortSignal,
    work: (signal: AbortSignal) => Promise<Outcome>,
  ): Promise<Outcome> {
    if (this.#entries.size >= RUNNING_MAX)
      throw problem('overloaded', `${RUNNING_MAX} operations are under way`, { limit: RUNNING_MAX })
    const stop = new AbortController()
    const leave = (): void => stop.abort(problem('cancelled', 'the caller stopped waiting', { operation }))
    if (callers.aborted) leave()
    else callers.addEventListener('abort', leave, { once: true })
    const deadline = setTimeout(
      () => stop.abort(problem('deadline-exceeded', `not finished within ${OPERATION_TIMEOUT_MS} ms`, { operation })),
      OPERATION_TIMEOUT_MS,
    )
    const outcome = work(stop.signal)
    outcome.catch(() => {}) // the caller awaits it below; a concurrent retry may come too late to
    this.#entries.set(operation, { intentHash, principal, outcome, stop })
    try {
      return await outcome
    } finally {
      clearTimeout(deadline)
      callers.removeEventListener('abort', leave)
      this.#entries.delete(operation)
      if (this.#entries.size === 0) for (const wake of this.#idle.splice(0)) wake()
    }
  }

  /** Ends what may not go on, with this reason. Returns how many were told to stop. */
  stopWhere(doomed: (principal: Principal) => boolean, reason: (operation: OperationId) => Problem): number {
    let stopped = 0
    for (const [operation, entry] of this.#entries) {
      if (!doomed(entry.principal) || entry.stop.signal.aborted) continue
      entry.stop.abort(reason(operation))
      stopped += 1
    }
    return stopped
  }

  /** Resolves when nothing is under way. */
  async drained(): Promise<void> {
    if (this.#entries.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }
}
