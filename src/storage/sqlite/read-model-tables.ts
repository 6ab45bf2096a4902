/**
 * Read models as temporal tables: `rows_<no>` holds each row as it is now, `past_<no>` its earlier versions with the positions between
 * which they held. A row is visible from `since` on, and until before `until`.
 *
 * R1 A find of the present reads `rows_<no>` alone, by its index: history costs it nothing.
 * R2 A find at a position gives the rows, in the order, that the same find gave when that position was the head.
 */
import type { FindQuery, Row, RowChange, RowKey } from '../../model/decision.ts'
import { planFind, type FindPlan } from '../../model/find-index.ts'
import { canonicalJson, type Json, type JsonObject } from '../../model/json.ts'
import type { ReadModelManifest } from '../../model/manifest.ts'
import { problem } from '../../model/problems.ts'
import type { Database } from './database.ts'

/** Rows changed since the wanted position, up to which they are looked at one by one; beyond, the index over the past is used. */
const RECENT_CHANGES_MAX = 256

interface Definition {
  readonly of: string
  readonly indexes: readonly (readonly string[])[]
}
interface ModelTable extends Definition {
  readonly no: number
  /** Indexed columns; the place is the number of the table column. */
  readonly columns: readonly string[]
}
interface StoredRow {
  readonly id: string
  readonly key: string
  readonly row: string
}
type Value = string | number

export class ReadModelTables {
  readonly #database: Database
  readonly #tables = new Map<string, ModelTable>()
  constructor(database: Database) {
    this.#database = database
  }

