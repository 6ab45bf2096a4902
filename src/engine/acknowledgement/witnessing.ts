/**
 * Gets the log's checkpoints cosigned, beside the path. Owns the witnesses' clients, one round at a time over all of them, and the newest head that
 * a quorum has cosigned.
 *
 * W1 `witnessed.size` grows only when one checkpoint carries the cosignatures of a quorum of the pinned policy, each verified with its pinned key.
 * W2 A round goes to all witnesses with one checkpoint, and the next begins when that one has its quorum or everybody has answered: so a quorum
 *    is not missed because each witness was given another checkpoint.
 * W3 A record that somebody waits for is in the next round; otherwise a round begins every `everyMs` when there is something new, or a witness lags.
 * W4 A refusal stops the log before anything else is acknowledged, and ends the rounds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../host/clock.ts'
import type { Position } from '../../model/ids.ts'
import type { StopKind } from '../../model/log-stop.ts'
import type { Receipt } from '../../model/receipt.ts'
import { readCheckpoint, type PinnedLog } from '../../transparency-log/cosignature-checkpoint.ts'
import type { StoredTree } from '../../transparency-log/stored-tree.ts'
import { cosign, enoughFor, ownTree, type Enough, type Refusal } from '../../transparency-log/witness/cosign.ts'
import { replaceDurably } from '../../transparency-log/witness/durable-files.ts'
import { WitnessClient, type WitnessAnswer, type WitnessState } from '../../transparency-log/witness/witness-client.ts'
import { stopped, type LogStop } from './log-stop.ts'
import { confirmRollback } from './rollback.ts'
import { Waiters } from './waiters.ts'
import type { WitnessPolicy } from './witness-policy.ts'
import { receiptMaker, witnessedPath, type WitnessedHead } from './witnessed.ts'

export interface WitnessingOptions {
  readonly dir: string
  readonly log: PinnedLog
  readonly policy: WitnessPolicy
  readonly tree: StoredTree
  readonly stop: LogStop
  readonly clock: Clock
  /** From an earlier process, checked. */
  readonly before: WitnessedHead | null
  /** Newest checkpoint of the log. */
  readonly newest: () => string
  /** Between rounds that nobody waits for. Default 1 s. */
  readonly everyMs?: number
  /** Until one witness must have answered. Default 5 s. */
  readonly timeoutMs?: number
  readonly onProblem: (what: string, error: unknown) => void
}

const EVERY_MS = 1_000
const TIMEOUT_MS = 5_000
/** Between rounds that found no quorum: doubled from the first to the second. */
const AGAIN_MS = [50, 1_000] as const
/** How old the file of the newest witnessed head may be under load. */
const KEEP_EVERY_MS = 1_000

export class Witnessing {
  readonly policy: WitnessPolicy
  readonly #options: WitnessingOptions
  readonly #clients: readonly WitnessClient[]
  readonly #enough: Enough
  readonly #waiters = new Waiters()
  readonly #closing = new AbortController()
  readonly #everyMs: number
  #witnessed: WitnessedHead | null
  #receipts: ReturnType<typeof receiptMaker> | null = null
  #hurried = -1
  #wake = Promise.withResolvers<void>()
  #fault: string | null = null
  #keptAtMs = 0
  #kept: string | null
  #keeping: Promise<void> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()

