/**
 * Which operations may be on record, in memory, so that a new idempotency key, the usual case, costs no look at the disk. A Bloom filter over
 * the ids: what it does not have is certainly not recorded; what it seems to have is looked up. It owns no truth, and is filled again at each start.
 */
import type { OperationId } from '../model/ids.ts'
import { OPERATION_DIGESTS, operationDigest } from '../storage/operation-digest.ts'
import type { StorageReader } from '../storage/storage.ts'

const BITS = 2 ** 25 // 4 MiB: at two million operations one look in a thousand is in vain, at ten million one in three
const PROBES = 7
const PAGE = 5_000 // digests read in one go while starting: a few milliseconds

export class KnownOperations {
  readonly #words = new Uint32Array(BITS / 32)
  #complete = false

  /** False only when no commit of the operation was ever handed in. True for all until `recall` has ended. */
  mayBeRecorded(operation: OperationId): boolean {
    if (!this.#complete) return true
    const digest = operationDigest(operation)
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = bitOf(digest, probe)
      if (((this.#words[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  /** Call before a commit is handed in, so that no outcome of it can be missed. */
  note(operation: OperationId): void {
    this.#add(operationDigest(operation))
  }

  /** Takes in what was recorded before this process started, a page at a time between other work. */
  async recall(reader: Pick<StorageReader, 'operationDigests'>, signal: AbortSignal): Promise<void> {
    for (let after = -1; ;) {
      const page = reader.operationDigests(after, PAGE)
      for (const digest of page) this.#add(digest)
      const last = page.at(-1)
      if (page.length < PAGE || last === undefined) break
      after = last
      await new Promise((resolve) => setImmediate(resolve))
      if (signal.aborted) return
    }
    this.#complete = true
  }

  #add(digest: number): void {
    for (let probe = 0; probe < PROBES; probe++) {
      const bit = bitOf(digest, probe)
      this.#words[bit >>> 5] = (this.#words[bit >>> 5] as number) | (1 << (bit & 31))
    }
  }
}

/** A place of a digest: its halves are two hashes, and their combinations as good as more of them. */
const bitOf = (digest: number, probe: number): number =>
  ((digest % HALF) + probe * (Math.floor(digest / HALF) | 1)) & (BITS - 1)
const HALF = Math.sqrt(OPERATION_DIGESTS)
