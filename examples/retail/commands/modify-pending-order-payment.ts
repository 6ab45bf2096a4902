/** Paying a pending order by another method: the new one is charged in full, the old one refunded in full. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { charge, refund } from '../effects.ts'
import { paymentFacts } from '../facts.ts'
import { order, orderRecordOf } from '../order.ts'
import { covers, move, paymentFactsOf } from '../payments.ts'
import { orderRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { methodOf, user } from '../user.ts'

export const modifyPendingOrderPayment = command('modify_pending_order_payment', {
  describe:
    'Move the payment of a pending order to another payment method of the customer, who must have confirmed it.',
  input: z.strictObject({
    order_id: order.id().describe("order id; begins with '#', e.g. '#W0000000'"),
    payment_method_id: z.string().describe("id of a payment method in the profile of the order's owner"),
  }),
  output: orderRecord,
  facts: paymentFacts,
  refusals: {
    'not-the-customers': refusals['not-the-customers'],
    'order-not-pending': refusals['order-not-pending'],
    'payment-method-not-found': refusals['payment-method-not-found'],
    'payment-not-movable': refusals['payment-not-movable'],
    'same-payment-method': refusals['same-payment-method'],
    'insufficient-funds': refusals['insufficient-funds'],
  },
  appends: [order, user],
  effects: [charge, refund],
  async decide(tx, { order_id: orderId, payment_method_id: methodId }) {
    const moved = await tx.get(order, orderId)
    const owner = await tx.get(user, moved.userId)
    tx.facts(paymentFactsOf(moved, owner, methodId))
    if (!moved.status.includes('pending'))
      return tx.refuse(
        ...discreetly(tx, moved.userId, 'order-not-pending', { rule: 'payment:not-pending', status: moved.status }),
      )
    const method = methodOf(owner, methodId)
    if (method === undefined)
      return tx.refuse(...discreetly(tx, moved.userId, 'payment-method-not-found', { rule: 'payment:not-in-profile' }))
    const [paid, ...others] = moved.payments
    if (paid?.type !== 'payment' || others.length > 0)
      return tx.refuse(...discreetly(tx, moved.userId, 'payment-not-movable', { rule: 'payment:not-pending' }))
    if (paid.methodId === methodId)
      return tx.refuse(...discreetly(tx, moved.userId, 'same-payment-method', { rule: 'payment:same' }))
    if (!covers(method, paid.amount))
      return tx.refuse(...discreetly(tx, moved.userId, 'insufficient-funds', { rule: 'payment:gift-card-balance' }))

    tx.append(order, orderId, 'payment-moved', {
      payment: { type: 'payment', amount: paid.amount, methodId },
      refund: { type: 'refund', amount: paid.amount, methodId: paid.methodId },
    })
    move(tx, owner, { orderId, userId: moved.userId, methodId, amount: paid.amount })
    move(tx, owner, { orderId, userId: moved.userId, methodId: paid.methodId, amount: -paid.amount })
    return orderRecordOf(orderId, await tx.get(order, orderId))
  },
  async undo(tx, { input: { order_id: orderId, payment_method_id: methodId } }) {
    const { userId, payments } = await tx.get(order, orderId)
    const [paid] = payments
    if (paid === undefined) return
    const owner = await tx.get(user, userId)
    tx.append(order, orderId, 'payment-moved-back', {})
    move(tx, owner, { orderId, userId, methodId: paid.methodId, amount: paid.amount })
    move(tx, owner, { orderId, userId, methodId, amount: -paid.amount })
  },
})
