/** Whole records: of a customer and their orders, for them alone; of products, for anybody. */
import { query } from 'plinth'
import { z } from 'zod'
import { ownerFacts } from '../facts.ts'
import { order, orderRecordOf } from '../order.ts'
import { product, productRecordOf, variantOf, variantRecordOf } from '../product.ts'
import { productOfItem } from '../read-models.ts'
import { orderRecord, productRecord, userRecord, variantRecord } from '../records.ts'
import { user, userRecordOf } from '../user.ts'

export const getUserDetails = query('get_user_details', {
  describe: 'Read the profile of the customer who is being served: address, payment methods, orders.',
  input: z.strictObject({ user_id: user.id() }),
  output: userRecord,
  facts: ownerFacts,
  async read(tx, { user_id: userId }) {
    const found = await tx.get(user, userId)
    tx.facts({ owner: userId })
    return userRecordOf(userId, found)
  },
})

export const getOrderDetails = query('get_order_details', {
  describe: 'Read an order of the customer who is being served.',
  input: z.strictObject({ order_id: order.id().describe("order id; begins with '#', e.g. '#W0000000'") }),
  output: orderRecord,
  facts: ownerFacts,
  async read(tx, { order_id: orderId }) {
    const found = await tx.get(order, orderId)
    tx.facts({ owner: found.userId })
    return orderRecordOf(orderId, found)
  },
})

export const getProductDetails = query('get_product_details', {
  describe: 'Read a product with its variants. A product id is not an item id.',
  input: z.strictObject({ product_id: product.id() }),
  output: productRecord,
  read: async (tx, { product_id: productId }) => productRecordOf(productId, await tx.get(product, productId)),
})

export const getItemDetails = query('get_item_details', {
  describe: 'Read one variant of a product by its item id.',
  input: z.strictObject({ item_id: z.string() }),
  output: variantRecord,
  async read(tx, { item_id: itemId }) {
    const [found] = await tx.find(productOfItem, { where: { itemId }, order: ['ordinal'], limit: 1 })
    const variant = found && variantOf(await tx.get(product, found.id), itemId)
    return variant === undefined ? tx.refuse('not-found', { itemId }) : variantRecordOf(itemId, variant)
  },
})
