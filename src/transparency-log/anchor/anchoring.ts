/**
 * The loop beside the path that anchors checkpoints: each anchor by itself, on a cadence when there is something new, and at once when somebody asks.
 * It owns when; what an anchor is, is behind `Anchor`, and proofs are in `AnchorFiles`. Nothing waits for it but who asks.
 *
 * A1 A proof is kept only after the anchor itself has verified it.
 * A2 An anchor that fails is asked again, ever more rarely up to its cadence, and says so in its state until it answers.
 * A3 One submission at a time for each anchor; who asks meanwhile for the same checkpoint gets its result.
 */
import { problem, type Problem } from '../../model/problems.ts'
import { readCheckpoint } from '../cosignature-checkpoint.ts'
import { AnchorFault, type Anchor } from './anchor.ts'
import type { AnchorFiles, StoredAnchor } from './anchor-files.ts'

export const EVERY_MS = 60_000
const RETRY_MS = 5_000 // the first pause after a failure; doubled each time, up to the cadence

export interface AnchoringOptions {
  readonly anchors: readonly { readonly anchor: Anchor; readonly everyMs?: number }[]
  readonly files: AnchorFiles
  /** The newest signed checkpoint of the log. */
  readonly latestCheckpoint: () => string | Promise<string>
  readonly nowMs: () => number
  /** Told of the first failure of a series. */
  readonly onProblem: (what: string, error: unknown) => void
}

/** What people see of one anchor. */
export interface AnchorState {
  readonly name: string
  readonly kind: string
  readonly everyMs: number
  /** Size of the log that is anchored, 0 when none is; and when, by the anchor's clock. */
  readonly size: number
  readonly timeMs: number | null
  /** Records that are not anchored, and for how long the first of them may have been waiting: since the last proof, or since the start. */
  readonly waiting: number
  readonly lagMs: number
  readonly proofs: number
  /** In a row, until one succeeds. */
  readonly failures: number
  readonly lastError: string | null
  readonly lastErrorAtMs: number | null
}

export class Anchoring {
  readonly files: AnchorFiles
  readonly #lines: readonly Line[]
  readonly #options: AnchoringOptions
  readonly #stopping = new AbortController()
  readonly #startedAtMs: number

  constructor(options: AnchoringOptions) {
    this.#options = options
    this.files = options.files
    this.#startedAtMs = options.nowMs()
    this.#lines = options.anchors.map(
      ({ anchor, everyMs = EVERY_MS }) => new Line(anchor, everyMs, options, this.#stopping.signal),
    )
  }

