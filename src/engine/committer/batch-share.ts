/** How many of those who wait become the next batch: all, or half, so that one half is written while the other is signed, answered and sent anew. */

/** So many waiting are cut in two while nothing is being signed. Fewer cost more in syncs and messages than they win. */
const HALVED_FROM = 32
/** A disk that takes longer for a batch is what everything waits for: then it is asked as seldom as possible. */
const HALVED_UP_TO_US = 5_000

/** @param unsigned answers that wait for the signer. @param lastWriteUs what writing the last batch took */
export function batchShare(waiting: number, unsigned: number, lastWriteUs: number): number {
  const isHalved = unsigned === 0 && waiting >= HALVED_FROM && lastWriteUs <= HALVED_UP_TO_US
  return isHalved ? Math.ceil(waiting / 2) : waiting
}
