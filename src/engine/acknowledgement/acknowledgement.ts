/**
 * What stands behind an answer: takes what has been committed and says `committed` only at the level that was asked for. Never changes what is
 * committed, and never loses it: what cannot be reached in time is said as it is.
 */
import type { LogStop } from './log-stop.ts'
import type { PolicyWatch } from './policy-watch.ts'
import type { Timestamping, TimestampState } from './timestamping.ts'
import type { Witnessing } from './witnessing.ts'
import type { WitnessedHead } from './witnessed.ts'
import { DEFAULT_LEVEL, ENGINE_LEVELS, reaches, highest, type Level } from '../../model/acknowledgement.ts'
import type { Position } from '../../model/ids.ts'
import type { EffectManifest } from '../../model/manifest.ts'
import { NOTIFY_EFFECT } from '../../model/obligations.ts'
import type { Landed, Outcome } from '../../model/operation.ts'
import { problem } from '../../model/problems.ts'

/** How long a call waits for its level by itself; then it is told where it stands. Within what the doors give a request. */
export const ACKNOWLEDGE_WAIT_MS = 10_000

export interface AcknowledgementParts {
  readonly stop: LogStop
  /** Null: no witness policy is configured. */
  readonly witnessing: Witnessing | null
  /** Null: no time authority is configured. */
  readonly timestamping: Timestamping | null
  readonly effects: Readonly<Record<string, Pick<EffectManifest, 'risk'>>>
  readonly waitMs?: number
}

export class Acknowledgement {
  readonly stop: LogStop
  readonly waitMs: number
  #witnessing: Witnessing | null
  #watch: PolicyWatch | null = null
  #replacing: Promise<void> = Promise.resolve()
  readonly #timestamping: Timestamping | null
  readonly #effects: AcknowledgementParts['effects']

  constructor({ stop, witnessing, timestamping, effects, waitMs = ACKNOWLEDGE_WAIT_MS }: AcknowledgementParts) {
    this.stop = stop
    this.#witnessing = witnessing
    this.#timestamping = timestamping
    this.#effects = effects
    this.waitMs = waitMs
  }

