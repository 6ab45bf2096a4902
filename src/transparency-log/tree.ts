/**
 * The growing tree of one log. Owns the hashes along the right edge; everything further left is in full tiles that the store keeps.
 *
 * T1 Every node is computed once, when its last leaf arrives.
 * T2 A full tile is handed out exactly once, by the append that completes it.
 * T3 What `at(size)` proves depends only on the first `size` leaves.
 * T4 A stored tile is believed only when its root is the node above it: up to the right edge, which is in memory.
 */
import type { Hash } from '../model/ids.ts'
import { foldRoots, nodeHash, perfectSubtrees } from '../model/merkle.ts'
import { problem } from '../model/problems.ts'
import { packHashes, TILE_HEIGHT, TILE_WIDTH, unpackHashes, type Tile } from './tiles.ts'

/** Gives a stored full tile. @throws when it is not there: then the store is damaged. */
export type TileSource = (level: number, index: number) => Uint8Array

/** Nodes kept per height: two tiles' width, so that a tile just completed and the batch around it stay at hand. */
const EDGE_NODES = 2 * TILE_WIDTH
const OPEN_TILES_MAX = 64 // tiles unpacked for proofs of older leaves; about 64 * 33 kB

interface Edge {
  /** Index of `hashes[0]` among the nodes of this height. */
  first: number
  hashes: Hash[]
}

export class Tree {
  #size = 0
  readonly #edges: Edge[] = []
  readonly #tile: TileSource
  readonly #open = new Map<string, Hash[][]>()
  #full: Tile[] = []

  private constructor(tile: TileSource) {
    this.#tile = tile
  }

  /**
   * The tree of a stored log: reads only the tiles below the right edge, whatever the log's size.
   * @param tail leaves behind the last full tile: `size % 256` of them
   */
  static restore(size: number, tile: TileSource, tail: readonly Hash[]): Tree {
    const tree = new Tree(tile)
    for (let level = 0; TILE_WIDTH ** level <= size; level++) {
      const nodes = Math.floor(size / TILE_WIDTH ** level)
      const first = nodes - (nodes % TILE_WIDTH)
      for (let rise = 0; rise < TILE_HEIGHT; rise++)
        tree.#edges[level * TILE_HEIGHT + rise] = { first: first / 2 ** rise, hashes: [] }
      for (let index = first; index < nodes; index++) {
        const node = level === 0 ? tail[index - first] : tileRoot(unpackHashes(tile(level - 1, index)))
        if (node === undefined) throw new RangeError(`leaf ${index} of ${size} is missing`)
        tree.#push(level * TILE_HEIGHT, node)
      }
    }
    tree.#size = size
    tree.#full = []
    return tree
  }

  get size(): number {
    return this.#size
  }
  append(leaf: Hash): void {
    this.#push(0, leaf)
    this.#size++
  }
  rootHash(): Hash {
    return this.rootAt(this.#size)
  }
  /** Root of the first `size` leaves. */
  rootAt(size: number): Hash {
    return foldRoots(perfectSubtrees(size).map(({ height, index }) => this.node(height, index)))
  }
  /** Full tiles completed since the last call. They must be stored before the tree is asked about older leaves. */
  takeFullTiles(): readonly Tile[] {
    const full = this.#full
    this.#full = []
    return full
  }
  /** Root of the perfect subtree over leaves [index * 2^height, (index + 1) * 2^height). */
  node(height: number, index: number): Hash {
    const edge = this.#edges[height]
    const kept = edge === undefined ? undefined : edge.hashes[index - edge.first]
    return kept ?? this.#stored(height, index)
  }

  #push(height: number, hash: Hash): void {
    const edge = (this.#edges[height] ??= { first: 0, hashes: [] })
    const index = edge.first + edge.hashes.length
    edge.hashes.push(hash)
    if (height % TILE_HEIGHT === 0 && (index + 1) % TILE_WIDTH === 0)
      this.#full.push({
        level: height / TILE_HEIGHT,
        index: (index + 1) / TILE_WIDTH - 1,
        hashes: packHashes(edge.hashes.slice(-TILE_WIDTH)),
      })
    if (index % 2 === 1) this.#push(height + 1, nodeHash(edge.hashes.at(-2) as Hash, hash))
    if (edge.hashes.length >= 2 * EDGE_NODES) {
      edge.first += EDGE_NODES
      edge.hashes = edge.hashes.slice(EDGE_NODES)
    }
  }

  #stored(height: number, index: number): Hash {
    const level = Math.floor(height / TILE_HEIGHT)
    const rise = height % TILE_HEIGHT
    const perTile = 2 ** (TILE_HEIGHT - rise)
    const tile = Math.floor(index / perTile)
    const name = `${level}/${tile}`
    let rows = this.#open.get(name)
    if (rows === undefined) {
      rows = nodesOf(unpackHashes(this.#tile(level, tile)))
      if (rows.at(-1)?.[0] !== this.node((level + 1) * TILE_HEIGHT, tile))
        throw problem('storage-damaged', `tile ${level}/${tile} is not the one that the tree was built from`)
      if (this.#open.size >= OPEN_TILES_MAX) this.#open.delete(this.#open.keys().next().value as string)
      this.#open.set(name, rows)
    }
    return rows[rise]?.[index % perTile] as Hash
  }
}

/** Nodes of a full tile by height above its own row, up to its root. */
function nodesOf(hashes: Hash[]): Hash[][] {
  const rows = [hashes]
  for (let row = hashes; row.length > 1;) {
    const above: Hash[] = []
    for (let index = 0; index < row.length; index += 2) above.push(nodeHash(row[index] as Hash, row[index + 1] as Hash))
    rows.push(above)
    row = above
  }
  return rows
}
const tileRoot = (hashes: Hash[]): Hash => (nodesOf(hashes).at(-1) as Hash[])[0] as Hash
