/** The application that the other files here use wrongly; in it, everything is right. */
import { application, command, effect, entity, importer, invariant, money, query, readModel } from 'plinth'
import { z } from 'zod'

export const order = entity('order', {
  state: z.object({ userId: z.string(), status: z.enum(['pending', 'cancelled']), total: money() }),
  events: { placed: z.object({ userId: z.string(), total: money() }), cancelled: z.object({ reason: z.string() }) },
  opens: ['placed'],
  evolve: {
    placed: (none: undefined, { userId, total }) => ({ userId, total, status: none ?? 'pending' }),
    cancelled: (state) => ({ ...state, status: 'cancelled' }),
  },
})
export const counter = entity('counter', {
  state: z.object({ count: z.int() }),
  events: { counted: z.object({ by: z.int() }) },
  initial: { count: 0 },
  evolve: { counted: (state, { by }, id) => ({ count: state.count + by + (id === '' ? 0 : 0) }) },
})
export const orders = readModel('orders', {
  of: order,
  row: z.object({ userId: z.string(), status: z.string(), total: money(), note: z.string() }),
  indexes: [['userId', 'status', 'total'], ['status']],
  from: ({ userId, status, total }, id) => ({ userId, status, total, note: id }),
})
export const lines = readModel('lines', {
  of: order,
  row: z.object({ status: z.string() }),
  indexes: [['status']],
  rows: ({ status }) => [{ key: '1', row: { status } }],
})
export const solvent = invariant('solvent', { of: order, holds: ({ total }) => total >= 0 })
export const refund = effect('refund', {
  describe: 'Pay back.',
  payload: z.object({ orderId: order.id(), amount: money() }),
  risk: 'compensable',
})
export const mail = effect('mail', { describe: 'Mail.', payload: z.object({ to: z.string() }), risk: 'irreversible' })
export const orderRecords = importer('orders', {
  of: order,
  event: 'placed',
  record: z.object({ id: z.string(), user: z.string(), total: z.number() }),
  map: ({ id, user, total }, ordinal) => ({
    id: `${ordinal}-${id}`,
    data: { userId: user, total: Math.round(total * 100) },
  }),
})

/** Codes declared, output and facts declared. */
export const cancel = command('cancel', {
  describe: 'Cancel an order.',
  input: z.object({ orderId: order.id(), reason: z.string(), note: z.string().optional() }),
  output: z.object({ refunded: money() }),
  facts: z.object({ total: money() }),
  refusals: { 'not-pending': 'it is too late', unknown: 'nobody knows' },
  appends: [order],
  effects: [refund],
  async decide(tx, { orderId, reason }) {
    const { status, total } = await tx.get(order, orderId)
    tx.facts({ total })
    if (status !== 'pending') return tx.refuse('not-pending', { status })
    tx.append(order, orderId, 'cancelled', { reason })
    tx.effect(refund, { orderId, amount: total })
    return { refunded: total }
  },
})
/** Nothing declared: codes and result are inferred. */
export const count = command('count', {
  describe: 'Count.',
  input: z.object({ id: counter.id(), by: z.int() }),
  async decide(tx, { id, by }) {
    if (by < 0) return tx.refuse('negative')
    if (by > 9) return tx.refuse('too-many', { by })
    tx.append(counter, id, 'counted', { by })
    return { count: (await tx.get(counter, id)).count }
  },
  undo: (tx, { input: { id, by }, result: { count } }) => tx.append(counter, id, 'counted', { by: count - count - by }),
})
/** Returns nothing. */
export const touch = command('touch', {
  describe: 'Touch.',
  input: z.object({ id: counter.id() }),
  decide(tx, { id }) {
    tx.append(counter, id, 'counted', { by: 1 })
  },
})
export const pending = query('pending', {
  describe: 'Pending orders of a user.',
  input: z.object({ userId: z.string() }),
  async read(tx, { userId }) {
    const found = await tx.find(orders, { where: { userId, status: 'pending' }, order: ['total'], limit: 5 })
    return found.map(({ id, row: { total } }) => ({ id, total }))
  },
})

const app = application('shop', {
  describe: 'A shop.',
  entities: [order, counter],
  commands: [cancel, count, touch],
  queries: [pending],
  readModels: [orders, lines],
  effects: [refund, mail],
  invariants: [solvent],
  importers: [orderRecords],
  attested: z.object({ customer: z.string().optional() }),
})
export default app
