/** Changing lines of a pending order to other variants of the same products, once. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { charge, refund } from '../effects.ts'
import { paymentFacts } from '../facts.ts'
import { order, orderRecordOf } from '../order.ts'
import { covers, move, paymentFactsOf } from '../payments.ts'
import { orderRecord } from '../records.ts'
import { refusals } from '../refusals.ts'
import { replacementFor } from '../replacement.ts'
import { methodOf, user } from '../user.ts'

export const modifyPendingOrderItems = command('modify_pending_order_items', {
  describe:
    'Change items of a pending order to other variants of the same product, and settle the difference. Only once per order: ask for all changes first. The customer must have confirmed them.',
  input: z.strictObject({
    order_id: order.id().describe("order id; begins with '#', e.g. '#W0000000'"),
    item_ids: z.array(z.string()).describe('items to change'),
    new_item_ids: z.array(z.string()).describe('replacements, by position'),
    payment_method_id: z.string().describe("id of a payment method in the profile of the order's owner"),
  }),
  output: orderRecord,
  facts: paymentFacts,
  refusals: {
    'not-the-customers': refusals['not-the-customers'],
    'order-not-pending': refusals['order-not-pending'],
    'item-not-in-order': refusals['item-not-in-order'],
    'length-mismatch': refusals['length-mismatch'],
    'same-item': refusals['same-item'],
    'item-not-of-product': refusals['item-not-of-product'],
    'item-unavailable': refusals['item-unavailable'],
    'payment-method-not-found': refusals['payment-method-not-found'],
    'insufficient-funds': refusals['insufficient-funds'],
  },
  appends: [order, user],
  effects: [charge, refund],
  async decide(tx, { order_id: orderId, item_ids, new_item_ids, payment_method_id: methodId }) {
    const changed = await tx.get(order, orderId)
    const owner = await tx.get(user, changed.userId)
    tx.facts(paymentFactsOf(changed, owner, methodId))
    if (changed.status !== 'pending')
      return tx.refuse(
        ...discreetly(tx, changed.userId, 'order-not-pending', { rule: 'change:not-pending', status: changed.status }),
      )
    const replacement = await replacementFor(tx, changed, item_ids, new_item_ids, { sameAllowed: false })
    if ('code' in replacement) return tx.refuse(...discreetly(tx, changed.userId, replacement.code, replacement.detail))
    const method = methodOf(owner, methodId)
    if (method === undefined)
      return tx.refuse(...discreetly(tx, changed.userId, 'payment-method-not-found', { rule: 'change:payment-method' }))
    const { changes, difference } = replacement
    if (!covers(method, difference))
      return tx.refuse(...discreetly(tx, changed.userId, 'insufficient-funds', { rule: 'change:gift-card-balance' }))

    tx.append(order, orderId, 'items-modified', {
      changes,
      payment: { type: difference > 0 ? 'payment' : 'refund', amount: Math.abs(difference), methodId },
    })
    move(tx, owner, { orderId, userId: changed.userId, methodId, amount: difference })
    return orderRecordOf(orderId, await tx.get(order, orderId))
  },
})
