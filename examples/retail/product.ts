/** A product and its variants. A customer buys a variant, which has an item id of its own. */
import { entity, importer, money } from 'plinth'
import type { StateOf } from 'plinth'
import { z } from 'zod'
import { centsOf, dollarsOf } from '../shared/dollars.ts'
import { productRecord } from './records.ts'
import type { ProductRecord, VariantRecord } from './records.ts'

const variant = z.object({
  options: z.record(z.string(), z.string()),
  available: z.boolean(),
  price: money(),
})
export type Variant = z.infer<typeof variant>

const state = z.object({
  ordinal: z.int(),
  name: z.string(),
  /** By item id. */
  variants: z.record(z.string(), variant),
})

export const product = entity('product', {
  describe: 'a product of the shop, with the variants it comes in',
  state,
  events: { imported: state },
  opens: ['imported'],
  evolve: { imported: (_none, imported) => imported },
})
export type Product = StateOf<typeof product>

export const variantOf = (product: Product, itemId: string): Variant | undefined =>
  Object.hasOwn(product.variants, itemId) ? product.variants[itemId] : undefined

export const products = importer('products', {
  describe: 'products, with their variants',
  of: product,
  event: 'imported',
  record: z.object({ id: z.string(), value: productRecord }),
  map: ({ id, value: record }, ordinal) => ({
    id,
    data: {
      ordinal,
      name: record.name,
      variants: Object.fromEntries(
        Object.entries(record.variants).map(([itemId, { options, available, price }]) => [
          itemId,
          { options, available, price: centsOf(price) },
        ]),
      ),
    },
  }),
})

export const variantRecordOf = (itemId: string, { options, available, price }: Variant): VariantRecord => ({
  item_id: itemId,
  options,
  available,
  price: dollarsOf(price),
})

/** The product as the outside writes it. */
export const productRecordOf = (id: string, product: Product): ProductRecord => ({
  name: product.name,
  product_id: id,
  variants: Object.fromEntries(
    Object.entries(product.variants).map(([itemId, variant]) => [itemId, variantRecordOf(itemId, variant)]),
  ),
})
