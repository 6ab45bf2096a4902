/** Changing flights or cabin of a trip. A leg that stays, in a cabin that stays, keeps its price; every other one is bought anew. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { charge, refund } from '../effects.ts'
import { flightsFacts } from '../facts.ts'
import { flight, hasFlown } from '../flight.ts'
import { findLegs, leads, legKey, namedLeg, namedLegs, offerOf } from '../itinerary.ts'
import { cabin, date, reservationRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { reservation, reservationRecordOf } from '../reservation.ts'
import type { Leg } from '../reservation.ts'
import { obstacleTo, settle } from '../settlement.ts'
import { user } from '../user.ts'

export const updateReservationFlights = command('update_reservation_flights', {
  describe:
    'Change the flights or the cabin of a reservation, and settle the difference. Name every leg of the whole trip. The customer must have confirmed.',
  input: z.strictObject({
    reservation_id: reservation.id().describe('reservation id, six characters'),
    cabin: cabin.describe('cabin'),
    flights: z
      .array(z.strictObject({ flight_number: flight.id(), date }))
      .describe('every leg of the whole trip, in order'),
    payment_id: z.string(),
  }),
  output: reservationRecord,
  facts: flightsFacts,
  refusals: {
    'not-the-customers': refusals['not-the-customers'],
    'flight-not-found': refusals['flight-not-found'],
    'flight-unavailable': refusals['flight-unavailable'],
    'no-seats': refusals['no-seats'],
    'payment-method-not-found': refusals['payment-method-not-found'],
    'payment-method-not-allowed': refusals['payment-method-not-allowed'],
    'insufficient-funds': refusals['insufficient-funds'],
  },
  appends: [reservation, user],
  effects: [charge, refund],
  async decide(tx, { reservation_id: reservationId, cabin, flights, payment_id: methodId }) {
    const trip = await tx.get(reservation, reservationId)
    const { userId, passengers } = trip
    const owner = await tx.get(user, userId)
    const before = await findLegs(tx, namedLegs(trip))
    const after = await findLegs(tx, flights)
    const cabinChanges = cabin !== trip.cabin
    const flown = before.some(({ day }) => hasFlown(day))
    tx.facts({
      owner: userId,
      cancelled: trip.cancelled,
      cabin: trip.cabin,
      cabinChanges,
      legsChange: JSON.stringify(flights.map(legKey)) !== JSON.stringify(namedLegs(trip).map(legKey)),
      flown,
      sameRoute: leads(after, trip),
    })

    const legs: Leg[] = []
    for (const leg of after) {
      const kept = cabinChanges ? undefined : trip.legs.find((old) => legKey(namedLeg(old)) === legKey(leg))
      const next = kept ?? offerOf(leg, cabin, passengers.length)
      if ('code' in next) {
        const rule = cabinChanges && flown ? 'cabin:already-flown' : 'flights:unavailable'
        return tx.refuse(...discreetly(tx, userId, next.code, { ...next.detail, rule }))
      }
      legs.push(next)
    }
    const price = passengers.length * (sumOf(legs) - sumOf(trip.legs))
    const obstacle = obstacleTo(owner, methodId, price)
    if (obstacle !== null) return tx.refuse(...discreetly(tx, userId, obstacle.code, obstacle.detail))
    const payment = settle(tx, owner, { reservationId, userId, methodId, price })
    tx.append(reservation, reservationId, 'flights-changed', { cabin, legs, payment })
    return reservationRecordOf(reservationId, await tx.get(reservation, reservationId))
  },
})

const sumOf = (legs: readonly Leg[]): number => legs.reduce((sum, { price }) => sum + price, 0)
