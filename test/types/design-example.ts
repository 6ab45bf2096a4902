/** The example of the design, as an author writes it: it must compile, and what the client may know must come out of it. */
import { application, command, effect, entity, money } from 'plinth'
import { z } from 'zod'

export const order = entity('order', {
  state: z.object({ userId: z.string(), status: z.enum(['pending', 'delivered', 'cancelled']), total: money() }),
  events: {
    placed: z.object({ userId: z.string(), total: money() }),
    cancelled: z.object({ reason: z.string() }),
    reinstated: z.object({}),
  },
  opens: ['placed'],
  evolve: {
    placed: (_none, { userId, total }) => ({ userId, total, status: 'pending' }),
    cancelled: (state) => ({ ...state, status: 'cancelled' }),
    reinstated: (state) => ({ ...state, status: 'pending' }),
  },
})
export const refund = effect('refund', {
  describe: 'Send the money back to where it came from.',
  payload: z.object({ orderId: order.id(), amount: money() }),
  risk: 'compensable',
})
export const cancelOrder = command('cancel_order', {
  describe: 'Cancel an order that has not been processed yet, and refund it.',
  input: z.object({ orderId: order.id(), reason: z.string() }),
  effects: [refund],
  async decide(tx, { orderId, reason }) {
    const o = await tx.get(order, orderId)
    if (o.status !== 'pending') return tx.refuse('order-not-pending', { status: o.status })
    tx.append(order, orderId, 'cancelled', { reason })
    tx.effect(refund, { orderId, amount: o.total }, { pins: [{ fact: `payment/${orderId}`, hash: '0'.repeat(64) }] })
  },
  undo: (tx, done) => tx.append(order, done.input.orderId, 'reinstated', {}),
})
export default application('shop', {
  describe: 'A shop.',
  entities: [order],
  commands: [cancelOrder],
  effects: [refund],
})