  /** Those of the policy in force. */
  get witnessing(): Witnessing | null {
    return this.#witnessing
  }
  /** Why the policy file as it is now is not in force; null when it is. */
  get policyFault(): string | null {
    return this.#watch?.fault ?? null
  }
  /** Takes the watch over its policy file over, and closes it in the end. */
  watch(watch: PolicyWatch): void {
    this.#watch = watch
  }
  /** Another policy: whoever waits for the witnesses of the one before waits for those of this one. What was witnessed counts as far as this one says so. */
  replaceWitnessing(open: () => Witnessing): Promise<void> {
    this.#replacing = this.#replacing.then(async () => {
      await this.#witnessing?.close()
      this.#witnessing = open()
    })
    return this.#replacing
  }

  get timestamps(): TimestampState | null {
    return this.#timestamping?.state ?? null
  }
  /** Records before this position are witnessed. */
  get witnessedSize(): number {
    return this.witnessing?.witnessed?.size ?? 0
  }

  /** @throws `level-unavailable` while nothing is witnessed */
  witnessedCheckpoint(): string {
    const head = this.witnessing?.witnessed ?? null
    if (head === null)
      throw problem('level-unavailable', this.#lack('witnessed') ?? 'nothing of this log is witnessed yet')
    return head.note
  }

  /** Before anything is written. @throws `level-unavailable` when this system could never acknowledge at this level */
  require(level: Level): void {
    const lack = this.#lack(level)
    if (lack !== null) throw problem('level-unavailable', lack, { level })
  }

  /** The least that an operation of this action is answered at: what `ENGINE_LEVELS` says, as far as there are witnesses and a time authority. */
  leastFor(action: string): Level {
    const wanted = Object.hasOwn(ENGINE_LEVELS, action) ? ENGINE_LEVELS[action] : undefined
    if (wanted === undefined || this.#witnessing === null) return DEFAULT_LEVEL
    return wanted === 'timestamped' && this.#timestamping === null ? 'witnessed' : wanted
  }

  /** True when one of these effects may leave only once its intent is witnessed. An effect that is not declared is taken for one. */
  needsWitness(effects: readonly { readonly effect: string }[]): boolean {
    return effects.some(({ effect }) => this.riskOf(effect) === 'irreversible')
  }
  /** Telling somebody what a rule obliges to takes nothing away from anybody: it must not wait for witnesses, which there may be none of. */
  riskOf(effect: string): EffectManifest['risk'] {
    if (effect === NOTIFY_EFFECT) return 'reversible'
    return Object.hasOwn(this.#effects, effect) ? (this.#effects[effect]?.risk ?? 'irreversible') : 'irreversible'
  }

  /** This record is to be witnessed at once. */
  hurry(position: Position): void {
    this.witnessing?.hurry(position)
  }

  /** Level that a record stands at now. */
  reached(position: Position): Level {
    if (this.witnessing?.covers(position) !== true) return 'signed'
    return this.#timestamping?.covering(position) == null ? 'witnessed' : 'timestamped'
  }

  /**
   * @param asked by whoever asks now; what was asked before and what is declared count as well. Of what is held, or ended after it was held, the
   * record is in the log too: it is waited for when somebody asks now
   * @param waitMs how long to wait for the level; 0 says how it stands
   * @throws the signal's reason; what is committed stays so
   */
  async answer(outcome: Outcome, asked: Level | null, waitMs: number, signal: AbortSignal): Promise<Outcome> {
    if (outcome.kind !== 'committed' && outcome.kind !== 'awaiting')
      return await this.#recorded(outcome, asked, waitMs, signal)
    const { kind: _kind, ...landed } = outcome
    const wanted = highest(asked, landed.asked)
    const lack = this.#lack(wanted)
    if (lack === null) await this.#reach(landed.position, wanted, waitMs, signal)
    const level = this.reached(landed.position)
    const answer: Landed = { ...landed, level, asked: wanted, receipt: this.#receipt(landed, level) }
    if (reaches(level, wanted)) return { ...answer, kind: 'committed' }
    return { ...answer, kind: 'awaiting', obstacle: lack ?? this.#obstacle(level) }
  }

  async #recorded(
    outcome: Extract<Outcome, { kind: 'refused' | 'denied' | 'held' }>,
    asked: Level | null,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { receipt } = outcome
    if (asked === null || receipt === undefined) return outcome
    const position = receipt.index
    const wanted = highest(asked)
    if (this.#lack(wanted) === null) await this.#reach(position, wanted, waitMs, signal)
    const level = this.reached(position)
    return { ...outcome, level, asked: wanted, receipt: this.#receipt({ receipt, position }, level) }
  }

  async #reach(position: Position, level: Level, waitMs: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + waitMs
    if (!reaches(level, 'witnessed') || !(await this.#witnessedBy(position, until, signal))) return
    if (level !== 'timestamped' || this.#timestamping === null) return
    const { witnessing } = this
    const head = (): WitnessedHead => witnessing?.witnessed as WitnessedHead // it covers the position, and only grows
    await this.#timestamping.wait(position, head, until - performance.now(), signal)
  }
  async #witnessedBy(position: Position, untilMs: number, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const { witnessing } = this
      if (witnessing === null) return false
      if (await witnessing.wait(position, untilMs - performance.now(), signal)) return true
      await this.#replacing.catch(() => undefined)
      if (this.witnessing === witnessing) return false
    }
  }

  #receipt({ receipt, position }: Pick<Landed, 'receipt' | 'position'>, level: Level): Landed['receipt'] {
    const stamped = level === 'timestamped' ? (this.#timestamping?.covering(position) ?? null) : null
    if (stamped !== null && this.witnessing !== null)
      return { ...this.witnessing.receiptUnder(stamped, receipt.index, receipt.record), timestamp: stamped.timestamp }
    return level === 'witnessed' && this.witnessing !== null
      ? this.witnessing.receipt(receipt.index, receipt.record)
      : receipt
  }

  /** What this system would need to ever reach a level; null when it has it. */
  #lack(level: Level): string | null {
    if (reaches(level, 'witnessed') && this.witnessing === null)
      return 'no witness policy is configured: start with `--witness-policy FILE`'
    if (level === 'timestamped' && this.#timestamping === null) return 'no time authority is configured'
    return null
  }
  #obstacle(level: Level): string {
    if (level === 'witnessed') return this.timestamps?.lastError ?? 'the time authority has not answered yet'
    return this.witnessing?.obstacle ?? 'no witness policy is configured'
  }

  async close(): Promise<void> {
    await this.#watch?.close()
    await this.#timestamping?.close()
    await this.witnessing?.close()
  }
}
