/** A customer: profile, membership, payment methods. Gift cards and travel certificates are the airline's own money, so they move here. */
import { entity, importer, money } from 'plinth'
import type { StateOf } from 'plinth'
import { z } from 'zod'
import { centsOf, dollarsOf } from '../shared/dollars.ts'
import { addressRecord, membership, passengerRecord, userRecord } from './records.ts'
import type { UserRecord } from './records.ts'

const paymentMethod = z.discriminatedUnion('source', [
  z.object({ source: z.literal('gift_card'), id: z.string(), amount: money() }),
  z.object({ source: z.literal('certificate'), id: z.string(), amount: money() }),
  z.object({ source: z.literal('credit_card'), id: z.string(), brand: z.string(), last_four: z.string() }),
])
export type PaymentMethod = z.infer<typeof paymentMethod>

const state = z.object({
  firstName: z.string(),
  lastName: z.string(),
  address: addressRecord,
  email: z.string(),
  birthday: z.string(),
  paymentMethods: z.record(z.string(), paymentMethod),
  savedPassengers: z.array(passengerRecord),
  membership,
  reservations: z.array(z.string()),
})

export const user = entity('user', {
  describe: 'a customer of the airline',
  state,
  events: {
    imported: state,
    /** `amount` is signed: what the gift card grows by. */
    'gift-card-moved': z.object({ methodId: z.string(), amount: money() }),
    /** A certificate pays once; what is left on it is lost. */
    'certificate-used': z.object({ methodId: z.string() }),
    'certificate-granted': z.object({ methodId: z.string(), amount: money() }),
    'certificate-withdrawn': z.object({ methodId: z.string() }),
    'reservation-made': z.object({ reservationId: z.string() }),
  },
  opens: ['imported'],
  evolve: {
    imported: (_none, imported) => imported,
    'gift-card-moved': (user, { methodId, amount }) => ({
      ...user,
      paymentMethods: Object.fromEntries(
        Object.entries(user.paymentMethods).map(([id, method]) => [
          id,
          id === methodId && method.source === 'gift_card' ? { ...method, amount: method.amount + amount } : method,
        ]),
      ),
    }),
    'certificate-used': (user, { methodId }) => ({ ...user, paymentMethods: without(user.paymentMethods, methodId) }),
    'certificate-granted': (user, { methodId, amount }) => ({
      ...user,
      paymentMethods: { ...user.paymentMethods, [methodId]: { source: 'certificate', id: methodId, amount } },
    }),
    'certificate-withdrawn': (user, { methodId }) => ({
      ...user,
      paymentMethods: without(user.paymentMethods, methodId),
    }),
    'reservation-made': (user, { reservationId }) => ({ ...user, reservations: [...user.reservations, reservationId] }),
  },
})
export type User = StateOf<typeof user>

const without = (methods: Readonly<Record<string, PaymentMethod>>, methodId: string) =>
  Object.fromEntries(Object.entries(methods).filter(([id]) => id !== methodId))

/** The method with this id in the profile. */
export const methodOf = (user: User, methodId: string): PaymentMethod | undefined =>
  Object.hasOwn(user.paymentMethods, methodId) ? user.paymentMethods[methodId] : undefined

export const users = importer('users', {
  describe: 'customers, with their profiles',
  of: user,
  event: 'imported',
  record: z.object({ id: z.string(), value: userRecord }),
  map: ({ id, value: record }) => ({
    id,
    data: {
      firstName: record.name.first_name,
      lastName: record.name.last_name,
      address: record.address,
      email: record.email,
      birthday: record.dob,
      paymentMethods: Object.fromEntries(
        Object.entries(record.payment_methods).map(([id, method]) => [
          id,
          method.source === 'credit_card' ? method : { ...method, amount: centsOf(method.amount) },
        ]),
      ),
      savedPassengers: record.saved_passengers,
      membership: record.membership,
      reservations: record.reservations,
    },
  }),
})

/** The customer as the outside writes it. */
export const userRecordOf = (id: string, user: User): UserRecord => ({
  user_id: id,
  name: { first_name: user.firstName, last_name: user.lastName },
  address: user.address,
  email: user.email,
  dob: user.birthday,
  payment_methods: Object.fromEntries(
    Object.entries(user.paymentMethods).map(([methodId, method]) => [
      methodId,
      method.source === 'credit_card' ? method : { ...method, amount: dollarsOf(method.amount) },
    ]),
  ),
  saved_passengers: user.savedPassengers,
  membership: user.membership,
  reservations: user.reservations,
})
