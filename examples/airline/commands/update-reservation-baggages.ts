/** Adding bags to a trip. How many fly free is policy; what the others cost is settled here. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { BAG_PRICE, freeBags } from '../baggage.ts'
import { charge, refund } from '../effects.ts'
import { bagFacts } from '../facts.ts'
import { bags, reservationRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { reservation, reservationRecordOf } from '../reservation.ts'
import { obstacleTo, settle } from '../settlement.ts'
import { user } from '../user.ts'

export const updateReservationBaggages = command('update_reservation_baggages', {
  describe:
    'Change the number of checked bags. Bags can be added, not removed; each beyond the free ones costs $50. The customer must have confirmed.',
  input: z.strictObject({
    reservation_id: reservation.id().describe('reservation id, six characters'),
    total_baggages: bags.describe('new total'),
    nonfree_baggages: bags.describe('new paid number'),
    payment_id: z.string(),
  }),
  output: reservationRecord,
  facts: bagFacts,
  refusals: {
    'not-the-customers': refusals['not-the-customers'],
    'payment-method-not-found': refusals['payment-method-not-found'],
    'payment-method-not-allowed': refusals['payment-method-not-allowed'],
    'insufficient-funds': refusals['insufficient-funds'],
  },
  appends: [reservation, user],
  effects: [charge, refund],
  async decide(tx, { reservation_id: reservationId, total_baggages, nonfree_baggages, payment_id: methodId }) {
    const trip = await tx.get(reservation, reservationId)
    const { userId } = trip
    const owner = await tx.get(user, userId)
    tx.facts({
      owner: userId,
      cancelled: trip.cancelled,
      bags: trip.totalBags,
      freeBags: freeBags(owner.membership, trip.cabin, trip.passengers.length),
    })
    const price = BAG_PRICE * Math.max(0, nonfree_baggages - trip.paidBags)
    const obstacle = obstacleTo(owner, methodId, price)
    if (obstacle !== null) return tx.refuse(...discreetly(tx, userId, obstacle.code, obstacle.detail))
    const payment = settle(tx, owner, { reservationId, userId, methodId, price })
    tx.append(reservation, reservationId, 'bags-changed', {
      totalBags: total_baggages,
      paidBags: nonfree_baggages,
      payment,
    })
    return reservationRecordOf(reservationId, await tx.get(reservation, reservationId))
  },
})
