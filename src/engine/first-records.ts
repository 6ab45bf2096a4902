/**
 * What is on record before anybody may write: the key of the log, the authority in force, what an operator let go on, whom the log asks for cosignatures. Owns
 * whether that is done. While no witness has confirmed the signer nothing can be written (N4 of committer/signing.ts): a system that starts then answers
 * what reads, and these are written, and changes taken, as soon as one has.
 */
import type { Parts } from './parts.ts'
import { problem, type Problem } from '../model/problems.ts'

export class FirstRecords {
  #done = false
  #failed: string | null = null

  /** Nothing is to be written, ever: the log is stopped, and its mark says so to whoever asks. */
  skip(): void {
    this.#done = true
  }

  /** @param write does nothing twice @returns false while no witness has confirmed the signer */
  async write({ committer }: Pick<Parts, 'committer'>, write: () => Promise<void>): Promise<boolean> {
    if (committer.signing().state === 'unconfirmed') return false
    if (this.#done) return true
    try {
      await write()
      this.#done = true
    } catch (error) {
      this.#failed = error instanceof Error ? error.message : String(error)
      throw error
    }
    return true
  }

  /** Why no change is taken now; null when it is. Reading goes on. */
  obstacle({ committer }: Pick<Parts, 'committer'>): Problem | null {
    const { state, lastError } = committer.signing()
    if (this.#done && state !== 'unconfirmed') return null
    const why = lastError?.detail ?? this.#failed ?? 'its first records are about to be written'
    return problem('signer-unconfirmed', `nothing was written: ${why}`)
  }
}
