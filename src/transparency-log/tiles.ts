/** C2SP tlog-tiles: the tree cut into tiles 256 hashes wide. Level 0 holds leaves, level L the roots of full tiles of level L-1. */
import type { Hash } from '../model/ids.ts'

export const TILE_HEIGHT = 8
export const TILE_WIDTH = 256
export const HASH_BYTES = 32

export interface Tile {
  readonly level: number
  readonly index: number
  /** Up to 256 hashes of 32 bytes. Only full tiles are stored. */
  readonly hashes: Uint8Array
}

/** Bytes of a tile from its hashes. */
export const packHashes = (hashes: readonly Hash[]): Uint8Array => Buffer.from(hashes.join(''), 'hex')

export function unpackHashes(bytes: Uint8Array): Hash[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  const hashes: Hash[] = []
  for (let start = 0; start < text.length; start += 64) hashes.push(text.slice(start, start + 64) as Hash)
  return hashes
}

/** Path of a tile under the log's address, e.g. `tile/1/x001/234` or, `width` short of 256, `tile/0/000.p/7`. */
export function tilePath(level: number | 'entries', index: number, width: number = TILE_WIDTH): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) as string[]
  const path = groups.map((group, place) => (place < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}
