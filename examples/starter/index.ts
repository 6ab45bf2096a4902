/** A small shop: one entity, two commands, one query. Change anything; `plinth dev` reloads it. */
import { application, command, entity, money, query, readModel } from 'plinth'
import { z } from 'zod'

/** State is folded from events, never written. */
export const product = entity('product', {
  describe: 'something on the shelf',
  state: z.object({ name: z.string(), price: money(), stock: z.int() }),
  events: {
    added: z.object({ name: z.string(), price: money(), stock: z.int() }),
    sold: z.object({ count: z.int() }),
  },
  opens: ['added'],
  evolve: {
    added: (_none, { name, price, stock }) => ({ name, price, stock }),
    sold: (state, { count }) => ({ ...state, stock: state.stock - count }),
  },
})

/** Rows that can be searched; they follow from the events too. */
export const shelf = readModel('shelf', {
  of: product,
  row: z.object({ name: z.string(), stock: z.int() }),
  indexes: [['name']],
  from: (state) => ({ name: state.name, stock: state.stock }),
})

export const addProduct = command('add_product', {
  describe: 'Put a new product on the shelf. Prices are in cents.',
  input: z.object({ productId: product.id(), name: z.string().min(1), price: money(), stock: z.int().min(0) }),
  refusals: { 'product-exists': 'there is a product with this id already' },
  appends: [product],
  async decide(tx, { productId, name, price, stock }) {
    if ((await tx.lookup(product, productId)) !== undefined) return tx.refuse('product-exists')
    tx.append(product, productId, 'added', { name, price, stock })
    return { productId }
  },
})

export const sell = command('sell', {
  describe: 'Sell some of a product that is in stock.',
  input: z.object({ productId: product.id(), count: z.int().min(1) }),
  refusals: { 'out-of-stock': 'there are not enough left' },
  appends: [product],
  async decide(tx, { productId, count }) {
    const { stock } = await tx.get(product, productId)
    if (stock < count) return tx.refuse('out-of-stock', { stock })
    tx.append(product, productId, 'sold', { count })
    return { left: stock - count }
  },
})

export const findProduct = query('find_product', {
  describe: 'Find products by their exact name.',
  input: z.object({ name: z.string() }),
  async read(tx, { name }) {
    const found = await tx.find(shelf, { where: { name } })
    return found.map(({ id, row }) => ({ productId: id, ...row }))
  },
})

export default application('shop', {
  describe: 'A small shop.',
  entities: [product],
  readModels: [shelf],
  commands: [addProduct, sell],
  queries: [findProduct],
})
