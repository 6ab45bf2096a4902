/**
 * Signing, beside the writing: while the signer works on one tree, the next batches are judged and written, and one signature then covers them all.
 * Owns the request in flight, the latest signed checkpoint, and what is known of the signer.
 *
 * N1 A checkpoint is asked for only over a durable tree (G3 of committer-core.ts).
 * N2 One request is in flight. Whatever became durable meanwhile is in the next one.
 * N3 A signer that is away is waited for, visibly; one that refuses ends the writing, because no later tree could be signed either.
 * N4 While no witness has confirmed the signer, nothing is written: what would be might be behind what others hold. What was signed last can be read.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hash } from '../../model/ids.ts'
import { Problem, problem } from '../../model/problems.ts'
import { checkpointText } from '../../transparency-log/checkpoint.ts'
import type { KeyRecordEvidence, LogSigner, SignerStanding } from '../../transparency-log/signer/log-signer.ts'
import type { SigningState } from './signing-state.ts'

/** Until one request must have been answered; then the signer is told of as silent, and asked again. */
export const SIGN_TIMEOUT_MS = 5_000
/** A request that takes longer than this shows as `awaiting-signer`. */
const SHOWN_AFTER_MS = 1_000
const LOOK_EVERY_MS = 250 // how late either may be noticed
const RETRY_MS = 100
/** Between two askings of a signer that waits for a witness. */
const UNCONFIRMED_RETRY_MS = 500
/** For a witness to answer when the log is opened; then it is opened for reading, and goes on by itself when one does. */
const CONFIRMED_WITHIN_MS = 3_000
/** For a signer that is still starting when the log is opened. */
const OPEN_WITHIN_MS = 15_000

/** The log as its signer sees it: the durable tree. */
export interface SignableLog {
  readonly origin: string
  readonly head: { readonly treeSize: number; readonly rootHash: Hash }
  rootAt(size: number): Hash
  consistencyProof(oldSize: number, size: number): readonly Hash[]
  /** Evidence of the newest record of the log's key, when it lies at `from` or behind. */
  keyRecord(from: number, size: number): KeyRecordEvidence | null
}
export interface SigningParts {
  readonly signer: LogSigner
  readonly log: SignableLog
  /** Something more is signed. */
  readonly onSigned: () => void
  /** `state` says something new. */
  readonly onChange: () => void
  /** A request was not answered in time. */
  readonly onSilent: () => void
}

export class Signing {
  readonly #parts: SigningParts
  readonly #standing: SignerStanding
  readonly #closing = new AbortController()
  /** Ends with the time of a request in flight; then there is another. */
  #patience = new AbortController()
  #askedAtMs: number | null = null
  #watching: NodeJS.Timeout | undefined
  #running: Promise<void> | null = null
  #oldSize: number
  #size = 0
  #checkpoint = ''
  #vkey: string
  #fault: Problem | null = null
  #unconfirmed: Problem | null = null
  #lastError: Problem | null = null
  #sinceMs: number | null = null

  private constructor(parts: SigningParts, standing: SignerStanding) {
    this.#parts = parts
    this.#standing = standing
    this.#oldSize = standing.size
    this.#vkey = standing.vkey
    if (standing.unconfirmed !== null) this.#isUnconfirmed(standing.unconfirmed)
  }

