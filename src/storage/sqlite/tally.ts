/**
 * How many rows each sealed table has, and a sum over their seals: what a seal on its own cannot show, that a row is gone, or that an earlier one was
 * brought back. Kept by the writer, stored in the transaction of the rows it counts, sealed together with the log's head; compared by an audit.
 */
import type { LogHead } from '../storage.ts'
import type { Database } from './database.ts'
import { sealHead } from './rows.ts'
import type { Seal, Sealer } from './seal.ts'

export interface Tally {
  readonly rows: number
  readonly sum: bigint
}
export const TALLY_SCHEMA = `
CREATE TABLE IF NOT EXISTS tally(id INTEGER PRIMARY KEY CHECK(id = 1), content TEXT NOT NULL, seal TEXT NOT NULL);`

const MODULUS = 2n ** 256n
const NOTHING: Tally = { rows: 0, sum: 0n }
export const valueOf = (seal: Seal): bigint => BigInt(`0x${seal}`)

export class Tallies {
  readonly #database: Database
  readonly #sealer: Sealer
  #tallies: Map<string, Tally>
  #changed = false

  constructor(database: Database, sealer: Sealer) {
    this.#database = database
    this.#sealer = sealer
    this.#tallies = this.#stored()
  }
  add(table: string, seal: Seal): void {
    this.#change(table, 1, valueOf(seal))
  }
  remove(table: string, seal: Seal): void {
    this.#change(table, -1, MODULUS - valueOf(seal))
  }
  /** For a table that is new: from now on its rows are counted. One that is older than counting is not. */
  begin(table: string): void {
    this.#tallies.set(table, NOTHING)
    this.#changed = true
  }
  /** Rows alone, of a table whose seals change too often to be summed. */
  count(table: string, rows: number): void {
    const before = this.#tallies.get(table)
    if (before === undefined) return
    this.#tallies.set(table, { rows: before.rows + rows, sum: before.sum })
    this.#changed = true
  }
  drop(table: string): void {
    this.#tallies.delete(table)
    this.#changed = true
  }
  get(table: string): Tally {
    return this.#tallies.get(table) ?? NOTHING
  }
  /** Within the transaction of the rows. */
  store(head: LogHead & { readonly effects: number }, always: boolean): void {
    if (!this.#changed && !always) return
    const content = JSON.stringify([...this.#tallies].map(([table, { rows, sum }]) => [table, rows, sum.toString(16)]))
    this.#database.run('INSERT OR REPLACE INTO tally VALUES (1, ?, ?)', content, sealHead(this.#sealer, head, content))
    this.#changed = false
  }
  /** A transaction failed: what is stored counts. */
  forget(): void {
    this.#tallies = this.#stored()
    this.#changed = false
  }

  #change(table: string, rows: number, sum: bigint): void {
    const before = this.get(table)
    this.#tallies.set(table, { rows: before.rows + rows, sum: (before.sum + sum) % MODULUS })
    this.#changed = true
  }
  #stored(): Map<string, Tally> {
    return readTallies(this.#database) ?? new Map<string, Tally>()
  }
}

/** Null when they cannot be read. */
export function readTallies(database: Database): Map<string, Tally> | null {
  const row = database.one<{ content: string }>('SELECT content FROM tally')
  if (row === undefined) return new Map()
  try {
    const content = JSON.parse(row.content) as readonly (readonly [string, number, string])[]
    return new Map(content.map(([table, rows, sum]) => [table, { rows, sum: BigInt(`0x${sum}`) }]))
  } catch {
    return null
  }
}
