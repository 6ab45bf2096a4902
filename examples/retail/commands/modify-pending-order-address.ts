/** Sending a pending order somewhere else. */
import { command } from 'plinth'
import { z } from 'zod'
import { discreetly } from '../../shared/served.ts'
import { address, addressOf } from '../address.ts'
import { orderFacts } from '../facts.ts'
import { order, orderRecordOf } from '../order.ts'
import { orderRecord } from '../records.ts'
import { refusals } from '../refusals.ts'

export const modifyPendingOrderAddress = command('modify_pending_order_address', {
  describe: 'Change the delivery address of a pending order. The customer must have confirmed the new address.',
  input: z.strictObject({
    order_id: order.id().describe("order id; begins with '#', e.g. '#W0000000'"),
    ...address.shape,
  }),
  output: orderRecord,
  facts: orderFacts,
  refusals: { 'not-the-customers': refusals['not-the-customers'], 'order-not-pending': refusals['order-not-pending'] },
  async decide(tx, { order_id: orderId, ...input }) {
    const moved = await tx.get(order, orderId)
    tx.facts({ owner: moved.userId, status: moved.status })
    if (!moved.status.includes('pending'))
      return tx.refuse(
        ...discreetly(tx, moved.userId, 'order-not-pending', { rule: 'address:not-pending', status: moved.status }),
      )
    tx.append(order, orderId, 'address-changed', addressOf(input))
    return orderRecordOf(orderId, await tx.get(order, orderId))
  },
})
