/** How many bags fly free: more for a better cabin, more for a better member. */
import type { Cabin } from './records.ts'
import type { User } from './user.ts'

const BY_CABIN = { basic_economy: 0, economy: 1, business: 2 } as const
const BY_MEMBERSHIP = { regular: 0, silver: 1, gold: 2 } as const

/** Cents for each bag beyond the free ones. */
export const BAG_PRICE = 50_00

export const freeBags = (membership: User['membership'], cabin: Cabin, passengers: number): number =>
  passengers * (BY_CABIN[cabin] + BY_MEMBERSHIP[membership])
