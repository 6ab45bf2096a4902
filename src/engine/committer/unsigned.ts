/**
 * Answers that wait for a signature: commits that are durable, and receipts or checkpoints asked for over records that are not
 * signed yet. Bounded in number by the
 * batches that may be written ahead of the signer, and in time by what a caller can be expected to wait.
 */
import type { Position } from '../../model/ids.ts'
import { Problem, problem } from '../../model/problems.ts'
import type { CommitAnswer } from './committer-core.ts'

/** Batches that may be durable and unsigned; then nothing more is written until one is signed. At most some thousand commits. */
export const UNSIGNED_BATCHES_MAX = 16
/** Longest that an answer waits for the signer; then `signer-unavailable`, and a retry finds the outcome. Below the time of an operation. */
export const UNSIGNED_WAIT_MS = 20_000

export type Written = Extract<CommitAnswer, { kind: 'committed' }>
export type Unsigned = { readonly number: number; readonly sinceUs: number } & (
  | { readonly kind: 'commit'; readonly written: Written }
  | { readonly kind: 'receipt' | 'checkpoint-over'; readonly position: Position; readonly line: string }
)

export class UnsignedAnswers {
  #waiting: Unsigned[] = []
  /** Tree size behind each batch that is not signed yet. */
  #batches: number[] = []

  get count(): number {
    return this.#waiting.length
  }
  get isFull(): boolean {
    return this.#batches.length >= UNSIGNED_BATCHES_MAX
  }
  addBatch(treeSize: number, answers: readonly Unsigned[]): void {
    this.#batches.push(treeSize)
    this.#waiting.push(...answers)
  }
  add(answer: Unsigned): void {
    this.#waiting.push(answer)
  }

  /** Those under a tree of this size. */
  takeSigned(size: number): readonly Unsigned[] {
    this.#batches = this.#batches.filter((treeSize) => treeSize > size)
    return this.#take((one) => positionOf(one) < size)
  }
  /** Those that came before this moment. */
  takeLate(beforeUs: number): readonly Unsigned[] {
    return this.#take(({ sinceUs }) => sinceUs < beforeUs)
  }

  #take(wanted: (one: Unsigned) => boolean): readonly Unsigned[] {
    const taken = this.#waiting.filter(wanted)
    if (taken.length > 0) this.#waiting = this.#waiting.filter((one) => !wanted(one))
    return taken
  }
}

export const positionOf = (one: Unsigned): Position => (one.kind === 'commit' ? one.written.position : one.position)

/** What a caller is told whose commit is written, and waits no longer. */
export const writtenUnsigned = (): Problem =>
  problem('signer-unavailable', `this is written, but was not signed within ${UNSIGNED_WAIT_MS / 1000} seconds`)
export const notWritten = (): Problem =>
  problem('signer-unavailable', `nothing was written: the signer has been away for ${UNSIGNED_WAIT_MS / 1000} seconds`)
