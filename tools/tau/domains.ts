/** The two domains of the data set, and the example application that serves each. */
import { join } from 'node:path'
import { flightRecordOf } from '../../examples/airline/flight.ts'
import type { Flight } from '../../examples/airline/flight.ts'
import { reservationRecordOf } from '../../examples/airline/reservation.ts'
import type { Reservation } from '../../examples/airline/reservation.ts'
import { userRecordOf as passengerRecordOf } from '../../examples/airline/user.ts'
import type { User as Passenger } from '../../examples/airline/user.ts'
import { orderRecordOf } from '../../examples/retail/order.ts'
import type { Order } from '../../examples/retail/order.ts'
import { productRecordOf } from '../../examples/retail/product.ts'
import type { Product } from '../../examples/retail/product.ts'
import { userRecordOf as customerRecordOf } from '../../examples/retail/user.ts'
import type { User as Customer } from '../../examples/retail/user.ts'

/** One file of the data set: also the name of the importer that takes it. */
export interface Collection {
  readonly name: string
  readonly entity: string
  /** The entity's state in the data set's form. */
  readonly recordOf: (id: string, state: unknown) => unknown
}
export interface Domain {
  readonly application: string
  readonly collections: readonly Collection[]
  /** What time it is in this domain; null: whatever it is. */
  readonly nowMs: number | null
}
export type DomainName = 'retail' | 'airline'

const EXAMPLES = join(import.meta.dirname, '../../examples')

export const DOMAINS: Readonly<Record<DomainName, Domain>> = {
  retail: {
    application: join(EXAMPLES, 'retail'),
    collections: [
      { name: 'users', entity: 'user', recordOf: (id, state) => customerRecordOf(id, state as Customer) },
      { name: 'products', entity: 'product', recordOf: (id, state) => productRecordOf(id, state as Product) },
      { name: 'orders', entity: 'order', recordOf: (id, state) => orderRecordOf(id, state as Order) },
    ],
    nowMs: null,
  },
  airline: {
    application: join(EXAMPLES, 'airline'),
    collections: [
      { name: 'users', entity: 'user', recordOf: (id, state) => passengerRecordOf(id, state as Passenger) },
      { name: 'flights', entity: 'flight', recordOf: (id, state) => flightRecordOf(id, state as Flight) },
      {
        name: 'reservations',
        entity: 'reservation',
        recordOf: (id, state) => reservationRecordOf(id, state as Reservation),
      },
    ],
    nowMs: Date.parse('2024-05-15T15:00:00-05:00'),
  },
}