  start(): void {
    for (const line of this.#lines) line.schedule(0)
  }
  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'))
    await Promise.all(this.#lines.map((line) => line.ended()))
  }
  /** @param size of the log now */
  states(size: number): AnchorState[] {
    return this.#lines.map((line) => line.state(size, this.#startedAtMs))
  }
  /**
   * Anchors the newest checkpoint at once, with every anchor.
   * @returns the proofs, at least one
   * @throws `anchor-unavailable` when there is no anchor, or all of them failed; the signal's reason, and the work goes on
   */
  async now(signal: AbortSignal): Promise<StoredAnchor[]> {
    const note = await this.#options.latestCheckpoint()
    return await this.anchor(note, signal)
  }
  /** The same for a given checkpoint, e.g. one with the cosignatures that a level asks for. */
  async anchor(note: string, signal: AbortSignal): Promise<StoredAnchor[]> {
    const results = await Promise.allSettled(this.#lines.map((line) => line.anchor(note, 'asked', signal)))
    const made = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (made.length > 0) return made
    signal.throwIfAborted()
    throw unavailable(results.flatMap((one) => (one.status === 'rejected' ? [messageOf(one.reason)] : [])))
  }
}

function unavailable(why: readonly string[]): Problem {
  const detail = why.length === 0 ? 'no anchor is set up' : why.join('; ')
  return problem('anchor-unavailable', detail)
}

/** One anchor and its time table. */
class Line {
  readonly #anchor: Anchor
  readonly #everyMs: number
  readonly #options: AnchoringOptions
  readonly #stopping: AbortSignal
  #timer: NodeJS.Timeout | undefined
  #working: { readonly note: string; readonly done: Promise<StoredAnchor> } | null = null
  #failures = 0
  #lastError: string | null = null
  #lastErrorAtMs: number | null = null

  constructor(anchor: Anchor, everyMs: number, options: AnchoringOptions, stopping: AbortSignal) {
    this.#anchor = anchor
    this.#everyMs = everyMs
    this.#options = options
    this.#stopping = stopping
  }

  schedule(afterMs: number): void {
    clearTimeout(this.#timer)
    if (this.#stopping.aborted) return
    this.#timer = setTimeout(() => void this.#tick(), afterMs).unref()
  }
  async ended(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#working?.done.catch(() => undefined)
  }

  async #tick(): Promise<void> {
    try {
      const note = await this.#options.latestCheckpoint()
      if (readCheckpoint(note).size > (this.#last()?.size ?? 0)) await this.anchor(note, 'cadence', this.#stopping)
      this.#options.files.thin(this.#options.nowMs())
    } catch {
      // In the state, and told of: see #submit.
    }
    this.schedule(this.#failures === 0 ? this.#everyMs : Math.min(this.#everyMs, RETRY_MS * 2 ** (this.#failures - 1)))
  }

  /** @param signal ends the waiting, not the work: what is under way may be another's too */
  async anchor(note: string, cause: 'cadence' | 'asked', signal: AbortSignal): Promise<StoredAnchor> {
    while (this.#working !== null && this.#working.note !== note)
      await until(
        this.#working.done.catch(() => undefined),
        signal,
      )
    const known = this.#known(note, cause)
    if (known !== null) return known
    this.#working ??= { note, done: this.#submit(note, cause).finally(() => (this.#working = null)) }
    return await until(this.#working.done, signal)
  }

  /** A proof of the same bytes, made before. One that the cadence has made may be thinned out, and does for nobody who asks. */
  #known(note: string, cause: 'cadence' | 'asked'): StoredAnchor | null {
    const { size } = readCheckpoint(note)
    for (const entry of this.#options.files.entries) {
      if (entry.size !== size || entry.anchor !== this.#anchor.name) continue
      if (cause === 'asked' && entry.cause !== 'asked') continue
      const stored = this.#options.files.read(entry)
      if (stored?.checkpoint === note) return stored
    }
    return null
  }

  async #submit(note: string, cause: 'cadence' | 'asked'): Promise<StoredAnchor> {
    const { name, kind } = this.#anchor
    try {
      const proof = await this.#anchor.submit(note, this.#stopping)
      const { timeMs } = this.#anchor.verify(note, proof)
      const stored: StoredAnchor = {
        size: readCheckpoint(note).size,
        timeMs,
        anchor: name,
        cause,
        kind,
        checkpoint: note,
        proof,
      }
      await this.#options.files.put(stored)
      this.#failures = 0
      this.#lastError = null
      return stored
    } catch (error) {
      if (this.#stopping.aborted) throw error
      this.#failures++
      this.#lastError = messageOf(error)
      this.#lastErrorAtMs = this.#options.nowMs()
      if (this.#failures === 1) this.#options.onProblem(`anchor \`${name}\``, error)
      throw error
    }
  }

  #last() {
    return this.#options.files.last(this.#anchor.name)
  }
  state(size: number, startedAtMs: number): AnchorState {
    const last = this.#last()
    const waiting = Math.max(0, size - (last?.size ?? 0))
    const { name, kind } = this.#anchor
    return {
      ...{ name, kind, everyMs: this.#everyMs, size: last?.size ?? 0, timeMs: last?.timeMs ?? null, waiting },
      lagMs: waiting === 0 ? 0 : Math.max(0, this.#options.nowMs() - (last?.timeMs ?? startedAtMs)),
      proofs: this.#options.files.entries.filter(({ anchor }) => anchor === name).length,
      failures: this.#failures,
      lastError: this.#lastError,
      lastErrorAtMs: this.#lastErrorAtMs,
    }
  }
}

const messageOf = (error: unknown): string =>
  error instanceof AnchorFault
    ? `${error.code}: ${error.message}`
    : error instanceof Error
      ? error.message
      : String(error)

/** @throws the signal's reason when it is first */
function until<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise<Value>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const stop = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
