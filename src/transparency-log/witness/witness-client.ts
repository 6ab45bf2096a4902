/**
 * One witness, as a log sees it: hands it checkpoints, catches up when it is elsewhere, and shows how it is doing. It owns the one request
 * that is in flight, and the one that waits behind it.
 *
 * C1 At most one request is in flight per witness, because its old size must be the witness's.
 * C2 A cosignature is returned only after it has been verified with the pinned key.
 * C3 A refusal that says the log contradicts itself is never retried; it comes with the witness's own head where it gives it.
 */
import { systemClock, type Clock } from '../../host/clock.ts'
import { NoteError } from '../../model/signed-note.ts'
import { parseTreeSize, type Checkpoint } from '../checkpoint.ts'
import { openAnyCheckpoint, type PinnedLog } from '../cosignature-checkpoint.ts'
import { verifyCosignatures, type Cosignature, type CosignatureVerifier } from '../cosignature.ts'
import { formatAddCheckpoint, SIZE_TYPE } from './add-checkpoint.ts'
import { findEquivocation, type EquivocationProof, type OwnTree } from './equivocation.ts'
import { originHash } from './head-files.ts'

export interface WitnessAddress {
  /** As the policy calls it. */
  readonly name: string
  /** Submission prefix, `http:` or `https:`; heads are asked for under the same. */
  readonly url: string
  readonly key: CosignatureVerifier
}
export interface WitnessClientOptions {
  readonly log: PinnedLog
  readonly tree: OwnTree
  /** Until one request must have been answered. Default 5 s. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

export type WitnessErrorCode =
  /** No answer, or one that no witness gives: worth trying again. */
  | 'unreachable'
  | 'timed-out'
  /** 429 or 503. */
  | 'busy'
  /** 403 or 404: it does not know this log or its key. */
  | 'unknown-log'
  /** The answer holds no cosignature of the pinned key. */
  | 'no-cosignature'
  /** It is further than this log: the log has lost its tail, or another process speaks for it. */
  | 'ahead'
  /** It names a smaller size than it has cosigned for us: its state was put back. */
  | 'rolled-back'
  /** The caller gave up. */
  | 'aborted'
  /** It says that the checkpoint does not follow from what it has cosigned. */
  | 'refused'

export interface WitnessError {
  readonly code: WitnessErrorCode
  readonly detail: string
  readonly atMs: number
}

/** What became of one checkpoint at one witness. */
export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly cosignature: Cosignature }
  /** A later checkpoint took its place before it was sent: its cosignature covers this one too. */
  | { readonly kind: 'overtaken' }
  | { readonly kind: 'failed'; readonly error: WitnessError }
  | { readonly kind: 'refused'; readonly error: WitnessError; readonly evidence: RefusalEvidence }
export interface RefusalEvidence {
  /** Self-contained, when the witness gave its head and the two contradict each other. */
  readonly proof: EquivocationProof | null
  /** The checkpoint that was refused. */
  readonly refused: string
  /** The witness's head, signed by the log; null when it could not be had. */
  readonly head: string | null
}

export interface WitnessState {
  readonly name: string
  readonly url: string
  /** Size that it has cosigned last, as far as is known here. */
  readonly size: number | null
  /** Leaves between that and the newest checkpoint that was handed in. */
  readonly lag: number | null
  readonly inFlight: boolean
  /** Stands until it cosigns again. */
  readonly lastError: WitnessError | null
  /** Stands for good: a witness that was put back has been brought up again, and cannot prevent a split view of what it forgot. */
  readonly rolledBack: WitnessError | null
  readonly lastCosignedAtMs: number | null
  readonly cosigned: number
  readonly failed: number
}

const TIMEOUT_MS = 5_000
const TRIES_MAX = 4 // others may hand in checkpoints of this log too, and move the witness between two tries
const REPLY_BYTES_MAX = 131_072

interface Turn {
  readonly note: string
  readonly checkpoint: Checkpoint
  readonly signal: AbortSignal
  readonly settle: (answer: WitnessAnswer) => void
}

