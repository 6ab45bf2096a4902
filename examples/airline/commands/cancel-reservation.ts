/** Cancelling a whole trip. Which trips may be cancelled is policy; here it is only carried out. */
import { command } from 'plinth'
import { z } from 'zod'
import { msOfEst } from '../clock.ts'
import { charge, refund } from '../effects.ts'
import { cancelFacts } from '../facts.ts'
import { hasFlown } from '../flight.ts'
import { findLegs, namedLegs } from '../itinerary.ts'
import { reservationRecord } from '../records.ts'
import { reservation, reservationRecordOf } from '../reservation.ts'
import type { Payment } from '../reservation.ts'

export const cancelReservation = command('cancel_reservation', {
  describe:
    'Cancel a whole reservation and refund it to the original payment methods. Ask for the reason first; the customer must have confirmed.',
  input: z.strictObject({ reservation_id: reservation.id().describe('reservation id, six characters') }),
  output: reservationRecord,
  facts: cancelFacts,
  effects: [charge, refund],
  async decide(tx, { reservation_id: reservationId }) {
    const trip = await tx.get(reservation, reservationId)
    const legs = await findLegs(tx, namedLegs(trip))
    tx.facts({
      owner: trip.userId,
      cancelled: trip.cancelled,
      cabin: trip.cabin,
      insured: trip.insured,
      flown: legs.some(({ day }) => hasFlown(day)),
      airlineCancelled: legs.some(({ day }) => day?.status === 'cancelled'),
      bookedSecondsAgo: Math.floor((tx.nowMs - msOfEst(trip.createdAt)) / 1_000),
    })
    tx.append(reservation, reservationId, 'cancelled', {
      refunds: trip.payments.map(({ methodId, amount }) => ({ methodId, amount: -amount })),
    })
    for (const { methodId, amount } of netByMethod(trip.payments))
      if (amount > 0) tx.effect(refund, { reservationId, methodId, amount })
    return reservationRecordOf(reservationId, await tx.get(reservation, reservationId))
  },
  async undo(tx, { input: { reservation_id: reservationId } }) {
    const { payments } = await tx.get(reservation, reservationId)
    const refunds = payments.length / 2
    tx.append(reservation, reservationId, 'reinstated', { refunds })
    for (const { methodId, amount } of netByMethod(payments.slice(0, refunds)))
      if (amount > 0) tx.effect(charge, { reservationId, methodId, amount })
  },
})

/** What each method has paid in the end. */
function netByMethod(payments: readonly Payment[]): Payment[] {
  const net = new Map<string, number>()
  for (const { methodId, amount } of payments) net.set(methodId, (net.get(methodId) ?? 0) + amount)
  return [...net].map(([methodId, amount]) => ({ methodId, amount }))
}