  /** Makes the tables of new models; a model whose indexes have changed gets new tables with the old rows. */
  declare(models: Readonly<Record<string, ReadModelManifest>>): void {
    for (const [name, { of, indexes }] of Object.entries(models)) {
      const definition = canonicalJson({ of, indexes })
      const known = this.#database.one<{ no: number; definition: string }>(
        'SELECT no, definition FROM read_model WHERE name = ?',
        name,
      )
      if (known?.definition === definition) continue
      const old = known === undefined ? undefined : tableOf(known)
      if (old !== undefined) this.#database.run('DELETE FROM read_model WHERE name = ?', name)
      this.#database.run('INSERT INTO read_model(name, definition) VALUES (?, ?)', name, definition)
      const { no } = this.#database.one<{ no: number }>('SELECT no FROM read_model WHERE name = ?', name) as {
        no: number
      }
      const table = tableOf({ no, definition })
      this.#database.exec(tablesSql(table))
      if (old !== undefined && old.of === table.of) this.#copy(old, table)
      if (old !== undefined) this.#database.exec(`DROP TABLE rows_${old.no}; DROP TABLE past_${old.no}`)
    }
    this.refresh()
  }

  /** Forgets what it knows of the tables; for when another connection has declared others. */
  refresh(): void {
    this.#tables.clear()
    this.#database.forget()
  }

  change(change: RowChange, position: number): void {
    const table = this.#table(change.model)
    const { no } = table
    const old = this.#database.one<{ since: number; row: string }>(
      `SELECT since, row FROM rows_${no} WHERE id = ? AND key = ?`,
      change.id,
      change.key,
    )
    const row = change.row === null ? null : canonicalJson(change.row)
    if (row === (old?.row ?? null)) return
    if (old !== undefined && old.since < position) this.#bury(table, change, old, position)
    if (change.row === null || row === null)
      this.#database.run(`DELETE FROM rows_${no} WHERE id = ? AND key = ?`, change.id, change.key)
    else if (old === undefined) this.#put(table, change, position, row, change.row)
    else this.#replace(table, change, position, row, change.row, JSON.parse(old.row) as JsonObject)
  }

  /** Every version of one entity's rows anew, in one step. */
  replaceHistory(
    model: string,
    id: string,
    versions: readonly (RowChange & { readonly since: number; readonly until: number | null })[],
  ): void {
    const table = this.#table(model)
    this.#database.run(`DELETE FROM rows_${table.no} WHERE id = ?`, id)
    this.#database.run(`DELETE FROM past_${table.no} WHERE id = ?`, id)
    for (const { key, row, since, until } of versions) {
      if (row === null) continue
      const text = canonicalJson(row)
      if (until === null) this.#put(table, { id, key }, since, text, row)
      else this.#bury(table, { id, key }, { since, row: text }, until)
    }
  }

  find(query: FindQuery, at: number | undefined): Row[] {
    const table = this.#table(query.model)
    const plan = planFind(table, query)
    if (plan === null) throw problem('invalid-input', `no index of \`${query.model}\` answers this find`)
    const values = plan.equal.map((column) => sqlValue(query.where[column]))
    const after = query.after === null ? null : this.#behind(table, plan, values, query.after, at)
    const rows =
      at === undefined
        ? this.#present(table, plan, values, after, query.limit)
        : this.#asOf(table, plan, values, after, query.limit, at)
    return rows
      .map(({ id, key, row }) => ({ id, key, row: JSON.parse(row) as JsonObject }))
      .filter((row) => sameTypes(row, query.where))
  }

  #present(table: ModelTable, plan: FindPlan, values: Value[], after: Value[] | null, limit: number): StoredRow[] {
    return this.#database.all(
      `SELECT id, key, row FROM rows_${table.no} ${conditions(table, plan, after)} ${ordering(table, plan)} LIMIT ?`,
      ...values,
      ...(after ?? []),
      limit,
    )
  }

  #asOf(
    table: ModelTable,
    plan: FindPlan,
    values: Value[],
    after: Value[] | null,
    limit: number,
    at: number,
  ): StoredRow[] {
    const database = this.#database
    const rows: StoredRow[] = database.all(
      `SELECT id, key, row FROM rows_${table.no} ${conditions(table, plan, after, 'since <= ?')} ${ordering(table, plan)} LIMIT ?`,
      ...values,
      ...(after ?? []),
      at,
      limit,
    )
    const recent: StoredRow[] = database.all(
      `SELECT id, key, row, since FROM past_${table.no} WHERE until > ? ORDER BY until LIMIT ?`,
      at,
      RECENT_CHANGES_MAX + 1,
    )
    if (recent.length === 0) return rows
    const past =
      recent.length <= RECENT_CHANGES_MAX
        ? recent.filter(
            (row) => (row as StoredRow & { since: number }).since <= at && fits(table, plan, values, after, row),
          )
        : database.all<StoredRow>(
            `SELECT id, key, row FROM past_${table.no} ${conditions(table, plan, after, 'since <= ? AND until > ?')} ${ordering(table, plan)} LIMIT ?`,
            ...values,
            ...(after ?? []),
            at,
            at,
            limit,
          )
    if (past.length === 0) return rows
    return [...rows, ...past]
      .map((row) => ({ row, place: sortKey(plan, row) }))
      .sort((left, right) => compareKeys(left.place, right.place))
      .slice(0, limit)
      .map(({ row }) => row)
  }

  /** Where the page begins: the sort key of the last row of the page before. */
  #behind(table: ModelTable, plan: FindPlan, values: Value[], after: RowKey, at: number | undefined): Value[] {
    if (plan.order.length === 0) return [after.id, after.key]
    const present = this.#database.one<StoredRow & { since: number }>(
      `SELECT id, key, row, since FROM rows_${table.no} WHERE id = ? AND key = ?`,
      after.id,
      after.key,
    )
    const row =
      present !== undefined && (at === undefined || present.since <= at)
        ? present
        : this.#database.one<StoredRow>(
            `SELECT id, key, row FROM past_${table.no} ${conditions(table, plan, null, 'id = ? AND key = ? AND since <= ? AND until > ?')}`,
            ...values,
            after.id,
            after.key,
            at ?? -1,
            at ?? -1,
          )
    if (row === undefined) throw problem('invalid-cursor', 'the row that the page would begin behind is not there')
    return sortKey(plan, row)
  }

  #bury(table: ModelTable, { id, key }: RowKey, old: { since: number; row: string }, until: number): void {
    const row = JSON.parse(old.row) as JsonObject
    this.#database.run(
      `INSERT INTO past_${table.no} VALUES (?,?,?,?,?${',?'.repeat(table.columns.length)})`,
      id,
      key,
      old.since,
      until,
      old.row,
      ...table.columns.map((column) => sqlValue(row[column])),
    )
  }

  #put(table: ModelTable, { id, key }: RowKey, since: number, text: string, row: JsonObject): void {
    this.#database.run(
      `INSERT INTO rows_${table.no} VALUES (?,?,?,?${',?'.repeat(table.columns.length)})`,
      id,
      key,
      since,
      text,
      ...table.columns.map((column) => sqlValue(row[column])),
    )
  }

  /** Names the changed columns alone: an index over others is not touched. */
  #replace(
    table: ModelTable,
    { id, key }: RowKey,
    since: number,
    text: string,
    row: JsonObject,
    old: JsonObject,
  ): void {
    const changed = table.columns.filter((column) => row[column] !== old[column])
    const columns = changed.map((column) => `, c${table.columns.indexOf(column)} = ?`).join('')
    this.#database.run(
      `UPDATE rows_${table.no} SET since = ?, row = ?${columns} WHERE id = ? AND key = ?`,
      since,
      text,
      ...changed.map((column) => sqlValue(row[column])),
      id,
      key,
    )
  }

  /** Rows that lack a column which is indexed now are left out: rows are derived, and a new release rebuilds them (src/engine/activate.ts). */
  #copy(from: ModelTable, to: ModelTable): void {
    const fits = (row: JsonObject): boolean =>
      to.columns.every((column) => ['string', 'number', 'boolean'].includes(typeof row[column]))
    for (const old of this.#database.sql(`SELECT id, key, since, row FROM rows_${from.no}`).iterate() as Iterable<
      StoredRow & { since: number }
    >) {
      const row = JSON.parse(old.row) as JsonObject
      if (fits(row)) this.#put(to, old, old.since, old.row, row)
    }
    for (const old of this.#database
      .sql(`SELECT id, key, since, until, row FROM past_${from.no}`)
      .iterate() as Iterable<StoredRow & { since: number; until: number }>)
      if (fits(JSON.parse(old.row) as JsonObject)) this.#bury(to, old, old, old.until)
  }

  #table(name: string): ModelTable {
    let table = this.#tables.get(name)
    if (table === undefined) {
      const stored = this.#database.one<{ no: number; definition: string }>(
        'SELECT no, definition FROM read_model WHERE name = ?',
        name,
      )
      if (stored === undefined) throw problem('invalid-input', `there is no read model \`${name}\``)
      this.#tables.set(name, (table = tableOf(stored)))
    }
    return table
  }
}

