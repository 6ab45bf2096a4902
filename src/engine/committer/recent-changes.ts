/**
 * Row changes of the last commits, to tell without a query that a find still holds. A change can touch an answer only if its row was in
 * the answer, or if the changed row fits the find; everything else may be passed over.
 */
import type { FindEntry, RowChange } from '../../model/decision.ts'
import type { Position } from '../../model/ids.ts'

const CHANGES_MAX = 4_096 // a find that is older than this many row changes is asked again instead

interface Change {
  readonly position: Position
  readonly change: RowChange
}

export class RecentChanges {
  readonly #changes: Change[] = []
  /** Every change after this position is kept. */
  #completeAfter: Position
  constructor(head: Position) {
    this.#completeAfter = head
  }
  add(position: Position, change: RowChange): void {
    this.#changes.push({ position, change })
    if (this.#changes.length < 2 * CHANGES_MAX) return
    const dropped = this.#changes.splice(0, CHANGES_MAX)
    this.#completeAfter = (dropped.at(-1) as Change).position
  }
  /**
   * @returns position of the last change that may have touched the answer since it was read, null when there is none,
   * and `unknown` when the reading is too old to say
   */
  touched(find: FindEntry, readPosition: Position): Position | 'unknown' | null {
    if (readPosition < this.#completeAfter) return 'unknown'
    for (let place = this.#changes.length - 1; place >= 0; place--) {
      const entry = this.#changes[place] as Change
      if (entry.position <= readPosition) return null
      if (mayTouch(find, entry.change)) return entry.position
    }
    return null
  }
}

function mayTouch({ query, rows }: FindEntry, change: RowChange): boolean {
  if (change.model !== query.model) return false
  const { row } = change
  if (row !== null && Object.entries(query.where).every(([column, value]) => row[column] === value)) return true
  return rows.some(({ id, key }) => id === change.id && key === change.key)
}