  constructor(options: WitnessingOptions) {
    const { policy, log, tree, clock, timeoutMs = TIMEOUT_MS, before } = options
    this.policy = policy
    this.#options = options
    this.#everyMs = options.everyMs ?? EVERY_MS
    this.#enough = enoughFor(policy.policy)
    this.#witnessed = before
    this.#kept = before?.note ?? null
    this.#clients = policy.witnesses.map(
      (address) => new WitnessClient(address, { log, tree: ownTree(tree), timeoutMs, clock }),
    )
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => this.#options.onProblem('witnessing', error))
  }
  /** Ends the waiting and what is in flight; a witness that has cosigned says so at the next start. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'))
    this.#wake.resolve()
    this.#waiters.giveUp()
    await this.#running
    await this.#keep()
  }

  get witnessed(): WitnessedHead | null {
    return this.#witnessed
  }
  get waiting(): number {
    return this.#waiters.count
  }
  get witnesses(): readonly WitnessState[] {
    return this.#clients.map(({ state }) => state)
  }
  covers(position: Position): boolean {
    return position < (this.#witnessed?.size ?? 0)
  }

  /** This record is to be witnessed at once, whether or not somebody waits. */
  hurry(position: Position): void {
    if (this.covers(position)) return
    this.#hurried = Math.max(this.#hurried, position)
    this.#wake.resolve()
  }

  /** @returns true once the record is witnessed; false when that took too long, or will not be. @throws the signal's reason */
  async wait(position: Position, waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.covers(position)) return true
    if (this.#options.stop.mark !== null || this.#closing.signal.aborted) return false
    this.hurry(position)
    return await this.#waiters.wait(position, waitMs, signal)
  }

  /** Receipt under the newest witnessed head; the record is covered by it. */
  receipt(index: Position, record: string): Receipt {
    if (this.#witnessed === null || !this.covers(index)) throw new RangeError(`record ${index} is not witnessed`)
    this.#receipts ??= receiptMaker(this.#options.tree, this.#witnessed)
    return this.#receipts(index, record)
  }

  /** The same under an earlier head, which a time authority has stamped. */
  receiptUnder(head: WitnessedHead, index: Position, record: string): Receipt {
    return receiptMaker(this.#options.tree, head)(index, record)
  }

  /** Why what is not witnessed is not, in one line. */
  get obstacle(): string {
    return this.trouble ?? 'the witnesses have not answered yet'
  }
  /** What is wrong now; null when nothing is known to be. */
  get trouble(): string | null {
    const { mark } = this.#options.stop
    if (mark !== null) return `the log is stopped: ${mark.detail}`
    if (this.#fault !== null) return `the newest checkpoint cannot be handed in: ${this.#fault}`
    const wrong = this.#clients.flatMap(({ state: { name, lastError } }) =>
      lastError === null ? [] : [`\`${name}\` ${lastError.code}: ${lastError.detail.slice(0, 120)}`],
    )
    return wrong.length === 0 ? null : wrong.join('; ')
  }

  async #run(): Promise<void> {
    let againMs: number = AGAIN_MS[0]
    while (!this.#over) {
      const note = this.#options.newest()
      const size = note === '' ? 0 : readCheckpoint(note).size
      const before = this.#witnessed?.size ?? 0
      if (size > before) await this.#round(note, size)
      else if (size > 0) this.#catchUp(note, size)
      if (this.#over) break
      const advanced = (this.#witnessed?.size ?? 0) > before
      if (this.#isUrgent && !advanced) {
        // For the witnesses to come back, or for a checkpoint that the log has yet to sign.
        await this.#pause(againMs)
        againMs = Math.min(againMs * 2, AGAIN_MS[1])
        continue
      }
      againMs = AGAIN_MS[0]
      if (!this.#isUrgent) await this.#untilNext()
    }
    this.#waiters.giveUp()
  }

  get #over(): boolean {
    return this.#closing.signal.aborted || this.#options.stop.mark !== null
  }
  /** Somebody asked for a record that is committed and not witnessed. */
  get #isUrgent(): boolean {
    return Math.max(this.#hurried, this.#waiters.highest) >= (this.#witnessed?.size ?? 0)
  }

  async #untilNext(): Promise<void> {
    this.#wake = Promise.withResolvers<void>()
    const timer = setTimeout(() => this.#wake.resolve(), this.#everyMs)
    await this.#wake.promise
    clearTimeout(timer)
  }
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }

  /** Advances when the checkpoint gets its quorum. What a witness does wrong is seen in its state; what goes wrong here is reported. */
  async #round(note: string, size: number): Promise<void> {
    const options = {
      enough: this.#enough,
      onRefusal: (name: string, refusal: Refusal) => this.#refused(name, refusal),
    }
    try {
      const cosigned = await cosign(note, this.#clients, options, this.#closing.signal)
      void cosigned.settled.then((answers) => this.#lookForRollback(answers, note)).catch(() => undefined)
      if (cosigned.kind === 'enough' && !this.#over) this.#advance({ size, note: cosigned.note })
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#notHandedIn(error)
    }
  }

  /** A checkpoint that no key of the policy has signed, say: while the log changes its key, the policy must know both. Told once. */
  #notHandedIn(error: unknown): void {
    const fault = error instanceof Error ? error.message : String(error)
    if (fault !== this.#fault) this.#options.onProblem('handing a checkpoint to the witnesses', error)
    this.#fault = fault
  }

  #advance(head: WitnessedHead): void {
    this.#witnessed = head
    this.#fault = null
    this.#receipts = null
    this.#waiters.covered(head.size)
    const nowMs = this.#options.clock.nowMs()
    if (Math.abs(nowMs - this.#keptAtMs) < KEEP_EVERY_MS) return
    this.#keptAtMs = nowMs
    void this.#keep()
  }
  /** A crash loses at most what `KEEP_EVERY_MS` allows; the witnesses give it again at the next start. */
  #keep(): Promise<void> {
    this.#keeping = this.#keeping.then(async () => {
      const note = this.#witnessed?.note ?? null
      if (note === null || note === this.#kept) return
      await replaceDurably(witnessedPath(this.#options.dir), note)
      this.#kept = note
    })
    this.#keeping = this.#keeping.catch((error: unknown) =>
      this.#options.onProblem('keeping the witnessed head', error),
    )
    return this.#keeping
  }

  /** Witnesses that were away when the newest checkpoint got its quorum are asked again, each by itself. */
  #catchUp(note: string, size: number): void {
    for (const client of this.#clients) {
      const { state } = client
      if (state.inFlight || (state.lastError === null && state.size === size)) continue
      void client
        .submit(note, this.#closing.signal)
        .then((answer) => {
          if (answer.kind === 'refused') return this.#refused(state.name, answer)
          return this.#lookForRollback(new Map([[state.name, answer]]), note)
        })
        .catch(() => undefined)
    }
  }

  #refused(name: string, { error, evidence }: Refusal): void {
    const { origin } = this.#options.log
    if (evidence.proof !== null) this.#stop('equivocation', name, error.detail, evidence.proof)
    else
      this.#stop('refusal', name, error.detail, {
        ...{ v: 1, kind: 'refusal', origin, witness: name, detail: error.detail },
        ...{ refused: evidence.refused, head: evidence.head },
      })
  }

  async #lookForRollback(answers: ReadonlyMap<string, WitnessAnswer>, note: string): Promise<void> {
    for (const [name, answer] of answers) {
      if (this.#over || answer.kind !== 'failed' || answer.error.code !== 'ahead') continue
      const client = this.#clients.find(({ address }) => address.name === name)
      if (client === undefined) continue
      const found = await confirmRollback(client, this.#options.newest, this.#options.tree, this.#closing.signal)
      if (found === null || this.#over) continue
      const kind = found.head === null ? 'refusal' : 'rollback'
      const { origin } = this.#options.log
      this.#stop(kind, name, found.detail, { v: 1, kind, origin, witness: name, refused: note, ...found })
    }
  }

  #stop(kind: StopKind, witness: string, detail: string, evidence: unknown): void {
    const { stop, clock, onProblem } = this.#options
    try {
      onProblem('the log is stopped', stopped(stop.stop(kind, witness, detail, evidence, clock.nowMs())))
    } catch (error) {
      onProblem('the log is stopped, and that could not be written', error)
    }
    this.#waiters.giveUp()
    this.#wake.resolve()
  }
}
