/** The committer as the main thread sees it: requests are gathered into one message, answers come back in one. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { systemClock, type Clock } from '../../host/clock.ts'
import type { Position } from '../../model/ids.ts'
import { Problem, problem } from '../../model/problems.ts'
import type { Consistency, Receipt } from '../../model/receipt.ts'
import { openSqliteReader, type SqliteReader } from '../../storage/sqlite/reader.ts'
import type { Synchronous } from '../../storage/sqlite/database.ts'
import type { SignerStanding } from '../../transparency-log/signer/log-signer.ts'
import type { DerivedStream, SideRecord, Snapshot } from '../../storage/storage.ts'
import type { CommitRequest, CommitResult, Committer } from './commit-request.ts'
import { NO_LEVERS } from './judge-levers.ts'
import type { SigningState } from './signing-state.ts'
import { receiptFrom } from './proof-path.ts'
import {
  problemFrom,
  type Call,
  type CommitReply,
  type Mail,
  type ThreadMessage,
  type WorkerOptions,
} from './messages.ts'

/** Requests waiting or in the batch under way; beyond, `overloaded`. About a second of work, and 50 MB. */
export const COMMITS_WAITING_MAX = 10_000

export interface CommitterOptions {
  /** Data directory; made when it is not there. */
  readonly dir: string
  /** Name of the log, and of its key: no white space, no `+`. */
  readonly origin: string
  /** The signer's socket. Without one, a signer runs in the committer's thread, on `<dir>/signer`: for tests and tools that need no boundary. */
  readonly signerSocket?: string
  /** Told when the signer does not answer in time. */
  readonly onSignerSilent?: () => void
  /** Default `<dir>/log.vkey`. */
  readonly vkeyPath?: string
  /** Folder of the keys of data subjects; default `dir`. */
  readonly keysDir?: string
  /** Only tests weaken it. */
  readonly synchronous?: Synchronous
  /** Stamps `recordedAtMs`. */
  readonly clock?: Clock
}
/** Seals what is personal before it leaves this thread. */
export interface Sealer {
  /** A promise where it has to wait for a key. */
  seal(request: CommitRequest): CommitRequest | Promise<CommitRequest>
  side(record: SideRecord): SideRecord
  snapshot(snapshot: Snapshot): Snapshot
}
export interface OpenCommitter extends Committer {
  /** From here on everything that is written goes through it. */
  sealWith(sealer: Sealer): void
  replaceDerived(derived: DerivedStream): Promise<void>
  /** Resolves when every commit that has been handed in by now has its answer. */
  answered(): Promise<void>
  /** A read-only connection of the caller's own: sees every commit that has been answered. The caller closes it. */
  reader(): SqliteReader
  /** The log's public key that signs now, as others pin it. */
  readonly vkey: string
}

/**
 * Opens the data directory for writing and starts the committer's thread. Until `adoptEpochs` has been called, only commits with an empty chain pass.
 * @throws `data-directory-locked`, `storage-damaged`
 */
export async function openCommitter(options: CommitterOptions): Promise<OpenCommitter> {
  const workerData: WorkerOptions = {
    dir: options.dir,
    origin: options.origin,
    vkeyPath: options.vkeyPath ?? join(options.dir, 'log.vkey'),
    synchronous: options.synchronous ?? 'FULL',
    keysDir: options.keysDir ?? options.dir,
    signer:
      options.signerSocket === undefined
        ? { kind: 'here', dir: join(options.dir, 'signer') }
        : { kind: 'socket', path: options.signerSocket },
  }
  const worker = new Worker(new URL('./committer-thread.ts', import.meta.url), { workerData })
  const ready = await new Promise<ThreadMessage>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  if (ready.kind !== 'ready') {
    await worker.terminate()
    throw ready.kind === 'not-ready' ? problemFrom(ready.problem) : problem('bug', 'the committer answered out of turn')
  }
  return new CommitterClient(worker, options, ready.signing)
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (problem: Problem) => void
}
type Outgoing = { readonly [Part in Exclude<keyof Mail, 'nowMs'>]: Mail[Part][number][] }
const noMail = (): Outgoing => ({ commits: [], calls: [], side: [], snapshots: [] })

