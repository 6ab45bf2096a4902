/** Booking a trip: seats are taken, certificates used up, gift cards debited, credit cards charged, all in one commit. */
import { command } from 'plinth'
import { z } from 'zod'
import { centsOf } from '../../shared/dollars.ts'
import { discreetly } from '../../shared/served.ts'
import { BAG_PRICE, freeBags } from '../baggage.ts'
import { estTime } from '../clock.ts'
import { charge } from '../effects.ts'
import { bookingFacts } from '../facts.ts'
import { flight } from '../flight.ts'
import { findLegs, leads, offerOf } from '../itinerary.ts'
import { bags, cabin, date, flightType, passengerRecord, reservationRecord, wholeDollars } from '../records.ts'
import { refusals } from '../refusals.ts'
import { reservation, reservationRecordOf } from '../reservation.ts'
import type { Leg } from '../reservation.ts'
import { methodOf, user } from '../user.ts'
import type { User } from '../user.ts'

/** Ids are handed out from this list, the first free one first. */
const RESERVATION_IDS = ['HATHAT', 'HATHAU', 'HATHAV']
/** Cents for each passenger. */
const INSURANCE_PRICE = 30_00

export const bookReservation = command('book_reservation', {
  describe:
    'Book a trip for the customer who is being served. List the details first: the customer must have confirmed flights, passengers, bags, insurance and payments.',
  input: z.strictObject({
    user_id: user.id(),
    origin: z.string(),
    destination: z.string(),
    flight_type: flightType.describe('type'),
    cabin: cabin.describe('cabin'),
    flights: z
      .array(z.strictObject({ flight_number: flight.id(), date }))
      .describe('every leg of the whole trip, in order'),
    passengers: z.array(passengerRecord),
    payment_methods: z.array(z.strictObject({ payment_id: z.string(), amount: wholeDollars })),
    total_baggages: bags.describe('bags'),
    nonfree_baggages: bags.describe('bags paid for'),
    insurance: z.enum(['yes', 'no']).describe('insurance'),
  }),
  output: reservationRecord,
  facts: bookingFacts,
  refusals,
  appends: [reservation, user, flight],
  effects: [charge],
  async decide(tx, input) {
    const { user_id: userId, cabin, passengers } = input
    const owner = await tx.get(user, userId)
    const found = await findLegs(tx, input.flights)
    const trip = { origin: input.origin, destination: input.destination, flightType: input.flight_type }
    tx.facts({
      owner: userId,
      passengers: passengers.length,
      ...countBySource(owner, input.payment_methods),
      freeBags: freeBags(owner.membership, cabin, passengers.length),
      routeFits: leads(found, trip),
    })

    const legs: Leg[] = []
    for (const leg of found) {
      const offer = offerOf(leg, cabin, passengers.length)
      if ('code' in offer) return tx.refuse(...discreetly(tx, userId, offer.code, offer.detail))
      legs.push(offer)
    }
    const payments = input.payment_methods.map(({ payment_id, amount }) => ({
      methodId: payment_id,
      amount: centsOf(amount),
    }))
    for (const { methodId, amount } of payments) {
      const method = methodOf(owner, methodId)
      if (method === undefined)
        return tx.refuse(...discreetly(tx, userId, 'payment-method-not-found', { rule: 'payment:not-in-profile' }))
      if (method.source !== 'credit_card' && method.amount < amount)
        return tx.refuse(...discreetly(tx, userId, 'insufficient-funds', { rule: 'payment:balance', methodId }))
    }
    const price =
      passengers.length * (sumOf(legs.map((leg) => leg.price)) + (input.insurance === 'yes' ? INSURANCE_PRICE : 0)) +
      BAG_PRICE * input.nonfree_baggages
    if (sumOf(payments.map(({ amount }) => amount)) !== price)
      return tx.refuse(...discreetly(tx, userId, 'amount-mismatch', { rule: 'payment:amount', price: price / 100 }))
    const reservationId = await firstFree(
      RESERVATION_IDS,
      async (id) => (await tx.lookup(reservation, id)) === undefined,
    )
    if (reservationId === undefined) return tx.refuse('limit-reached', {})

    tx.append(reservation, reservationId, 'booked', {
      userId,
      ...trip,
      cabin,
      legs,
      passengers,
      payments,
      createdAt: estTime(tx.nowMs),
      totalBags: input.total_baggages,
      paidBags: input.nonfree_baggages,
      insured: input.insurance === 'yes',
      cancelled: false,
    })
    // Whether nobody may travel is policy, which is asked about this decision too.
    for (const { flightNumber, date } of passengers.length === 0 ? [] : legs)
      tx.append(flight, flightNumber, 'seats-taken', { date, cabin, count: passengers.length })
    for (const { methodId, amount } of payments) {
      const source = methodOf(owner, methodId)?.source
      if (source === 'gift_card') tx.append(user, userId, 'gift-card-moved', { methodId, amount: -amount })
      else if (source === 'certificate') tx.append(user, userId, 'certificate-used', { methodId })
      else if (amount > 0) tx.effect(charge, { reservationId, methodId, amount })
    }
    tx.append(user, userId, 'reservation-made', { reservationId })
    return reservationRecordOf(reservationId, await tx.get(reservation, reservationId))
  },
})

const sumOf = (amounts: readonly number[]): number => amounts.reduce((sum, amount) => sum + amount, 0)

function countBySource(owner: User, payments: readonly { readonly payment_id: string }[]) {
  const count = (source: string) => payments.filter(({ payment_id }) => methodOf(owner, payment_id)?.source === source)
  return {
    certificates: count('certificate').length,
    creditCards: count('credit_card').length,
    giftCards: count('gift_card').length,
  }
}

async function firstFree(
  ids: readonly string[],
  isFree: (id: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const id of ids) if (await isFree(id)) return id
  return undefined
}
