/** What the shop can be searched by. */
import { readModel } from 'plinth'
import { z } from 'zod'
import { product } from './product.ts'
import { user } from './user.ts'

export const usersByEmail = readModel('users_by_email', {
  describe: 'customers by e-mail address, in lower case',
  of: user,
  row: z.object({ email: z.string(), ordinal: z.int() }),
  indexes: [['email', 'ordinal']],
  personal: ['email'],
  from: (user) => ({ email: user.email.toLowerCase(), ordinal: user.ordinal }),
})

export const usersByName = readModel('users_by_name', {
  describe: 'customers by name, in lower case, and postal code',
  of: user,
  row: z.object({ firstName: z.string(), lastName: z.string(), zip: z.string(), ordinal: z.int() }),
  indexes: [['firstName', 'lastName', 'zip', 'ordinal']],
  personal: ['firstName', 'lastName', 'zip'],
  from: (user) => ({
    firstName: user.firstName.toLowerCase(),
    lastName: user.lastName.toLowerCase(),
    zip: user.address.zip,
    ordinal: user.ordinal,
  }),
})

export const catalogue = readModel('catalogue', {
  describe: 'products by name',
  of: product,
  row: z.object({ name: z.string(), ordinal: z.int() }),
  indexes: [['name', 'ordinal']],
  from: (product) => ({ name: product.name, ordinal: product.ordinal }),
})

export const productOfItem = readModel('product_of_item', {
  describe: 'which product an item is a variant of',
  of: product,
  row: z.object({ itemId: z.string(), ordinal: z.int() }),
  indexes: [['itemId', 'ordinal']],
  rows: (product) =>
    Object.keys(product.variants).map((itemId) => ({ key: itemId, row: { itemId, ordinal: product.ordinal } })),
})
