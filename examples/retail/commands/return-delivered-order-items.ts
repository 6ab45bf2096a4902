/** Asking to send back what was delivered. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { mailReturnInstructions } from '../effects.ts'
import { paymentFacts } from '../facts.ts'
import { holdsItems, order, orderRecordOf } from '../order.ts'
import { paymentFactsOf } from '../payments.ts'
import { orderRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { methodOf, user } from '../user.ts'

export const returnDeliveredOrderItems = command('return_delivered_order_items', {
  describe:
    'Return items of a delivered order, refunded to the original payment method or to a gift card. The customer must have confirmed the items and the method.',
  input: z.strictObject({
    order_id: order.id().describe("order id; begins with '#', e.g. '#W0000000'"),
    item_ids: z.array(z.string()).describe('items to return; duplicates allowed'),
    payment_method_id: z.string().describe("id of a payment method in the profile of the order's owner"),
  }),
  output: orderRecord,
  facts: paymentFacts,
  refusals: {
    'not-the-customers': refusals['not-the-customers'],
    'order-not-delivered': refusals['order-not-delivered'],
    'payment-method-not-found': refusals['payment-method-not-found'],
    'payment-method-not-allowed': refusals['payment-method-not-allowed'],
    'item-not-in-order': refusals['item-not-in-order'],
  },
  effects: [mailReturnInstructions],
  async decide(tx, { order_id: orderId, item_ids, payment_method_id: methodId }) {
    const delivered = await tx.get(order, orderId)
    const owner = await tx.get(user, delivered.userId)
    tx.facts(paymentFactsOf(delivered, owner, methodId))
    if (delivered.status !== 'delivered')
      return tx.refuse(
        ...discreetly(tx, delivered.userId, 'order-not-delivered', {
          rule: 'return:not-delivered',
          status: delivered.status,
        }),
      )
    const method = methodOf(owner, methodId)
    if (method === undefined)
      return tx.refuse(
        ...discreetly(tx, delivered.userId, 'payment-method-not-found', { rule: 'return:payment-method' }),
      )
    if (method.source !== 'gift_card' && methodId !== delivered.payments[0]?.methodId)
      return tx.refuse(
        ...discreetly(tx, delivered.userId, 'payment-method-not-allowed', { rule: 'return:payment-method' }),
      )
    if (!holdsItems(delivered, item_ids))
      return tx.refuse(...discreetly(tx, delivered.userId, 'item-not-in-order', { rule: 'return:items' }))

    tx.append(order, orderId, 'return-requested', { itemIds: [...item_ids].sort(), methodId })
    tx.effect(mailReturnInstructions, { orderId, userId: delivered.userId })
    return orderRecordOf(orderId, await tx.get(order, orderId))
  },
  undo: (tx, { input }) => tx.append(order, input.order_id, 'return-withdrawn', {}),
})
