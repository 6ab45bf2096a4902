/** The shop's catalogue: which products there are. */
import { query } from 'plinth'
import { z } from 'zod'
import { catalogue } from '../read-models.ts'

/** A shop has dozens of products; one find answers with at most this many. */
const PRODUCTS_MAX = 1_000

export const listAllProductTypes = query('list_all_product_types', {
  describe: 'List all products: an object from product name to product id.',
  input: z.strictObject({}),
  output: z.record(z.string(), z.string()),
  async read(tx) {
    const found = await tx.find(catalogue, { where: {}, order: ['name', 'ordinal'], limit: PRODUCTS_MAX })
    return Object.fromEntries(found.map(({ id, row }) => [row.name, id]))
  },
})
