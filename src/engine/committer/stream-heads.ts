/** Heads of the streams lately written or checked. Loaded one by one, so that opening a log costs the same at any size. */
import type { StreamId } from '../../model/ids.ts'
import type { StorageReader } from '../../storage/storage.ts'

export interface Head {
  readonly version: number
  /** Leaf hash of the last event, '' for a stream that is not there. */
  readonly leaf: string
}

const HEADS_MAX = 200_000 // about 40 MB at 200 bytes each; a head that fell out costs one seek

/** What is committed, and over it what the batch under way would add. */
export class StreamHeads {
  readonly #storage: StorageReader
  readonly #committed = new Map<StreamId, Head>()
  readonly #batch = new Map<StreamId, Head>()
  constructor(storage: StorageReader) {
    this.#storage = storage
  }

  of(stream: StreamId): Head {
    const head = this.#batch.get(stream) ?? this.#committed.get(stream)
    if (head !== undefined) return head
    const { version, leaf } = this.#storage.streamHead(stream)
    this.#keep(stream, { version, leaf })
    return { version, leaf }
  }
  advance(stream: StreamId, head: Head): void {
    this.#batch.set(stream, head)
  }
  /** The batch is durable. */
  settle(): void {
    for (const [stream, head] of this.#batch) this.#keep(stream, head)
    this.#batch.clear()
  }
  /** The batch may or may not be durable: storage alone knows. */
  forget(): void {
    this.#batch.clear()
    this.#committed.clear()
  }
  #keep(stream: StreamId, head: Head): void {
    this.#committed.delete(stream)
    this.#committed.set(stream, head)
    if (this.#committed.size > HEADS_MAX) this.#committed.delete(this.#committed.keys().next().value as StreamId)
  }
}
