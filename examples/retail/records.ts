/** The shop's records as the outside world writes them: snake_case, money in dollars. Importers read them, tools answer with them. */
import { z } from 'zod'
import { address } from './address.ts'

const options = z.record(z.string(), z.string())
const dollars = z.number().min(-1e9).max(1e9).describe('dollars')

export const userRecord = z.object({
  user_id: z.string(),
  name: z.object({ first_name: z.string(), last_name: z.string() }),
  address: address,
  email: z.string(),
  payment_methods: z.record(
    z.string(),
    z.discriminatedUnion('source', [
      z.object({ source: z.literal('gift_card'), id: z.string(), balance: dollars }),
      z.object({ source: z.literal('credit_card'), id: z.string(), brand: z.string(), last_four: z.string() }),
      z.object({ source: z.literal('paypal'), id: z.string() }),
    ]),
  ),
  orders: z.array(z.string()),
})

export const variantRecord = z.object({
  item_id: z.string(),
  options,
  available: z.boolean(),
  price: dollars,
})

export const productRecord = z.object({
  name: z.string(),
  product_id: z.string(),
  variants: z.record(z.string(), variantRecord),
})

export const orderStatus = z.enum([
  'pending',
  'pending (item modified)',
  'processed',
  'delivered',
  'cancelled',
  'return requested',
  'exchange requested',
])

export const orderRecord = z.object({
  order_id: z.string(),
  user_id: z.string(),
  address: address,
  items: z.array(z.object({ name: z.string(), product_id: z.string(), item_id: z.string(), price: dollars, options })),
  status: orderStatus,
  fulfillments: z.array(z.object({ tracking_id: z.array(z.string()), item_ids: z.array(z.string()) })),
  payment_history: z.array(
    z.object({
      transaction_type: z.enum(['payment', 'refund']),
      amount: dollars,
      payment_method_id: z.string(),
    }),
  ),
  cancel_reason: z.string().optional(),
  return_items: z.array(z.string()).optional(),
  return_payment_method_id: z.string().optional(),
  exchange_items: z.array(z.string()).optional(),
  exchange_new_items: z.array(z.string()).optional(),
  exchange_payment_method_id: z.string().optional(),
  exchange_price_difference: dollars.optional(),
})

export type UserRecord = z.infer<typeof userRecord>
export type VariantRecord = z.infer<typeof variantRecord>
export type ProductRecord = z.infer<typeof productRecord>
export type OrderRecord = z.infer<typeof orderRecord>
