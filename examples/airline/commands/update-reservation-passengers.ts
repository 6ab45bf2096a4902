/** Naming other passengers for a trip: as many as there were. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { passengersFacts } from '../facts.ts'
import { passengerRecord, reservationRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { reservation, reservationRecordOf } from '../reservation.ts'

export const updateReservationPassengers = command('update_reservation_passengers', {
  describe:
    'Replace the passengers of a reservation by as many others. Their number can never change. The customer must have confirmed.',
  input: z.strictObject({
    reservation_id: reservation.id().describe('reservation id, six characters'),
    passengers: z.array(passengerRecord),
  }),
  output: reservationRecord,
  facts: passengersFacts,
  refusals: {
    'not-the-customers': refusals['not-the-customers'],
    'length-mismatch': refusals['length-mismatch'],
  },
  async decide(tx, { reservation_id: reservationId, passengers }) {
    const trip = await tx.get(reservation, reservationId)
    tx.facts({
      owner: trip.userId,
      cancelled: trip.cancelled,
      passengers: trip.passengers.length,
      newPassengers: passengers.length,
    })
    if (passengers.length !== trip.passengers.length)
      return tx.refuse(...discreetly(tx, trip.userId, 'length-mismatch', { rule: 'passengers:number' }))
    tx.append(reservation, reservationId, 'passengers-changed', { passengers })
    return reservationRecordOf(reservationId, await tx.get(reservation, reservationId))
  },
})
