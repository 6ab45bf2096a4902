/**
 * The tree of a stored log, read from its tiles and leaf hashes: for proofs at any size, without the writer. Nodes never change once they exist,
 * so what was read once is kept; the right edge is extended as the log grows.
 */
import type { Hash } from '../model/ids.ts'
import { nodeHash } from '../model/merkle.ts'
import type { StorageReader } from '../storage/storage.ts'
import type { NodeSource } from './proofs.ts'
import { TILE_HEIGHT, TILE_WIDTH, unpackHashes } from './tiles.ts'

/** Full tiles kept unpacked; about 64 * 33 kB. */
const OPEN_TILES_MAX = 64

/** Nodes of one tile by height above its own row; a tile at the right edge holds what there is so far. */
interface OpenTile {
  readonly rows: Hash[][]
}

export class StoredTree implements NodeSource {
  readonly #reader: Pick<StorageReader, 'tile' | 'leafHashes'>
  readonly #open = new Map<string, OpenTile>()

  constructor(reader: Pick<StorageReader, 'tile' | 'leafHashes'>) {
    this.#reader = reader
  }

  /** Root of the perfect subtree over leaves [index * 2^height, (index + 1) * 2^height). @throws RangeError when the log does not reach that far */
  node(height: number, index: number): Hash {
    const level = Math.floor(height / TILE_HEIGHT)
    const rise = height % TILE_HEIGHT
    const perTile = TILE_WIDTH / 2 ** rise
    const place = Math.floor(index / perTile)
    const tile = this.#tile(level, place)
    const within = index % perTile
    if (tile.rows[rise]?.[within] === undefined) this.#extend(tile, level, place, (within + 1) * 2 ** rise)
    const node = tile.rows[rise]?.[within]
    if (node === undefined) throw new RangeError(`the log has no node ${index} at height ${height}`)
    return node
  }

  #tile(level: number, place: number): OpenTile {
    const name = `${level}/${place}`
    const kept = this.#open.get(name)
    if (kept !== undefined) return kept
    const tile: OpenTile = { rows: [] }
    const stored = this.#reader.tile(level, place)
    if (stored !== null) for (const hash of unpackHashes(stored)) push(tile.rows, 0, hash)
    if (this.#open.size >= OPEN_TILES_MAX) this.#open.delete(this.#open.keys().next().value as string)
    this.#open.set(name, tile)
    return tile
  }

  /** Takes in what the log has gained of this tile, at least until its row holds `count`. */
  #extend(tile: OpenTile, level: number, place: number, count: number): void {
    const have = tile.rows[0]?.length ?? 0
    const first = place * TILE_WIDTH
    if (level === 0) {
      for (const leaf of this.#reader.leafHashes(first + have, first + TILE_WIDTH)) push(tile.rows, 0, leaf)
      return
    }
    for (let next = have; next < count; next++) push(tile.rows, 0, this.#rootOfTile(level - 1, first + next))
  }

  /** By itself, so that a row of 256 roots does not push out everything else. @throws RangeError when the tile is not full yet */
  #rootOfTile(level: number, place: number): Hash {
    const kept = this.#open.get(`${level}/${place}`)?.rows[TILE_HEIGHT]?.[0]
    if (kept !== undefined) return kept
    const stored = this.#reader.tile(level, place)
    if (stored === null || stored.length !== TILE_WIDTH * 32)
      throw new RangeError(`the log has no full tile ${level}/${place}`)
    const rows: Hash[][] = []
    for (const hash of unpackHashes(stored)) push(rows, 0, hash)
    return (rows[TILE_HEIGHT] as Hash[])[0] as Hash
  }
}

function push(rows: Hash[][], height: number, hash: Hash): void {
  const row = (rows[height] ??= [])
  row.push(hash)
  if (row.length % 2 === 0) push(rows, height + 1, nodeHash(row.at(-2) as Hash, hash))
}
