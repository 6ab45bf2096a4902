/** Brings the tree over stream heads up to the log's end, record by record: each is hashed again on the way, so that what is stated is what is there. */
import type { HeadsStatement } from './statement.ts'
import type { Hash, Position, StreamId } from '../../model/ids.ts'
import { leafHash } from '../../model/merkle.ts'
import { problem } from '../../model/problems.ts'
import { sketchLine } from '../../model/record-line.ts'
import type { HeadsFile } from '../../storage/sqlite/heads-file.ts'
import type { StorageReader } from '../../storage/storage.ts'
import { HeadsTree, type HeadOfStream } from '../../transparency-log/heads-tree.ts'

const PAGE_RECORDS = 1_000 // about a megabyte at a time, and a transaction of some ten milliseconds

export class HeadsFollower {
  readonly #reader: StorageReader
  readonly #file: HeadsFile
  #tree: HeadsTree

  constructor(reader: StorageReader, file: HeadsFile) {
    this.#reader = reader
    this.#file = file
    this.#tree = this.#takeUp() ?? this.#anew()
  }

  /** One page further. @returns the statement when the end of the log is reached, null before. @throws `storage-damaged` when the log is */
  advance(): HeadsStatement | null {
    try {
      return this.#page()
    } catch (error) {
      // The file is derived: whatever is wrong with it, it is made anew. What is wrong with the log comes up again.
      this.#tree = this.#anew()
      throw error
    }
  }

  #page(): HeadsStatement | null {
    const { position, streams } = this.#file.progress()
    const head = this.#reader.head()
    if (position > head.position) throw problem('storage-damaged', 'the heads of streams are ahead of the log')
    const from = (position + 1) as Position
    const records = this.#reader.records(from, Math.min(PAGE_RECORDS, head.position - position))
    if (records.length === 0 && position < head.position)
      throw problem('storage-damaged', `the record at ${from} is missing`)
    const heads = new Map<StreamId, HeadOfStream>()
    let last: Hash | null = null
    for (const [place, record] of records.entries()) {
      const sketch = sketchLine(record.line)
      if (record.position !== from + place || sketch === null)
        throw problem('storage-damaged', `the record at ${from + place} cannot be read`)
      last = leafHash(record.line)
      if (sketch.event !== null) heads.set(sketch.event.stream, { version: sketch.event.version, leaf: last })
    }
    const at = (position + records.length) as Position
    const stated = this.#file.writing(() => {
      const count = streams + this.#tree.update(heads)
      const root = this.#tree.rootHash()
      if (last !== null) this.#file.setProgress({ position: at, leaf: last, root, streams: count })
      return { position: at, root, streams: count }
    })
    return at === head.position ? stated : null
  }

  /** What the file holds, when that is of this log and adds up. */
  #takeUp(): HeadsTree | null {
    const { position, leaf, root } = this.#file.progress()
    if (position < 0 || position > this.#reader.head().position) return null
    if (this.#reader.leafHashes(position, position + 1)[0] !== leaf) return null
    const tree = new HeadsTree(this.#file, this.#file.hashes())
    return tree.rootHash() === root ? tree : null
  }
  #anew(): HeadsTree {
    this.#file.clear()
    return new HeadsTree(this.#file)
  }
}