export class WitnessClient {
  readonly address: WitnessAddress
  readonly #options: WitnessClientOptions
  readonly #clock: Clock
  #size: number | null = null
  /** Largest size that this witness has cosigned for us: it must not name a smaller one. */
  #cosignedSize = 0
  #newestSize: number | null = null
  #inFlight: Turn | null = null
  #waiting: Turn | null = null
  #lastError: WitnessError | null = null
  #rolledBack: WitnessError | null = null
  #lastCosignedAtMs: number | null = null
  #cosigned = 0
  #failed = 0

  /** @throws TypeError for a URL that is none */
  constructor(address: WitnessAddress, options: WitnessClientOptions) {
    const { protocol } = new URL(address.url)
    if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`\`${address.url}\` is not http or https`)
    this.address = { ...address, url: address.url.replace(/\/+$/, '') }
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  get state(): WitnessState {
    const lag = this.#size === null || this.#newestSize === null ? null : Math.max(this.#newestSize - this.#size, 0)
    return {
      name: this.address.name,
      url: this.address.url,
      size: this.#size,
      lag,
      inFlight: this.#inFlight !== null,
      lastError: this.#lastError,
      rolledBack: this.#rolledBack,
      lastCosignedAtMs: this.#lastCosignedAtMs,
      cosigned: this.#cosigned,
      failed: this.#failed,
    }
  }

