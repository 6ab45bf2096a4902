/**
 * Replays the log for the statements of stream heads in it: each must name the streams that there were at its position, and where each of them ended.
 * Memory grows with the number of streams, and with `HEADS_LAG_MAX` records.
 */
import { HEADS, HEADS_LAG_MAX, HEADS_TYPE, readStatement } from './statement.ts'
import type { Hash, Position, StreamId } from '../../model/ids.ts'
import type { Json } from '../../model/json.ts'
import { ownText } from '../../model/own-text.ts'
import { HeadsTree, memoryBuckets, type HeadOfStream } from '../../transparency-log/heads-tree.ts'

export class HeadsAudit {
  readonly #tree = new HeadsTree(memoryBuckets())
  /** Events that the tree does not hold yet: a statement may be about any position among them. */
  #waiting: { readonly position: Position; readonly stream: StreamId; readonly head: HeadOfStream }[] = []
  #streams = 0
  #stated = -1
  statements = 0

  /** Takes the events of the log in order. @returns what is wrong with a statement, null for everything else */
  event(position: Position, stream: StreamId, version: number, leaf: Hash, type: string, data: Json): string | null {
    const wrong = stream === HEADS && type === HEADS_TYPE ? this.#statement(position, data) : null
    this.#waiting.push({ position, stream: ownText(stream), head: { version, leaf } })
    if (this.#waiting.length >= 2 * HEADS_LAG_MAX) this.#takeIn((position - HEADS_LAG_MAX) as Position)
    return wrong
  }

  #statement(at: Position, data: Json): string | null {
    const statement = readStatement(data)
    if (statement === null) return 'the heads of streams are stated in another form'
    const { position, root, streams } = statement
    if (position >= at || at - position > HEADS_LAG_MAX || position <= this.#stated)
      return `the heads of streams are stated for ${position}, which is not just before`
    this.statements++
    this.#stated = position
    this.#takeIn(position)
    if (streams !== this.#streams) return `${streams} streams are stated for ${position}, there were ${this.#streams}`
    return root === this.#tree.rootHash() ? null : `the stated heads of streams are not those of the log at ${position}`
  }

  #takeIn(until: Position): void {
    const heads = new Map<StreamId, HeadOfStream>()
    let taken = 0
    for (const { position, stream, head } of this.#waiting) {
      if (position > until) break
      heads.set(stream, head)
      taken++
    }
    this.#streams += this.#tree.update(heads)
    this.#waiting = this.#waiting.slice(taken)
  }
}
