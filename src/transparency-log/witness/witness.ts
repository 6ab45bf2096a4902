/**
 * The witness: cosigns a checkpoint only when it follows from the last one that it cosigned of that log. It owns the order of requests per
 * origin; the heads themselves are head-files.ts.
 *
 * W1 A cosignature leaves only after its checkpoint is on the disk.
 * W2 Comparing the old size and replacing the head is one step per origin: of two requests from one size, one wins.
 * W3 No two cosignatures of this witness are for trees that do not follow one from the other, whatever crashes in between.
 * W4 When the disk fails, or somebody shows a newer cosignature than the state knows, nothing is cosigned any more.
 */
import { join } from 'node:path'
import type { Clock } from '../../host/clock.ts'
import type { PinnedLog } from '../cosignature-checkpoint.ts'
import { cosignatureLine, verifyCosignatures, type Cosignature, type CosignatureSigner } from '../cosignature.ts'
import { replaceDurably } from './durable-files.ts'
import { findEquivocation, type EquivocationProof } from './equivocation.ts'
import { WitnessFault } from './fault.ts'
import type { Head, HeadFiles } from './head-files.ts'
import { judgeAgainst, openRequest, type Answer, type Opened } from './judge.ts'
import { RateBound } from './rate-bound.ts'

export interface WitnessOptions {
  readonly signer: CosignatureSigner
  readonly logs: ReadonlyMap<string, PinnedLog>
  readonly heads: HeadFiles
  readonly clock: Clock
  readonly perOriginPerSecond: number
  /** Directory, for the mark that the state is older than what was signed. */
  readonly dir: string
  /** Gets proof that a log has signed two roots for one size. */
  readonly onEquivocation: (proof: EquivocationProof) => void
  /** Gets the fault that ends all signing. */
  readonly onFault: (fault: WitnessFault) => void
}

/** Requests waiting for one origin. A well-behaved log has one in flight. */
const WAITING_MAX = 32
export const ROLLED_BACK_MARK = 'rolled-back'

export class Witness {
  readonly #options: WitnessOptions
  readonly #queues = new Map<string, { waiting: number; last: Promise<unknown> }>()
  readonly #rate: RateBound
  #fault: WitnessFault | null = null

  constructor(options: WitnessOptions) {
    this.#options = options
    this.#rate = new RateBound(options.perOriginPerSecond, options.clock)
  }

  /** @param body text of the request, within its bound */
  async addCheckpoint(body: string): Promise<Answer> {
    const opened = openRequest(body, this.#options.logs)
    if ('status' in opened) return opened
    const { origin } = opened.checkpoint
    const queue = this.#queues.get(origin) ?? { waiting: 0, last: Promise.resolve() }
    if (queue.waiting >= WAITING_MAX)
      return { status: 503, body: 'too many requests wait for this log\n', retryAfter: 1 }
    this.#queues.set(origin, queue)
    queue.waiting++
    const answer = queue.last.then(() => this.#inTurn(opened))
    queue.last = answer.catch(() => undefined)
    try {
      return await answer
    } finally {
      queue.waiting--
      if (queue.waiting === 0) this.#queues.delete(origin)
    }
  }

  /** The last checkpoint of an origin, with this witness's cosignature; null when there is none. @param hash hex */
  latest(hash: string): string | null {
    return this.#options.heads.byHash(hash)?.note ?? null
  }
  get fault(): WitnessFault | null {
    return this.#fault
  }
  /** Waits for what is in its turn. Callers have stopped handing in. */
  async idle(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ last }) => last))
  }

  async #inTurn(opened: Opened): Promise<Answer> {
    if (this.#fault !== null) return STOPPED
    const { heads, signer, clock, onEquivocation, logs } = this.#options
    const { checkpoint } = opened
    const last = heads.get(checkpoint.origin)
    const shown = this.#ownCosignature(opened.note)
    if (shown !== null && checkpoint.size > (last?.checkpoint.size ?? -1)) return await this.#rolledBack(opened, shown)
    if (last !== null && last.checkpoint.size === checkpoint.size) {
      const proof = await findEquivocation([last.note, opened.logNote], logs.get(checkpoint.origin) as PinnedLog, null)
      if (proof !== null) onEquivocation(proof)
    }
    const refusal = judgeAgainst(last?.checkpoint ?? null, opened)
    if (refusal !== null) return refusal
    if (!this.#rate.take(checkpoint.origin))
      return { status: 429, body: 'too many checkpoints of this log\n', retryAfter: 1 }
    // A clock that was set back must not make a later cosignature look like an earlier one.
    const timeSeconds = Math.max(Math.floor(clock.nowMs() / 1000), last?.timeSeconds ?? 0)
    const line = cosignatureLine(opened.text, signer, timeSeconds)
    if (last === null || last.checkpoint.size < checkpoint.size) {
      try {
        await heads.put({ checkpoint, timeSeconds, note: opened.logNote + line })
      } catch (error) {
        return this.#stop(new WitnessFault('storage-failed', 'a head could not be written', { cause: error }))
      }
      // A crash here leaves a head that nobody was told of: the log asks again from the size that the 409 names.
    }
    return { status: 200, body: line }
  }

  /** A wrong one is anybody's to write, and says nothing. */
  #ownCosignature(note: string): Cosignature | null {
    try {
      return verifyCosignatures(note, [this.#options.signer])[0] ?? null
    } catch {
      return null
    }
  }

  /** The log's signature and this witness's are both on it: this witness has known more than it does now. */
  async #rolledBack({ logNote, checkpoint }: Opened, shown: Cosignature): Promise<Answer> {
    const answer = this.#stop(
      new WitnessFault(
        'state-rolled-back',
        `the state of \`${checkpoint.origin}\` is older than size ${checkpoint.size}, which this witness has cosigned: retire its key`,
      ),
    )
    await replaceDurably(join(this.#options.dir, ROLLED_BACK_MARK), logNote + shown.line).catch(() => undefined)
    return answer
  }

  #stop(fault: WitnessFault): Answer {
    this.#fault = fault
    this.#options.onFault(fault)
    return STOPPED
  }
}

const STOPPED: Answer = { status: 503, body: 'this witness has stopped signing; its operator has to look\n' }

/** @throws WitnessFault `clock-behind`: a cosignature now would be dated before one that has already been given */
export function checkClock(heads: readonly Head[], nowMs: number, aheadSecondsMax = 60): void {
  for (const { checkpoint, timeSeconds } of heads)
    if (timeSeconds > nowMs / 1000 + aheadSecondsMax)
      throw new WitnessFault(
        'clock-behind',
        `the clock is behind the cosignature of \`${checkpoint.origin}\`, made at ${new Date(timeSeconds * 1000).toISOString()}`,
      )
}

/** @param floor a head with this witness's cosignature, from elsewhere @throws WitnessFault `state-rolled-back` */
export function checkFloor(heads: HeadFiles, floor: Head): void {
  const { origin, size, rootHash } = floor.checkpoint
  const held = heads.get(origin)?.checkpoint
  if (held === undefined || held.size < size || (held.size === size && held.rootHash !== rootHash))
    throw new WitnessFault(
      'state-rolled-back',
      `the state of \`${origin}\` is at size ${held?.size ?? 'none'}, older than size ${size}, which this witness has cosigned: retire its key`,
    )
}
