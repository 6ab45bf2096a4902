/** Random numbers from a seed, the same on every machine: a failure is repeated by its seed. */
import { createHash } from 'node:crypto'

/** Numbers in [0, 1). Mulberry32, seeded by a hash of the text. */
export function random(seed: string): () => number {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