  /**
   * Asks for a cosignature; waits for its turn, and gives it up to a later checkpoint.
   * @param signal abort: the witness may have cosigned, which the next request finds out
   * @throws NoteError when the checkpoint is not of this log
   */
  async submit(note: string, signal: AbortSignal): Promise<WitnessAnswer> {
    const checkpoint = openAnyCheckpoint(note, this.#options.log)
    this.#newestSize = Math.max(this.#newestSize ?? 0, checkpoint.size)
    const { promise, resolve } = Promise.withResolvers<WitnessAnswer>()
    const turn: Turn = { note, checkpoint, signal, settle: resolve }
    if (this.#inFlight === null) void this.#run(turn)
    else if (this.#waiting === null) this.#waiting = turn
    else if (this.#waiting.checkpoint.size > checkpoint.size) resolve({ kind: 'overtaken' })
    else {
      this.#waiting.settle({ kind: 'overtaken' })
      this.#waiting = turn
    }
    return await promise
  }

  /** The witness's head of this log, signed by the log and cosigned; null when it has none. Answers what a signer asks after a restart. */
  async latest(signal: AbortSignal): Promise<{ readonly note: string; readonly checkpoint: Checkpoint } | null> {
    const { log } = this.#options
    const reply = await this.#request(`/${originHash(log.origin)}/checkpoint`, { method: 'GET' }, signal)
    if (reply.status === 404) return null
    if (reply.status !== 200) throw new Error(`\`${this.address.name}\` answered ${reply.status}`)
    const checkpoint = openAnyCheckpoint(reply.body, log)
    if (verifyCosignatures(reply.body, [this.address.key]).length === 0)
      throw new NoteError(`the head has no cosignature of \`${this.address.name}\``)
    return { note: reply.body, checkpoint }
  }

  async #run(turn: Turn): Promise<void> {
    this.#inFlight = turn
    turn.settle(await this.#handIn(turn))
    this.#inFlight = null
    const next = this.#waiting
    this.#waiting = null
    if (next !== null) void this.#run(next)
  }

  async #handIn({ note, checkpoint, signal }: Turn): Promise<WitnessAnswer> {
    try {
      // Not knowing where it is, or knowing it elsewhere, we ask from 0: a witness says where it is.
      let oldSize = this.#size ?? 0
      if (oldSize > checkpoint.size && oldSize <= this.#cosignedSize) return { kind: 'overtaken' }
      if (oldSize > checkpoint.size) oldSize = 0
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const proof = await this.#options.tree.consistencyProof(oldSize, checkpoint.size)
        const body = formatAddCheckpoint({ oldSize, proof, note })
        const reply = await this.#request('/add-checkpoint', { method: 'POST', body }, signal)
        if (reply.status === 200) return this.#accept(note, checkpoint, reply.body)
        const elsewhere = reply.status === 409 && reply.type === SIZE_TYPE ? parseTreeSize(reply.body.trimEnd()) : null
        if (elsewhere === null || elsewhere === oldSize) return await this.#refusal(note, reply, signal)
        this.#size = oldSize = elsewhere
        if (elsewhere < this.#cosignedSize) this.#noteRollback(elsewhere)
        if (elsewhere > checkpoint.size) return this.#isFurther(elsewhere, checkpoint.size)
      }
      return this.#fail('busy', `it was elsewhere ${TRIES_MAX} times`)
    } catch (error) {
      const timedOut = error instanceof DOMException && error.name === 'TimeoutError'
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
      const detail = `${error instanceof Error ? error.message : String(error)}${cause}`
      if (signal.aborted) return { kind: 'failed', error: { code: 'aborted', detail, atMs: this.#clock.nowMs() } }
      return this.#fail(timedOut ? 'timed-out' : 'unreachable', detail)
    }
  }

  /** No news when it got there by our own doing. */
  #isFurther(size: number, than: number): WitnessAnswer {
    return size <= this.#cosignedSize
      ? { kind: 'overtaken' }
      : this.#fail('ahead', `it is at size ${size}, further than ${than}`)
  }

  #accept(note: string, checkpoint: Checkpoint, lines: string): WitnessAnswer {
    let cosignature: Cosignature | undefined
    try {
      cosignature = verifyCosignatures(note + lines, [this.address.key])[0]
    } catch (error) {
      return this.#fail('no-cosignature', error instanceof Error ? error.message : String(error))
    }
    if (cosignature === undefined) return this.#fail('no-cosignature', 'the answer holds none of the pinned key')
    this.#size = checkpoint.size
    this.#cosignedSize = Math.max(this.#cosignedSize, checkpoint.size)
    this.#lastError = null
    this.#lastCosignedAtMs = this.#clock.nowMs()
    this.#cosigned++
    return { kind: 'cosigned', cosignature }
  }

  async #refusal(note: string, reply: Reply, signal: AbortSignal): Promise<WitnessAnswer> {
    const detail = `${reply.status}: ${reply.body.slice(0, 200).trimEnd()}`
    if (reply.status === 429 || reply.status === 503) return this.#fail('busy', detail)
    if (reply.status === 403 || reply.status === 404) return this.#fail('unknown-log', detail)
    if (reply.status !== 409 && reply.status !== 422) return this.#fail('unreachable', detail)
    const head = await this.latest(signal).catch(() => null)
    const { log, tree } = this.#options
    const proof = head === null ? null : await findEquivocation([head.note, note], log, tree).catch(() => null)
    this.#failed++
    const evidence = { proof, refused: note, head: head?.note ?? null }
    return { kind: 'refused', error: this.#note('refused', detail), evidence }
  }

  #fail(code: WitnessErrorCode, detail: string): WitnessAnswer {
    this.#failed++
    return { kind: 'failed', error: this.#note(code, detail) }
  }
  #noteRollback(size: number): void {
    this.#rolledBack = this.#note('rolled-back', `it names size ${size}, having cosigned ${this.#cosignedSize}`)
    this.#cosignedSize = size
  }
  #note(code: WitnessErrorCode, detail: string): WitnessError {
    return (this.#lastError = { code, detail, atMs: this.#clock.nowMs() })
  }

  async #request(path: string, init: { method: string; body?: string }, signal: AbortSignal): Promise<Reply> {
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? TIMEOUT_MS)
    const response = await fetch(this.address.url + path, {
      ...init,
      redirect: 'error',
      signal: AbortSignal.any([signal, timeout]),
    })
    return {
      status: response.status,
      type: (response.headers.get('content-type') ?? '').split(';')[0] ?? '',
      body: await boundedText(response),
    }
  }
}

interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > REPLY_BYTES_MAX) throw new Error(`the answer has more than ${REPLY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