  /**
   * Takes over as the one writer, and has the log as it is signed.
   * @throws `log-behind-signer`, `log-forked`, and whatever the signer says; `signer-unconfirmed` only where nothing is signed that could be read
   */
  static async open(parts: SigningParts): Promise<Signing> {
    const { signer, log } = parts
    const untilMs = performance.now() + OPEN_WITHIN_MS
    // Looked at before it is taken over: whoever must not write this log must not stop the one who does.
    check(log, await heard(signer, untilMs))
    const standing = await patiently(untilMs, () => signer.claim(AbortSignal.timeout(SIGN_TIMEOUT_MS)))
    check(log, standing)
    const signing = new Signing(parts, standing)
    await patiently(untilMs, () => signing.#signFirst(standing))
    signing.wake()
    return signing
  }

  /** Size of the tree under `checkpoint`. */
  get size(): number {
    return this.#size
  }
  get checkpoint(): string {
    return this.#checkpoint
  }
  /** Keys that were in use before the one that signed last. */
  get retired(): readonly string[] {
    const { retired, vkey } = this.#standing
    return vkey === this.#vkey ? retired : [...retired, vkey]
  }
  /** Why nothing will be signed any more; null while that may be. */
  get fault(): Problem | null {
    return this.#fault
  }
  /** Why nothing may be written now; null when no witness is waited for. */
  get unconfirmed(): Problem | null {
    return this.#unconfirmed
  }
  get state(): SigningState {
    const { treeSize } = this.#parts.log.head
    const waiting = this.#unconfirmed !== null ? 'unconfirmed' : this.#sinceMs !== null ? 'awaiting-signer' : 'signing'
    const state = this.#fault !== null ? 'refused' : waiting
    const error = this.#fault ?? this.#unconfirmed ?? this.#lastError
    return {
      state,
      vkey: this.#vkey,
      epoch: this.#standing.epoch,
      backEnd: this.#standing.backEnd,
      signedSize: this.#size,
      unsigned: treeSize - this.#size,
      sinceMs: this.#sinceMs,
      lastError: error === null ? null : { code: error.code, detail: error.detail },
    }
  }

  /** There may be something to sign. */
  wake(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
      if (this.#hasWork()) this.wake() // it came while the last round was ending
    })
  }

  /** Where the signer stands now. @throws `signer-unavailable` */
  ask(): Promise<SignerStanding> {
    return this.#parts.signer.standing(AbortSignal.any([AbortSignal.timeout(SIGN_TIMEOUT_MS), this.#closing.signal]))
  }

  /** Gives up what is in flight. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#patience.abort()
    clearInterval(this.#watching)
    await this.#running
    await this.#parts.signer.close()
  }

  async #run(): Promise<void> {
    await Promise.resolve() // batches that land in this turn are signed together
    let asked = this.#askNext()
    while (asked !== null) {
      try {
        await asked
        asked = this.#askNext() // first, so that the signer works while answers are made
        this.#parts.onSigned()
      } catch (error) {
        const fault = asProblem(error)
        if (this.#closing.signal.aborted) return
        if (isPassing(fault)) {
          if (fault.code === 'signer-unconfirmed') this.#isUnconfirmed(fault.detail)
          this.#is('awaiting-signer', fault)
          const ms = this.#unconfirmed === null ? RETRY_MS : UNCONFIRMED_RETRY_MS
          await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined)
        } else {
          this.#fault = fault
          this.#is('awaiting-signer', fault)
          this.#parts.onSigned()
        }
        asked = this.#askNext()
      }
    }
  }

  #askNext(): Promise<void> | null {
    if (!this.#hasWork()) return null
    const asked = this.#ask()
    asked.catch(() => {}) // `#run` awaits it, unless there is a fault before
    return asked
  }
  async #ask(): Promise<void> {
    if (this.#unconfirmed !== null) await this.#confirm()
    if (this.#parts.log.head.treeSize > this.#size) await this.#signHead(this.#parts.log.head)
  }

  #hasWork(): boolean {
    if (this.#closing.signal.aborted || this.#fault !== null) return false
    return this.#unconfirmed !== null || this.#parts.log.head.treeSize > this.#size
  }

  /** Where no witness has confirmed the signer, what it has signed last: all that may be read. @throws `signer-unconfirmed` when that is nothing */
  #signFirst({ unconfirmed, size, rootHash }: SignerStanding): Promise<void> {
    if (unconfirmed === null) return this.#signHead(this.#parts.log.head)
    if (size === 0) throw problem('signer-unconfirmed', unconfirmed)
    return this.#signHead({ treeSize: size, rootHash })
  }

  /** What witnesses have cosigned may be more than the signer remembered, and than what is here. @throws `log-behind-signer`, `log-forked` */
  async #confirm(): Promise<void> {
    const standing = await this.ask()
    if (standing.unconfirmed !== null) throw problem('signer-unconfirmed', standing.unconfirmed)
    check(this.#parts.log, standing)
    this.#oldSize = standing.size
    this.#unconfirmed = null
    this.#is('signing', null)
  }
  #isUnconfirmed(detail: string): void {
    if (this.#unconfirmed?.detail !== detail) this.#unconfirmed = problem('signer-unconfirmed', detail)
    this.#sinceMs ??= Date.now()
  }

  /** A crash or a lost answer in here: the signer says where it is, and the proof starts from there. */
  async #signHead({ treeSize: size, rootHash }: SignableLog['head']): Promise<void> {
    const { log, signer, onSilent } = this.#parts
    const body = checkpointText({ origin: log.origin, size, rootHash })
    const { signal } = this.#patience
    this.#watch()
    try {
      for (let tries = 0; tries < 2; tries++) {
        const oldSize = this.#oldSize
        const proof = log.consistencyProof(oldSize, size)
        const request = { epoch: this.#standing.epoch, oldSize, proof, body, keyRecord: log.keyRecord(oldSize, size) }
        const answer = await signer.sign(request, signal)
        if (answer.kind === 'elsewhere') {
          compare(log, answer)
          this.#oldSize = answer.size
          continue
        }
        this.#oldSize = this.#size = size
        this.#checkpoint = answer.note
        this.#vkey = answer.vkey
        if (this.#unconfirmed === null) this.#is('signing', null)
        return
      }
      throw problem('signer-fenced', 'the signer goes on without this process')
    } catch (error) {
      if (signal.aborted) {
        this.#patience = new AbortController()
        if (!this.#closing.signal.aborted) onSilent()
      }
      throw error
    } finally {
      this.#askedAtMs = null
    }
  }

  /** Over the request that begins now. There are a thousand a second: one timer looks at whichever is in flight. */
  #watch(): void {
    this.#askedAtMs = performance.now()
    this.#watching ??= setInterval(() => {
      if (this.#askedAtMs === null) {
        clearInterval(this.#watching)
        this.#watching = undefined
        return
      }
      const ms = performance.now() - this.#askedAtMs
      if (ms > SIGN_TIMEOUT_MS) this.#patience.abort()
      else if (ms > SHOWN_AFTER_MS)
        this.#is('awaiting-signer', problem('signer-unavailable', 'the signer has not answered yet'))
    }, LOOK_EVERY_MS).unref()
  }

  #is(state: 'signing' | 'awaiting-signer', error: Problem | null): void {
    const before = this.#sinceMs
    this.#sinceMs = state === 'signing' ? null : (before ?? Date.now())
    const same = before === this.#sinceMs && this.#lastError?.detail === error?.detail
    this.#lastError = error
    if (!same) this.#parts.onChange()
  }
}