class CommitterClient implements OpenCommitter {
  #signing: SigningState
  #sideLost = 0
  readonly #worker: Worker
  readonly #dir: string
  readonly #clock: Clock
  readonly #waiting = new Map<number, Waiting>()
  #number = 0
  #outgoing = noMail()
  #scheduled = false
  #sealer: Sealer | null = null
  readonly #unanswered = new Set<Promise<CommitResult>>()
  #ended: Problem | null = null
  /** Latest that has come with replies. */
  #newest = { note: '', size: 0 }

  constructor(worker: Worker, options: CommitterOptions, signing: SigningState) {
    this.#worker = worker
    this.#dir = options.dir
    this.#clock = options.clock ?? systemClock
    this.#signing = signing
    worker.on('message', (message: ThreadMessage) => this.#receive(message, options.onSignerSilent))
    worker.on('error', (error) => this.#end(problem('storage-unavailable', 'the committer has failed', {}, error)))
    worker.on('exit', () => this.#end(problem('storage-unavailable', 'the committer is closed')))
  }

  commit(request: Parameters<Committer['commit']>[0]): Promise<CommitResult> {
    if (this.#waiting.size >= COMMITS_WAITING_MAX)
      return Promise.reject(
        problem('overloaded', `${COMMITS_WAITING_MAX} commits are waiting`, { limit: COMMITS_WAITING_MAX }),
      )
    if (this.#sealer === null) return this.#handIn(request)
    const answer = this.#seal(request, this.#sealer)
    this.#unanswered.add(answer)
    const forget = (): void => void this.#unanswered.delete(answer)
    answer.then(forget, forget)
    return answer
  }
  #handIn(request: CommitRequest): Promise<CommitResult> {
    return this.#expect<CommitResult>((number) => this.#outgoing.commits.push({ number, request }))
  }
  /** Waits only where a key has to be made. Whoever comes later may then be handed in earlier: the committer compares versions. */
  #seal(request: CommitRequest, sealer: Sealer): Promise<CommitResult> {
    try {
      const sealed = sealer.seal(request)
      return sealed instanceof Promise ? sealed.then((one) => this.#handIn(one)) : this.#handIn(sealed)
    } catch (error) {
      return Promise.reject(
        error instanceof Problem ? error : problem('bug', 'the request cannot be sealed', {}, error),
      )
    }
  }
  async answered(): Promise<void> {
    await Promise.allSettled([...this.#unanswered])
  }
  sealWith(sealer: Sealer): void {
    this.#sealer = sealer
  }
  replaceDerived(derived: DerivedStream): Promise<void> {
    return this.#call({ kind: 'derived', derived })
  }
  get newest(): { readonly note: string; readonly size: number } {
    return this.#newest
  }
  adoptEpochs(...[snapshot, epochs, levers = NO_LEVERS]: Parameters<Committer['adoptEpochs']>): Promise<void> {
    return this.#call({ kind: 'adopt-epochs', snapshot, epochs, levers })
  }
  adoptLimits(limits: Parameters<Committer['adoptLimits']>[0]): ReturnType<Committer['adoptLimits']> {
    return this.#call({ kind: 'adopt-limits', limits })
  }
  declareReadModels(models: Parameters<Committer['declareReadModels']>[0]): Promise<void> {
    return this.#call({ kind: 'declare', models })
  }
  receipt(position: Position): Promise<Receipt> {
    return this.#call({ kind: 'receipt', position })
  }
  checkpoint(): Promise<string> {
    return this.#call({ kind: 'checkpoint' })
  }
  async checkpointOver(position: Position): Promise<string> {
    if (position < this.#newest.size && this.#newest.note !== '') return this.#newest.note
    return position < 0 ? this.checkpoint() : this.#call({ kind: 'checkpoint-over', position })
  }
  consistency(from: number, to: number): Promise<Consistency> {
    return this.#call({ kind: 'consistency', from, to })
  }
  signing(): SigningState {
    return this.#signing
  }
  get sideLost(): number {
    return this.#sideLost
  }
  signer(): Promise<SignerStanding> {
    return this.#call({ kind: 'signer' })
  }
  get vkey(): string {
    return this.#signing.vkey
  }
  writeSide(records: readonly SideRecord[], snapshots: readonly Snapshot[]): void {
    if (this.#ended !== null) return
    const sealer = this.#sealer
    this.#outgoing.side.push(...(sealer === null ? records : records.map((record) => sealer.side(record))))
    this.#outgoing.snapshots.push(...(sealer === null ? snapshots : snapshots.map((one) => sealer.snapshot(one))))
    this.#schedule()
  }
  reader(): SqliteReader {
    return openSqliteReader(this.#dir)
  }
  /** Lets what is under way finish, then ends the thread. */
  async close(): Promise<void> {
    if (this.#ended !== null) return
    const closed = this.#call<void>({ kind: 'close' })
    this.#ended = problem('storage-unavailable', 'the committer is closed')
    await closed
    await this.#worker.terminate()
  }

  #call<Value>(call: Call): Promise<Value> {
    return this.#expect<Value>((number) => this.#outgoing.calls.push({ number, call }))
  }
  #expect<Value>(write: (number: number) => void): Promise<Value> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    const number = ++this.#number
    write(number)
    this.#schedule()
    return new Promise<Value>((resolve, reject) => {
      this.#waiting.set(number, { resolve: resolve as (value: unknown) => void, reject })
    })
  }
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      const mail = this.#outgoing
      this.#outgoing = noMail()
      try {
        this.#post(mail)
      } catch {
        this.#post({ ...mail, commits: mail.commits.filter((entry) => this.#isPlain(entry)) })
      }
    })
  }
  #post(mail: Outgoing): void {
    this.#worker.postMessage({ ...mail, nowMs: this.#clock.nowMs() } satisfies Mail)
  }
  /** A request that cannot cross to the thread fails alone. */
  #isPlain({ number, request }: Mail['commits'][number]): boolean {
    try {
      structuredClone(request)
      return true
    } catch (error) {
      this.#waiting.get(number)?.reject(problem('bug', 'the request is not plain data', {}, error))
      this.#waiting.delete(number)
      return false
    }
  }
  #receive(message: ThreadMessage, onSignerSilent: (() => void) | undefined): void {
    if (message.kind === 'signing') this.#signing = message.state
    if (message.kind === 'signer-silent') onSignerSilent?.()
    if (message.kind === 'side-lost') this.#sideLost = message.count
    if (message.kind !== 'replies') return
    if (message.checkpoint !== this.#newest.note)
      this.#newest = { note: message.checkpoint, size: Number(message.checkpoint.split('\n', 2)[1]) }
    for (const reply of message.replies) {
      const waiting = this.#waiting.get(reply.number)
      this.#waiting.delete(reply.number)
      if (reply.kind === 'answered') waiting?.resolve(resultOf(reply.answer, message.checkpoint))
      else if (reply.kind === 'done') waiting?.resolve(reply.value)
      else waiting?.reject(problemFrom(reply.problem))
    }
  }
  #end(reason: Problem): void {
    this.#ended ??= reason
    for (const { reject } of this.#waiting.values()) reject(reason)
    this.#waiting.clear()
  }
}

function resultOf(answer: CommitReply, checkpoint: string): CommitResult {
  if (answer.kind !== 'committed') return answer
  const { proven, ...rest } = answer
  return { ...rest, receipt: receiptFrom(proven, checkpoint) }
}
