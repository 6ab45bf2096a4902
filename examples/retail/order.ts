/** An order, from pending to delivered, and what can happen to it on the way: cancelled, changed, returned, exchanged. */
import { entity, importer, money } from 'plinth'
import type { StateOf } from 'plinth'
import { z } from 'zod'
import { centsOf, dollarsOf } from '../shared/dollars.ts'
import { address, ERASED_ADDRESS } from './address.ts'
import { orderRecord, orderStatus } from './records.ts'
import type { OrderRecord } from './records.ts'
import { user } from './user.ts'

const line = z.object({
  name: z.string(),
  productId: z.string(),
  itemId: z.string(),
  price: money(),
  options: z.record(z.string(), z.string()),
})
/** Money that moved for the order: `amount` is never negative. */
const payment = z.object({ type: z.enum(['payment', 'refund']), amount: money(), methodId: z.string() })
const returning = z.object({ itemIds: z.array(z.string()), methodId: z.string() })
const exchange = z.object({
  itemIds: z.array(z.string()),
  newItemIds: z.array(z.string()),
  methodId: z.string(),
  /** What the customer owes when the goods change hands; negative: is owed. */
  difference: money(),
})

const state = z.object({
  ordinal: z.int(),
  userId: user.id(),
  address,
  lines: z.array(line),
  status: orderStatus,
  fulfillments: z.array(z.object({ trackingIds: z.array(z.string()), itemIds: z.array(z.string()) })),
  payments: z.array(payment),
  cancelReason: z.string().nullable(),
  returning: returning.nullable(),
  exchange: exchange.nullable(),
})

export const order = entity('order', {
  describe: 'an order of one customer',
  state,
  events: {
    imported: state,
    cancelled: z.object({ reason: z.string(), refunds: z.array(payment) }),
    'address-changed': address,
    'items-modified': z.object({
      /** Line by line: what takes the place of each changed one. */
      changes: z.array(z.object({ itemId: z.string(), by: line })),
      payment,
    }),
    'payment-moved': z.object({ payment, refund: payment }),
    'return-requested': returning,
    'exchange-requested': exchange,
    /** The cancellation was taken back, and its refunds with it. */
    reinstated: z.object({ refunds: z.int() }),
    'payment-moved-back': z.object({}),
    'return-withdrawn': z.object({}),
    'exchange-withdrawn': z.object({}),
  },
  opens: ['imported'],
  evolve: {
    imported: (_none, imported) => imported,
    cancelled: (order, { reason, refunds }) => ({
      ...order,
      status: 'cancelled',
      cancelReason: reason,
      payments: [...order.payments, ...refunds],
    }),
    'address-changed': (order, changed) => ({ ...order, address: changed }),
    'items-modified': (order, { changes, payment }) => ({
      ...order,
      status: 'pending (item modified)',
      lines: replaceLines(order.lines, changes),
      payments: [...order.payments, payment],
    }),
    'payment-moved': (order, { payment, refund }) => ({ ...order, payments: [...order.payments, payment, refund] }),
    'return-requested': (order, returning) => ({ ...order, status: 'return requested', returning }),
    'exchange-requested': (order, exchange) => ({ ...order, status: 'exchange requested', exchange }),
    reinstated: (order, { refunds }) => ({
      ...order,
      status: 'pending',
      cancelReason: null,
      payments: order.payments.slice(0, order.payments.length - refunds),
    }),
    'payment-moved-back': (order) => ({ ...order, payments: order.payments.slice(0, -2) }),
    'return-withdrawn': (order) => ({ ...order, status: 'delivered', returning: null }),
    'exchange-withdrawn': (order) => ({ ...order, status: 'delivered', exchange: null }),
  },
  personal: {
    subject: 'userId',
    events: { imported: { address: ERASED_ADDRESS }, 'address-changed': ERASED_ADDRESS },
  },
})
export type Order = StateOf<typeof order>
export type OrderLine = z.infer<typeof line>
export type Payment = z.infer<typeof payment>

/** Each change takes the first line that still has its item id. */
function replaceLines(lines: readonly OrderLine[], changes: readonly { itemId: string; by: OrderLine }[]) {
  const replaced = [...lines]
  for (const { itemId, by } of changes) {
    const index = replaced.findIndex((line) => line.itemId === itemId)
    if (index >= 0) replaced[index] = by
  }
  return replaced
}

/** Is each item id among the lines at least as often as it is asked for? */
export function holdsItems(order: Order, itemIds: readonly string[]): boolean {
  const count = (all: readonly string[], itemId: string) => all.filter((id) => id === itemId).length
  const held = order.lines.map((line) => line.itemId)
  return itemIds.every((itemId) => count(itemIds, itemId) <= count(held, itemId))
}

export const orders = importer('orders', {
  describe: 'orders, in whatever state they are',
  of: order,
  event: 'imported',
  record: z.object({ id: z.string(), value: orderRecord }),
  map: ({ id, value: record }, ordinal) => ({
    id,
    data: {
      ordinal,
      userId: record.user_id,
      address: record.address,
      lines: record.items.map(({ name, product_id, item_id, price, options }) => ({
        name,
        productId: product_id,
        itemId: item_id,
        price: centsOf(price),
        options,
      })),
      status: record.status,
      fulfillments: record.fulfillments.map(({ tracking_id, item_ids }) => ({
        trackingIds: tracking_id,
        itemIds: item_ids,
      })),
      payments: record.payment_history.map(({ transaction_type, amount, payment_method_id }) => ({
        type: transaction_type,
        amount: centsOf(amount),
        methodId: payment_method_id,
      })),
      cancelReason: record.cancel_reason ?? null,
      returning:
        record.return_items === undefined
          ? null
          : { itemIds: record.return_items, methodId: record.return_payment_method_id ?? '' },
      exchange:
        record.exchange_items === undefined
          ? null
          : {
              itemIds: record.exchange_items,
              newItemIds: record.exchange_new_items ?? [],
              methodId: record.exchange_payment_method_id ?? '',
              difference: centsOf(record.exchange_price_difference ?? 0),
            },
    },
  }),
})

/** The order as the outside writes it. */
export const orderRecordOf = (id: string, order: Order): OrderRecord => ({
  order_id: id,
  user_id: order.userId,
  address: order.address,
  items: order.lines.map(({ name, productId, itemId, price, options }) => ({
    name,
    product_id: productId,
    item_id: itemId,
    price: dollarsOf(price),
    options,
  })),
  status: order.status,
  fulfillments: order.fulfillments.map(({ trackingIds, itemIds }) => ({
    tracking_id: trackingIds,
    item_ids: itemIds,
  })),
  payment_history: order.payments.map(({ type, amount, methodId }) => ({
    transaction_type: type,
    amount: dollarsOf(amount),
    payment_method_id: methodId,
  })),
  ...(order.cancelReason !== null && { cancel_reason: order.cancelReason }),
  ...(order.returning !== null && {
    return_items: order.returning.itemIds,
    return_payment_method_id: order.returning.methodId,
  }),
  ...(order.exchange !== null && {
    exchange_items: order.exchange.itemIds,
    exchange_new_items: order.exchange.newItemIds,
    exchange_payment_method_id: order.exchange.methodId,
    exchange_price_difference: dollarsOf(order.exchange.difference),
  }),
})