function check(log: SignableLog, standing: SignerStanding): void {
  if (standing.origin !== log.origin)
    throw problem('usage', `the signer signs for \`${standing.origin}\`, not for \`${log.origin}\``)
  compare(log, standing)
}

/** What was signed must be a part of what is here. @throws `log-behind-signer`, `log-forked` */
function compare(log: SignableLog, signed: { readonly size: number; readonly rootHash: Hash }): void {
  const { treeSize } = log.head
  if (signed.size > treeSize)
    throw problem('log-behind-signer', `${signed.size} records have been signed, the log holds ${treeSize}`, {
      signed: signed.size,
      records: treeSize,
    })
  if (log.rootAt(signed.size) !== signed.rootHash)
    throw problem('log-forked', `the first ${signed.size} records are not those that have been signed`, {
      signed: signed.size,
      records: treeSize,
    })
}

/** Where the signer stands, as soon as a witness has confirmed that, or when none does in time. */
async function heard(signer: LogSigner, untilMs: number): Promise<SignerStanding> {
  const ask = (): Promise<SignerStanding> =>
    patiently(untilMs, () => signer.standing(AbortSignal.timeout(SIGN_TIMEOUT_MS)))
  let standing = await ask()
  for (const lateMs = performance.now() + CONFIRMED_WITHIN_MS; standing.unconfirmed !== null; standing = await ask()) {
    if (performance.now() > lateMs) break
    await sleep(RETRY_MS)
  }
  return standing
}

async function patiently<Result>(untilMs: number, work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(asProblem(error)) || performance.now() > untilMs) throw error
      await sleep(RETRY_MS)
    }
  }
}
const isPassing = ({ code }: Problem): boolean => code === 'signer-unavailable' || code === 'signer-unconfirmed'
const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : problem('bug', 'the signer could not be asked', {}, error)
