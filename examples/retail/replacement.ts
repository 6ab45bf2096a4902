/** Choosing new variants for lines of an order: the part that changing and exchanging have in common. */
import type { ReadTransaction } from 'plinth'
import { holdsItems } from './order.ts'
import type { Order, OrderLine } from './order.ts'
import { product, variantOf } from './product.ts'
import { because } from './refusals.ts'
import type { Reason } from './refusals.ts'

export interface Replacement {
  readonly changes: { itemId: string; by: OrderLine }[]
  /** Cents: what the new items cost more than was paid for the old ones; negative when they cost less. */
  readonly difference: number
}
type Obstacle = Reason<
  'item-not-in-order' | 'length-mismatch' | 'same-item' | 'item-not-of-product' | 'item-unavailable'
>

/** `newItemIds[i]` takes the place of `itemIds[i]`. `sameAllowed`: an item may be exchanged for another piece of itself. */
export async function replacementFor(
  tx: Pick<ReadTransaction<never, never, never>, 'lookup'>,
  order: Order,
  itemIds: readonly string[],
  newItemIds: readonly string[],
  { sameAllowed }: { readonly sameAllowed: boolean },
): Promise<Replacement | Obstacle> {
  if (!holdsItems(order, itemIds)) return because('item-not-in-order', { rule: 'change:items' })
  if (itemIds.length !== newItemIds.length) return because('length-mismatch', { rule: 'change:items' })
  const changes: Replacement['changes'] = []
  for (const [index, itemId] of itemIds.entries()) {
    const newItemId = newItemIds[index] ?? ''
    const line = order.lines.find((line) => line.itemId === itemId)
    if (line === undefined) return because('item-not-in-order', { rule: 'change:items', itemId })
    if (itemId === newItemId && !sameAllowed) return because('same-item', { rule: 'change:same-item', itemId })
    const offered = await tx.lookup(product, line.productId)
    const variant = offered && variantOf(offered, newItemId)
    if (variant === undefined) return because('item-not-of-product', { rule: 'change:other-product', newItemId })
    if (!variant.available) return because('item-unavailable', { rule: 'change:unavailable', newItemId })
    changes.push({ itemId, by: { ...line, itemId: newItemId, price: variant.price, options: variant.options } })
  }
  const paid = order.lines
  const difference = changes.reduce(
    (sum, { itemId, by }) => sum + by.price - (paid.find((line) => line.itemId === itemId)?.price ?? 0),
    0,
  )
  return { changes, difference }
}
