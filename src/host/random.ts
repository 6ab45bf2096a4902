/** Randomness, for everything that needs it: real here, seeded in tests. */
import { randomBytes } from 'node:crypto'

export interface Random {
  bytes(count: number): Uint8Array
}
export const systemRandom: Random = { bytes: (count) => randomBytes(count) }
