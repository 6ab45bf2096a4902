/** A customer: profile, default address, payment methods. A gift card's balance is money that the shop holds, so it moves here. */
import { entity, importer, money } from 'plinth'
import type { StateOf } from 'plinth'
import { z } from 'zod'
import { centsOf, dollarsOf } from '../shared/dollars.ts'
import { address, ERASED_ADDRESS } from './address.ts'
import { userRecord } from './records.ts'
import type { UserRecord } from './records.ts'

const paymentMethod = z.discriminatedUnion('source', [
  z.object({ source: z.literal('gift_card'), id: z.string(), balance: money() }),
  z.object({ source: z.literal('credit_card'), id: z.string(), brand: z.string(), last_four: z.string() }),
  z.object({ source: z.literal('paypal'), id: z.string() }),
])
export type PaymentMethod = z.infer<typeof paymentMethod>

const state = z.object({
  /** Place in the imported collection: searches answer with the first. */
  ordinal: z.int(),
  firstName: z.string(),
  lastName: z.string(),
  address,
  email: z.string(),
  paymentMethods: z.record(z.string(), paymentMethod),
  orders: z.array(z.string()),
})

export const user = entity('user', {
  describe: 'a customer of the shop',
  state,
  events: {
    imported: state,
    'address-changed': address,
    /** `amount` is signed: what the balance grows by. */
    'gift-card-moved': z.object({ methodId: z.string(), amount: money() }),
  },
  opens: ['imported'],
  evolve: {
    imported: (_none, imported) => imported,
    'address-changed': (user, changed) => ({ ...user, address: changed }),
    'gift-card-moved': (user, { methodId, amount }) => ({
      ...user,
      paymentMethods: Object.fromEntries(
        Object.entries(user.paymentMethods).map(([id, method]) => [
          id,
          id === methodId && method.source === 'gift_card' ? { ...method, balance: method.balance + amount } : method,
        ]),
      ),
    }),
  },
  personal: {
    events: {
      imported: {
        firstName: '[erased]',
        lastName: '[erased]',
        address: ERASED_ADDRESS,
        email: '[erased]',
        paymentMethods: {},
      },
      'address-changed': ERASED_ADDRESS,
      'gift-card-moved': { methodId: '[erased]' },
    },
  },
})
export type User = StateOf<typeof user>

/** The method with this id in the profile. */
export const methodOf = (user: User, methodId: string): PaymentMethod | undefined =>
  Object.hasOwn(user.paymentMethods, methodId) ? user.paymentMethods[methodId] : undefined

export const users = importer('users', {
  describe: 'customers, with their profiles',
  of: user,
  event: 'imported',
  record: z.object({ id: z.string(), value: userRecord }),
  map: ({ id, value: record }, ordinal) => ({
    id,
    data: {
      ordinal,
      firstName: record.name.first_name,
      lastName: record.name.last_name,
      address: record.address,
      email: record.email,
      paymentMethods: Object.fromEntries(
        Object.entries(record.payment_methods).map(([id, method]) => [
          id,
          method.source === 'gift_card' ? { ...method, balance: centsOf(method.balance) } : method,
        ]),
      ),
      orders: record.orders,
    },
  }),
})

/** The customer as the outside writes it. */
export const userRecordOf = (id: string, user: User): UserRecord => ({
  user_id: id,
  name: { first_name: user.firstName, last_name: user.lastName },
  address: user.address,
  email: user.email,
  payment_methods: Object.fromEntries(
    Object.entries(user.paymentMethods).map(([methodId, method]) => [
      methodId,
      method.source === 'gift_card' ? { ...method, balance: dollarsOf(method.balance) } : method,
    ]),
  ),
  orders: user.orders,
})
