/**
 * A tree of any size that costs nothing to make: its leaves repeat every 256, so that all perfect subtrees of a height are alike. Proofs in it are as long
 * as in any other, and checking them is the same work; that a node is at hand without reading a tile is the difference.
 */
import type { Hash } from '../../src/model/ids.ts'
import { foldRoots, leafHash, nodeHash, perfectSubtrees } from '../../src/model/merkle.ts'
import type { NodeSource } from '../../src/transparency-log/proofs.ts'

const PERIOD = 256
const HEIGHT = 8

export class EvenTree implements NodeSource {
  /** Nodes of one period by height, leaves first. */
  readonly #rows: Hash[][] = [Array.from({ length: PERIOD }, (_, index) => leafHash(`record ${index}`))]
  /** By height above a period. */
  readonly #above: Hash[] = []

  constructor() {
    for (let height = 0; height < HEIGHT; height++) {
      const row = this.#rows[height] as Hash[]
      this.#rows.push(
        Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i] as Hash, row[2 * i + 1] as Hash)),
      )
    }
    this.#above.push((this.#rows[HEIGHT] as Hash[])[0] as Hash)
    for (let height = 1; height < 53 - HEIGHT; height++) {
      const below = this.#above[height - 1] as Hash
      this.#above.push(nodeHash(below, below))
    }
  }
  node(height: number, index: number): Hash {
    if (height >= HEIGHT) return this.#above[height - HEIGHT] as Hash
    const row = this.#rows[height] as Hash[]
    return row[index % row.length] as Hash
  }
  leaf(index: number): Hash {
    return this.node(0, index)
  }
  root(size: number): Hash {
    return foldRoots(perfectSubtrees(size).map(({ height, index }) => this.node(height, index)))
  }
}
