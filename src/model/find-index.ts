/** Which declared index answers a find, and in which order its rows come back. One rule for engine, storage and read models. */
import type { FindQuery } from './decision.ts'
import type { ReadModelManifest } from './manifest.ts'

export interface FindPlan {
  /** Place of the index in the manifest; -1: the rows' own key order, which needs no index. */
  readonly index: number
  /** Equality columns, in index order. */
  readonly equal: readonly string[]
  /** Columns that order the answer before entity id and key. */
  readonly order: readonly string[]
}

/**
 * The first declared index that begins with the equality columns, in any order, followed by the query's order columns. Its remaining columns
 * order the answer. A find that names no column at all comes back by entity id and key.
 * @returns null when no index fits: such a find would have to look at every row
 */
export function planFind(
  model: Pick<ReadModelManifest, 'indexes'>,
  query: Pick<FindQuery, 'where' | 'order'>,
): FindPlan | null {
  const equal = Object.keys(query.where)
  if (equal.length === 0 && query.order.length === 0) return { index: -1, equal: [], order: [] }
  for (const [index, columns] of model.indexes.entries()) {
    const prefix = columns.slice(0, equal.length)
    const next = columns.slice(equal.length, equal.length + query.order.length)
    if (
      prefix.length === equal.length &&
      next.length === query.order.length &&
      prefix.every((column) => equal.includes(column)) &&
      next.every((column, place) => column === query.order[place])
    )
      return { index, equal: prefix, order: columns.slice(equal.length) }
  }
  return null
}
