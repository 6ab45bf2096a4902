/** What the airline's commands and queries tell admission. The rules over them are in policies/. */
import { z } from 'zod'
import { cabin, membership } from './records.ts'

/** Whose data is read. */
export const ownerFacts = z.object({ owner: z.string() })

/** Whose reservation is to change, and whether there still is one. */
const reservationFacts = ownerFacts.extend({ cancelled: z.boolean() })

export const bookingFacts = ownerFacts.extend({
  passengers: z.int(),
  certificates: z.int(),
  creditCards: z.int(),
  giftCards: z.int(),
  /** How many bags may fly free. */
  freeBags: z.int(),
  /** Do the flights join up, from the origin to the destination (and back)? */
  routeFits: z.boolean(),
})

export const cancelFacts = reservationFacts.extend({
  cabin,
  insured: z.boolean(),
  /** Has any leg left the ground? */
  flown: z.boolean(),
  airlineCancelled: z.boolean(),
  bookedSecondsAgo: z.int(),
})

export const bagFacts = reservationFacts.extend({ bags: z.int(), freeBags: z.int() })

export const flightsFacts = reservationFacts.extend({
  /** The cabin so far. */
  cabin,
  cabinChanges: z.boolean(),
  legsChange: z.boolean(),
  flown: z.boolean(),
  /** Do the new legs keep origin, destination and trip type? */
  sameRoute: z.boolean(),
})

export const passengersFacts = reservationFacts.extend({ passengers: z.int(), newPassengers: z.int() })

export const certificateFacts = ownerFacts.extend({
  membership,
  /** The reservation that the complaint is about, as attested: '' and 0 when it is not known. */
  reservationOwner: z.string(),
  passengers: z.int(),
  insured: z.boolean(),
  business: z.boolean(),
})

/** Facts that the front door attests for a run: who is being served, what they confirmed, what they gave as reason or complained about. */
export const attested = z.object({
  user_id: z.string().optional(),
  confirmed: z.boolean().optional(),
  /** `health` and `weather` are what insurance covers. */
  reason: z.string().optional(),
  reservation_id: z.string().optional(),
  /** `cancelled` and `delayed` flights are what certificates are given for. */
  complaint: z.string().optional(),
  fact_confirmed: z.boolean().optional(),
  asked_by_user: z.boolean().optional(),
  changed_or_cancelled: z.boolean().optional(),
})
