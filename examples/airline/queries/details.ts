/** Whole records of a customer and their reservations, for them alone. */
import { query } from 'plinth'
import { z } from 'zod'
import { ownerFacts } from '../facts.ts'
import { reservationRecord, userRecord } from '../records.ts'
import { reservation, reservationRecordOf } from '../reservation.ts'
import { user, userRecordOf } from '../user.ts'

export const getUserDetails = query('get_user_details', {
  describe: 'Read the profile of the customer who is being served: membership, payment methods, reservations.',
  input: z.strictObject({ user_id: user.id() }),
  output: userRecord,
  facts: ownerFacts,
  async read(tx, { user_id: userId }) {
    const found = await tx.get(user, userId)
    tx.facts({ owner: userId })
    return userRecordOf(userId, found)
  },
})

export const getReservationDetails = query('get_reservation_details', {
  describe: 'Read a reservation of the customer who is being served.',
  input: z.strictObject({ reservation_id: reservation.id().describe('reservation id, six characters') }),
  output: reservationRecord,
  facts: ownerFacts,
  async read(tx, { reservation_id: reservationId }) {
    const found = await tx.get(reservation, reservationId)
    tx.facts({ owner: found.userId })
    return reservationRecordOf(reservationId, found)
  },
})