function tableOf({ no, definition }: { readonly no: number; readonly definition: string }): ModelTable {
  const { of, indexes } = JSON.parse(definition) as Definition
  return { no, of, indexes, columns: [...new Set(indexes.flat())] }
}

function tablesSql({ no, indexes, columns }: ModelTable): string {
  const own = columns.map((_, place) => `, c${place}`).join('')
  const indexed = indexes.map((list) => list.map((column) => `c${columns.indexOf(column)}, `).join(''))
  return [
    `CREATE TABLE rows_${no}(id TEXT, key TEXT, since INTEGER, row TEXT${own}, PRIMARY KEY(id, key)) WITHOUT ROWID`,
    `CREATE TABLE past_${no}(id TEXT, key TEXT, since INTEGER, until INTEGER, row TEXT${own})`,
    `CREATE INDEX past_${no}_until ON past_${no}(until)`,
    ...indexed.map((list, place) => `CREATE INDEX rows_${no}_${place} ON rows_${no}(${list}id, key)`),
    ...indexed.map((list, place) => `CREATE INDEX past_${no}_${place} ON past_${no}(${list}id, key, since, until)`),
  ].join(';')
}

function conditions(table: ModelTable, plan: FindPlan, after: Value[] | null, more?: string): string {
  const terms = plan.equal.map((column) => `c${table.columns.indexOf(column)} = ?`)
  if (after !== null) terms.push(`(${sortColumns(table, plan)}) > (${after.map(() => '?').join(', ')})`)
  if (more !== undefined) terms.push(more)
  return terms.length === 0 ? '' : `WHERE ${terms.join(' AND ')}`
}
const ordering = (table: ModelTable, plan: FindPlan): string => `ORDER BY ${sortColumns(table, plan)}`
const sortColumns = (table: ModelTable, plan: FindPlan): string =>
  [...plan.order.map((column) => `c${table.columns.indexOf(column)}`), 'id', 'key'].join(', ')

/** Strings, numbers and booleans are what a manifest lets into an index. */
function sqlValue(value: Json | undefined): Value {
  if (typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  throw problem('invalid-input', 'an indexed column holds a string, a number or a boolean')
}

/** SQL knows no booleans: `true` would find the number 1. */
const sameTypes = ({ row }: Row, where: JsonObject): boolean =>
  Object.entries(where).every(([column, value]) => row[column] === value)

function sortKey(plan: FindPlan, stored: StoredRow): Value[] {
  const row = plan.order.length === 0 ? {} : (JSON.parse(stored.row) as JsonObject)
  return [...plan.order.map((column) => sqlValue(row[column])), stored.id, stored.key]
}

function fits(table: ModelTable, plan: FindPlan, values: Value[], after: Value[] | null, stored: StoredRow): boolean {
  const row = table.columns.length === 0 ? {} : (JSON.parse(stored.row) as JsonObject)
  return (
    plan.equal.every((column, place) => sqlValue(row[column]) === values[place]) &&
    (after === null || compareKeys(sortKey(plan, stored), after) > 0)
  )
}

/** SQLite's order: numbers before strings, strings by their UTF-8 bytes. */
function compareKeys(left: readonly Value[], right: readonly Value[]): number {
  for (const [place, value] of left.entries()) {
    const other = right[place] as Value
    if (value === other) continue
    if (typeof value === 'number') return typeof other === 'number' ? value - other : -1
    return typeof other === 'number' ? 1 : Buffer.compare(Buffer.from(value), Buffer.from(other))
  }
  return 0
}
