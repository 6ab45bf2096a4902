/** Asking for other variants of what was delivered. The goods travel first; no money moves until they have. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { mailReturnInstructions } from '../effects.ts'
import { paymentFacts } from '../facts.ts'
import { order, orderRecordOf } from '../order.ts'
import { covers, paymentFactsOf } from '../payments.ts'
import { orderRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { replacementFor } from '../replacement.ts'
import { methodOf, user } from '../user.ts'

export const exchangeDeliveredOrderItems = command('exchange_delivered_order_items', {
  describe:
    'Exchange items of a delivered order for other variants of the same product. Only once per order: ask for all items first. The customer must have confirmed them.',
  input: z.strictObject({
    order_id: order.id().describe("order id; begins with '#', e.g. '#W0000000'"),
    item_ids: z.array(z.string()).describe('items to give back; duplicates allowed'),
    new_item_ids: z.array(z.string()).describe('same length; new_item_ids[i] replaces item_ids[i]'),
    payment_method_id: z.string().describe("id of a payment method in the profile of the order's owner"),
  }),
  output: orderRecord,
  facts: paymentFacts,
  refusals: {
    'not-the-customers': refusals['not-the-customers'],
    'order-not-delivered': refusals['order-not-delivered'],
    'item-not-in-order': refusals['item-not-in-order'],
    'length-mismatch': refusals['length-mismatch'],
    'same-item': refusals['same-item'],
    'item-not-of-product': refusals['item-not-of-product'],
    'item-unavailable': refusals['item-unavailable'],
    'payment-method-not-found': refusals['payment-method-not-found'],
    'insufficient-funds': refusals['insufficient-funds'],
  },
  effects: [mailReturnInstructions],
  async decide(tx, { order_id: orderId, item_ids, new_item_ids, payment_method_id: methodId }) {
    const delivered = await tx.get(order, orderId)
    const owner = await tx.get(user, delivered.userId)
    tx.facts(paymentFactsOf(delivered, owner, methodId))
    if (delivered.status !== 'delivered')
      return tx.refuse(
        ...discreetly(tx, delivered.userId, 'order-not-delivered', {
          rule: 'change:not-delivered',
          status: delivered.status,
        }),
      )
    const replacement = await replacementFor(tx, delivered, item_ids, new_item_ids, { sameAllowed: true })
    if ('code' in replacement)
      return tx.refuse(...discreetly(tx, delivered.userId, replacement.code, replacement.detail))
    const method = methodOf(owner, methodId)
    if (method === undefined)
      return tx.refuse(
        ...discreetly(tx, delivered.userId, 'payment-method-not-found', { rule: 'change:payment-method' }),
      )
    const { difference } = replacement
    if (!covers(method, difference))
      return tx.refuse(...discreetly(tx, delivered.userId, 'insufficient-funds', { rule: 'change:gift-card-balance' }))

    tx.append(order, orderId, 'exchange-requested', {
      itemIds: [...item_ids].sort(),
      newItemIds: [...new_item_ids].sort(),
      methodId,
      difference,
    })
    tx.effect(mailReturnInstructions, { orderId, userId: delivered.userId })
    return orderRecordOf(orderId, await tx.get(order, orderId))
  },
  undo: (tx, { input }) => tx.append(order, input.order_id, 'exchange-withdrawn', {}),
})
