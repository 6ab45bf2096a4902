/**
 * Work that a pause holds back. It waits here and begins anew when the authority has changed: who asks, whether they may, and every switch are looked
 * at again, as if it had just been asked for. Owns who waits; owns nothing durable: a caller who is cut off asks again under the same key.
 *
 * 1. Only `pause` holds back. What was decided before the pause and turned down in its commit waits as well, and is decided anew.
 * 2. So many wait, so many for one principal, each so long; beyond that, and when the system stops, it is `switched-paused` with the operator's reason.
 * 3. A stop or a revocation that reaches what waits ends the waiting, and counts it among what it stopped.
 * 4. What waits has spent nothing: no hold, no count, no cell.
 */
import type { UnderWay, Stopped } from './running.ts'
import { recordFailure } from './failed.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { Problem, problem } from '../model/problems.ts'
import type { AuthoritySnapshot } from '../warden/authority.ts'

/** Below what clients and proxies wait for an answer. */
export const PAUSE_WAIT_MS = 20_000
/** Each holds a connection and a few kilobytes. */
const WAITING_MAX = 1_000
const WAITING_PER_PRINCIPAL_MAX = 200
/** How often those who wait look whether the authority has changed; nobody looks when nobody waits. */
const LOOK_EVERY_MS = 25

interface Waiter {
  /** What waits, where that is known: a read leaves nothing to report. */
  readonly proposal: Proposal | null
  readonly seen: AuthoritySnapshot
  readonly untilMs: number
  readonly fault: Problem
  readonly goOn: () => void
  readonly end: (error: unknown) => void
}

export class Pauses {
  readonly #waiting = new Set<Waiter>()
  readonly #waitMs: number
  #looking: NodeJS.Timeout | null = null
  #closed = false

  constructor(waitMs = PAUSE_WAIT_MS) {
    this.#waitMs = waitMs
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.size
  }

  /**
   * Asks, and asks again each time the authority has changed, for as long as the answer is that it is paused.
   * @throws what asking throws; `switched-paused` when there is no room or no more time to wait; `cancelled`
   */
  async heldBack<Answer>(parts: Parts, signal: AbortSignal, ask: () => Promise<Answer>): Promise<Answer> {
    const untilMs = parts.clock.monotonicUs() / 1_000 + this.#waitMs
    for (;;) {
      const seen = parts.authority.current()
      try {
        return await ask()
      } catch (error) {
        if (!isPause(error)) throw error
        const proposal = heldBackBy.get(error) ?? null
        try {
          await this.#wait(parts, { proposal, seen, untilMs, fault: error }, signal)
        } catch (over) {
          if (proposal !== null && over instanceof Problem) recordFailure(parts, proposal, over)
          throw over
        }
      }
    }
  }

  /** Ends the waiting of what may not go on, with the reason that `doom` gives. @returns what was waiting, one entry an operation */
  stopWhere(doom: (entry: UnderWay) => Problem | null): readonly Stopped[] {
    const stopped = new Map<string, Stopped>()
    for (const { proposal, end } of [...this.#waiting]) {
      if (proposal === null) continue
      const { operation, principal, intent } = proposal
      const outcome = new Promise<never>(() => {})
      const entry = { operation, principal, command: intent.command, run: intent.run, outcome }
      const reason = doom(entry)
      if (reason === null) continue
      end(reason)
      const ended = Promise.reject<never>(reason)
      ended.catch(() => {})
      stopped.set(operation, { ...entry, outcome: ended, reason })
    }
    return [...stopped.values()]
  }

  /** Everybody who waits is told that it is paused, and so is whoever would wait from now on. Call it before the doors close. */
  close(): void {
    this.#closed = true
    for (const { end, fault } of [...this.#waiting]) end(fault)
  }

  #wait(
    parts: Parts,
    { proposal, seen, untilMs, fault }: Omit<Waiter, 'goOn' | 'end'>,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#closed || this.#isFull(proposal) || untilMs <= parts.clock.monotonicUs() / 1_000)
      return Promise.reject(fault)
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#waiting.delete(waiter)
        signal.removeEventListener('abort', leave)
        if (this.#waiting.size === 0 && this.#looking !== null) {
          clearInterval(this.#looking)
          this.#looking = null
        }
      }
      const end = (error: unknown): void => {
        over()
        reject(error)
      }
      const leave = (): void => end(signal.reason instanceof Problem ? signal.reason : left(proposal))
      const goOn = (): void => {
        over()
        resolve()
      }
      const waiter: Waiter = { proposal, seen, untilMs, fault, goOn, end }
      if (signal.aborted) return void reject(left(proposal))
      this.#waiting.add(waiter)
      signal.addEventListener('abort', leave, { once: true })
      this.#looking ??= setInterval(() => this.#look(parts), LOOK_EVERY_MS)
    })
  }

  #isFull(proposal: Proposal | null): boolean {
    if (this.#waiting.size >= WAITING_MAX) return true
    if (proposal === null) return false
    const { id } = proposal.principal
    return [...this.#waiting].filter((one) => one.proposal?.principal.id === id).length >= WAITING_PER_PRINCIPAL_MAX
  }

  #look(parts: Parts): void {
    const current = parts.authority.current()
    const nowMs = parts.clock.monotonicUs() / 1_000
    for (const { seen, untilMs, fault, goOn, end } of [...this.#waiting])
      if (seen !== current) goOn()
      else if (nowMs >= untilMs) end(fault)
  }
}

const left = (proposal: Proposal | null): Problem =>
  problem('cancelled', 'the caller stopped waiting', proposal === null ? {} : { operation: proposal.operation })

const isPause = (error: unknown): error is Problem => error instanceof Problem && error.code === 'switched-paused'

/** What a pause has turned away, by the problem that says so: it never leaves the engine. */
const heldBackBy = new WeakMap<Problem, Proposal>()

/** Notes what failed: on record as a failure, or, when it is paused, for whoever holds it back. One that was held before stays held. */
export function noteFailure(parts: Parts, proposal: Proposal, error: unknown): void {
  if (!isPause(error)) recordFailure(parts, proposal, error)
  else if (proposal.resumed === null) heldBackBy.set(error, proposal)
}
