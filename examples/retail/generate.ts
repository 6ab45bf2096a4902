/**
 * Records for a shop to try things on: 500 customers, 1,000 orders, 50 products, always the same ones. `plinth start` imports them when a data
 * directory is new.
 */
import { base, en, Faker } from '@faker-js/faker'
import { CATALOGUE } from './generate/catalogue.ts'
import type { CatalogueEntry } from './generate/catalogue.ts'
import { dollarsOf } from '../shared/dollars.ts'
import type { OrderRecord, ProductRecord, UserRecord } from './records.ts'

export const USERS = 500
export const ORDERS = 1_000
const SEED = 20_240_515

interface Line<Value> {
  readonly id: string
  readonly value: Value
}
export interface Shop {
  readonly users: readonly Line<UserRecord>[]
  readonly products: readonly Line<ProductRecord>[]
  readonly orders: readonly Line<OrderRecord>[]
}

/** By importer, in the form that the importers take. */
export function generate(): Shop {
  const faker = new Faker({ locale: [en, base], seed: SEED })
  const taken = new Set<string>()
  /** Never the same text twice. */
  const unique = (make: () => string): string => {
    let text = make()
    while (taken.has(text)) text = make()
    taken.add(text)
    return text
  }
  const products = CATALOGUE.map((entry) => productOf(faker, unique, entry))
  const users = Array.from({ length: USERS }, () => userOf(faker, unique))
  const orders = Array.from({ length: ORDERS }, () =>
    orderOf(faker, unique, faker.helpers.arrayElement(users), products),
  )
  for (const user of users)
    user.orders = orders.filter(({ user_id }) => user_id === user.user_id).map(({ order_id }) => order_id)
  return {
    users: users.map((value) => ({ id: value.user_id, value })),
    products: products.map((value) => ({ id: value.product_id, value })),
    orders: orders.map((value) => ({ id: value.order_id, value })),
  }
}

type Unique = (make: () => string) => string

function productOf(faker: Faker, unique: Unique, { name, cents, options }: CatalogueEntry): ProductRecord {
  const combinations = Object.entries(options).reduce<Record<string, string>[]>(
    (made, [option, values]) => made.flatMap((one) => values.map((value) => ({ ...one, [option]: value }))),
    [{}],
  )
  const chosen = faker.helpers.arrayElements(combinations, { min: 4, max: 12 })
  const variants = chosen.map((options) => ({
    item_id: unique(() => faker.string.numeric({ length: 10, allowLeadingZeros: false })),
    options,
    available: faker.datatype.boolean(0.8),
    price: dollarsOf(faker.number.int({ min: Math.round(cents * 0.88), max: Math.round(cents * 1.12) })),
  }))
  return {
    name,
    product_id: unique(() => faker.string.numeric({ length: 10, allowLeadingZeros: false })),
    variants: Object.fromEntries(variants.map((variant) => [variant.item_id, variant])),
  }
}

function userOf(faker: Faker, unique: Unique): UserRecord {
  const first = faker.person.firstName()
  const last = faker.person.lastName()
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z]/g, '')
  const methods = faker.helpers.arrayElements(['credit_card', 'gift_card', 'paypal'] as const, { min: 1, max: 3 })
  const payments = methods.map((source) => paymentMethodOf(faker, unique, source))
  return {
    user_id: unique(() => `${plain(first)}_${plain(last)}_${faker.string.numeric(4)}`),
    name: { first_name: first, last_name: last },
    address: {
      address1: faker.location.streetAddress(),
      address2: `Suite ${faker.string.numeric({ length: 3, allowLeadingZeros: false })}`,
      city: faker.location.city(),
      country: 'USA',
      state: faker.location.state({ abbreviated: true }),
      zip: faker.location.zipCode('#####'),
    },
    email: unique(() => `${plain(first)}.${plain(last)}${faker.string.numeric(3)}@example.org`),
    payment_methods: Object.fromEntries(payments.map((method) => [method.id, method])),
    orders: [],
  }
}

function paymentMethodOf(
  faker: Faker,
  unique: Unique,
  source: 'credit_card' | 'gift_card' | 'paypal',
): UserRecord['payment_methods'][string] {
  const id = unique(() => `${source}_${faker.string.numeric({ length: 7, allowLeadingZeros: false })}`)
  if (source === 'paypal') return { source, id }
  if (source === 'gift_card') return { source, id, balance: faker.number.int({ min: 0, max: 250 }) }
  return { source, id, brand: faker.helpers.arrayElement(['visa', 'mastercard']), last_four: faker.string.numeric(4) }
}

function orderOf(faker: Faker, unique: Unique, user: UserRecord, products: readonly ProductRecord[]): OrderRecord {
  const items = faker.helpers.arrayElements(products, { min: 1, max: 5 }).map(({ name, product_id, variants }) => {
    const { item_id, price, options } = faker.helpers.arrayElement(Object.values(variants))
    return { name, product_id, item_id, price, options }
  })
  const status = faker.helpers.weightedArrayElement([
    { value: 'pending' as const, weight: 42 },
    { value: 'delivered' as const, weight: 38 },
    { value: 'processed' as const, weight: 10 },
    { value: 'cancelled' as const, weight: 10 },
  ])
  const hasLeft = status === 'processed' || status === 'delivered'
  const amount = dollarsOf(items.reduce((cents, { price }) => cents + Math.round(price * 100), 0))
  const payment_method_id = faker.helpers.arrayElement(Object.keys(user.payment_methods))
  const payment = { transaction_type: 'payment' as const, amount, payment_method_id }
  return {
    order_id: unique(() => `#W${faker.string.numeric({ length: 7, allowLeadingZeros: false })}`),
    user_id: user.user_id,
    address: user.address,
    items,
    status,
    fulfillments: hasLeft
      ? [{ tracking_id: [unique(() => faker.string.numeric(12))], item_ids: items.map(({ item_id }) => item_id) }]
      : [],
    payment_history: status === 'cancelled' ? [payment, { ...payment, transaction_type: 'refund' }] : [payment],
    ...(status === 'cancelled' && {
      cancel_reason: faker.helpers.arrayElement(['no longer needed', 'ordered by mistake']),
    }),
  }
}
