/** Cancelling an order before it is processed: every payment goes back where it came from. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { charge, refund } from '../effects.ts'
import { orderFacts } from '../facts.ts'
import { order, orderRecordOf } from '../order.ts'
import type { Payment } from '../order.ts'
import { move } from '../payments.ts'
import { orderRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { user } from '../user.ts'

export const cancelPendingOrder = command('cancel_pending_order', {
  describe:
    "Cancel an order that is still pending, and refund it. The customer must have confirmed the order and the reason: 'no longer needed' or 'ordered by mistake'.",
  input: z.strictObject({
    order_id: order.id().describe("order id; begins with '#', e.g. '#W0000000'"),
    // Which reasons are accepted is policy (cancel:reason): a denial is on record and names its rule, a schema would only say `invalid`.
    reason: z.string().meta({
      description: "why: 'no longer needed' or 'ordered by mistake'",
      examples: ['no longer needed', 'ordered by mistake'],
    }),
  }),
  output: orderRecord,
  facts: orderFacts,
  refusals: { 'not-the-customers': refusals['not-the-customers'], 'order-not-pending': refusals['order-not-pending'] },
  appends: [order, user],
  effects: [charge, refund],
  async decide(tx, { order_id: orderId, reason }) {
    const cancelled = await tx.get(order, orderId)
    tx.facts({ owner: cancelled.userId, status: cancelled.status })
    if (cancelled.status !== 'pending')
      return tx.refuse(
        ...discreetly(tx, cancelled.userId, 'order-not-pending', {
          rule: 'cancel:not-pending',
          status: cancelled.status,
        }),
      )
    const refunds = cancelled.payments.map(({ amount, methodId }): Payment => ({ type: 'refund', amount, methodId }))
    tx.append(order, orderId, 'cancelled', { reason, refunds })
    const owner = await tx.get(user, cancelled.userId)
    for (const { amount, methodId } of refunds)
      move(tx, owner, { orderId, userId: cancelled.userId, methodId, amount: -amount })
    return orderRecordOf(orderId, await tx.get(order, orderId))
  },
  async undo(tx, { input: { order_id: orderId } }) {
    const { userId, payments } = await tx.get(order, orderId)
    // One for each entry that there was, whatever it was: the payment may have been moved, and refunded, before.
    const refunds = payments.slice(payments.length / 2)
    tx.append(order, orderId, 'reinstated', { refunds: refunds.length })
    const owner = await tx.get(user, userId)
    for (const { amount, methodId } of refunds) move(tx, owner, { orderId, userId, methodId, amount })
  },
})
