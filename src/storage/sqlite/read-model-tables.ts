/**
 * Read models as temporal tables: `rows_<no>` holds each row as it is now, `past_<no>` its earlier versions with the positions between
 * which they held. A row is visible from `since` on, and until before `until`.
 *
 * R1 A find of the present reads `rows_<no>` alone, by its index: history costs it nothing.
 * R2 A find at a position gives the rows, in the order, that the same find gave when that position was the head.
 * R3 A row is used only with its seal. That one is gone, or an earlier one is back, shows when the rows are rebuilt, and afterwards too: rows are counted,
 *    and an earlier one that was brought back and then changed leaves two that held at once.
 */
import type { FindQuery, Row, RowChange, RowKey } from '../../model/decision.ts'
import { planFind, type FindPlan } from '../../model/find-index.ts'
import { canonicalJson, type Json, type JsonObject } from '../../model/json.ts'
import type { ReadModelManifest } from '../../model/manifest.ts'
import { problem } from '../../model/problems.ts'
import type { Database } from './database.ts'
import { sealModel, sealRow } from './rows.ts'
import type { Sealer } from './seal.ts'
import type { Tallies } from './tally.ts'

/** Rows changed since the wanted position, up to which they are looked at one by one; beyond, the index over the past is used. */
const RECENT_CHANGES_MAX = 256

interface Definition {
  readonly of: string
  readonly indexes: readonly (readonly string[])[]
}
export interface ModelTable extends Definition {
  readonly no: number
  /** Indexed columns; the place is the number of the table column. */
  readonly columns: readonly string[]
}
interface StoredRow {
  readonly id: string
  readonly key: string
  readonly row: string
  readonly since: number
  /** Null in `rows_<no>`. */
  readonly until: number | null
  readonly seal: string
}
type Value = string | number

export class ReadModelTables {
  readonly #database: Database
  readonly #sealer: Sealer
  readonly #tallies: Tallies | null
  readonly #lenient: boolean
  readonly #tables = new Map<string, ModelTable>()
  /** @param tallies of the writer; null for who only reads. @param lenient gives rows without a right seal too: for an audit */
  constructor(database: Database, sealer: Sealer, tallies: Tallies | null = null, lenient = false) {
    this.#database = database
    this.#sealer = sealer
    this.#tallies = tallies
    this.#lenient = lenient
  }

  /** Makes the tables of new models; a model whose indexes have changed gets new tables with the old rows. */
  declare(models: Readonly<Record<string, ReadModelManifest>>): void {
    for (const [name, { of, indexes }] of Object.entries(models)) {
      const definition = canonicalJson({ of, indexes })
      const known = this.#declared(name)
      if (known?.definition === definition) continue
      const old = known === undefined ? undefined : tableOf(known)
      if (known !== undefined) {
        this.#database.run('DELETE FROM read_model WHERE name = ?', name)
        this.#tallies?.remove('read_model', known.seal)
      }
      this.#database.run("INSERT INTO read_model(name, definition, seal) VALUES (?, ?, '')", name, definition)
      const { no } = this.#database.one<{ no: number }>('SELECT no FROM read_model WHERE name = ?', name) as {
        no: number
      }
      const seal = sealModel(this.#sealer, no, name, definition)
      this.#database.run('UPDATE read_model SET seal = ? WHERE no = ?', seal, no)
      this.#tallies?.add('read_model', seal)
      const table = tableOf({ no, definition })
      this.#database.exec(tablesSql(table))
      this.#tallies?.begin(`rows_${no}`)
      if (old !== undefined && old.of === table.of) this.#copy(old, table)
      if (old === undefined) continue
      this.#database.exec(`DROP TABLE rows_${old.no}; DROP TABLE past_${old.no}`)
      for (const kind of ['rows', 'past']) this.#tallies?.drop(`${kind}_${old.no}`)
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
    const old = this.#database.one<{ since: number; row: string; seal: string }>(
      `SELECT since, row, seal FROM rows_${no} WHERE id = ? AND key = ?`,
      change.id,
      change.key,
    )
    const row = change.row === null ? null : canonicalJson(change.row)
    if (row === (old?.row ?? null)) return
    if (old !== undefined) {
      if (old.seal !== sealRow(this.#sealer, no, change.id, change.key, old.since, null, old.row))
        throw damagedRow(change.model, change)
      if (old.since < position) this.#bury(table, change, old, position)
    }
    if (change.row === null || row === null) {
      this.#database.run(`DELETE FROM rows_${no} WHERE id = ? AND key = ?`, change.id, change.key)
      this.#tallies?.count(`rows_${no}`, -1)
    } else if (old === undefined) this.#put(table, change, position, row, change.row)
    else this.#replace(table, change, position, row, change.row, JSON.parse(old.row) as JsonObject)
  }

  /** Every version of one entity's rows anew, in one step. */
  replaceHistory(
    model: string,
    id: string,
    versions: readonly (RowChange & { readonly since: number; readonly until: number | null })[],
  ): void {
    const table = this.#table(model)
    const gone = this.#database.all(`DELETE FROM rows_${table.no} WHERE id = ? RETURNING id`, id).length
    this.#tallies?.count(`rows_${table.no}`, -gone)
    const past = `past_${table.no}`
    for (const { seal } of this.#database.all<{ seal: string }>(`DELETE FROM ${past} WHERE id = ? RETURNING seal`, id))
      this.#tallies?.remove(past, seal)
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
    const after = query.after === null ? null : this.#behind(table, query.model, plan, values, query.after, at)
    const rows =
      at === undefined
        ? this.#present(table, plan, values, after, query.limit)
        : this.#asOf(table, plan, values, after, query.limit, at)
    if (!this.#lenient) for (const row of rows) this.#check(table, query.model, row)
    return rows
      .map(({ id, key, row }) => ({ id, key, row: parsedRow(row) }))
      .filter((row) => this.#fitsAgain(row, plan, values, query))
  }

  #check({ no }: ModelTable, model: string, { id, key, since, until, row, seal }: StoredRow): void {
    if (seal !== sealRow(this.#sealer, no, id, key, since, until, row)) throw damagedRow(model, { id, key })
  }

  /** SQL knows no booleans: `true` would find the number 1. A column that holds something else than its row was edited. */
  #fitsAgain(found: Row, plan: FindPlan, values: readonly Value[], { model, where }: FindQuery): boolean {
    if (sameTypes(found, where)) return true
    if (this.#lenient) return false
    if (plan.equal.some((column, place) => sqlValue(found.row[column]) !== values[place]))
      throw damagedRow(model, found)
    return false
  }

  #present(table: ModelTable, plan: FindPlan, values: Value[], after: Value[] | null, limit: number): StoredRow[] {
    return this.#database.all(
      `SELECT id, key, row, since, NULL AS until, seal FROM rows_${table.no} ${conditions(table, plan, after)} ${ordering(table, plan)} LIMIT ?`,
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
      `SELECT id, key, row, since, NULL AS until, seal FROM rows_${table.no} ${conditions(table, plan, after, 'since <= ?')} ${ordering(table, plan)} LIMIT ?`,
      ...values,
      ...(after ?? []),
      at,
      limit,
    )
    const recent: StoredRow[] = database.all(
      `SELECT id, key, row, since, until, seal FROM past_${table.no} WHERE until > ? ORDER BY until LIMIT ?`,
      at,
      RECENT_CHANGES_MAX + 1,
    )
    if (recent.length === 0) return rows
    const past =
      recent.length <= RECENT_CHANGES_MAX
        ? recent.filter((row) => row.since <= at && fits(table, plan, values, after, row))
        : database.all<StoredRow>(
            `SELECT id, key, row, since, until, seal FROM past_${table.no} ${conditions(table, plan, after, 'since <= ? AND until > ?')} ${ordering(table, plan)} LIMIT ?`,
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
  #behind(
    table: ModelTable,
    model: string,
    plan: FindPlan,
    values: Value[],
    after: RowKey,
    at: number | undefined,
  ): Value[] {
    if (plan.order.length === 0) return [after.id, after.key]
    const present = this.#database.one<StoredRow>(
      `SELECT id, key, row, since, NULL AS until, seal FROM rows_${table.no} WHERE id = ? AND key = ?`,
      after.id,
      after.key,
    )
    const row =
      present !== undefined && (at === undefined || present.since <= at)
        ? present
        : this.#database.one<StoredRow>(
            `SELECT id, key, row, since, until, seal FROM past_${table.no} ${conditions(table, plan, null, 'id = ? AND key = ? AND since <= ? AND until > ?')}`,
            ...values,
            after.id,
            after.key,
            at ?? -1,
            at ?? -1,
          )
    if (row === undefined) throw problem('invalid-cursor', 'the row that the page would begin behind is not there')
    if (!this.#lenient) this.#check(table, model, row)
    return sortKey(plan, row)
  }

  #bury(table: ModelTable, { id, key }: RowKey, old: { since: number; row: string }, until: number): void {
    const row = JSON.parse(old.row) as JsonObject
    const seal = sealRow(this.#sealer, table.no, id, key, old.since, until, old.row)
    this.#tallies?.add(`past_${table.no}`, seal)
    this.#database.run(
      `INSERT INTO past_${table.no} VALUES (?,?,?,?,?${',?'.repeat(table.columns.length)},?)`,
      id,
      key,
      old.since,
      until,
      old.row,
      ...table.columns.map((column) => sqlValue(row[column])),
      seal,
    )
  }

  #put(table: ModelTable, { id, key }: RowKey, since: number, text: string, row: JsonObject): void {
    const seal = this.#sealed(table, id, key, since, text)
    this.#tallies?.count(`rows_${table.no}`, 1)
    this.#database.run(
      `INSERT INTO rows_${table.no} VALUES (?,?,?,?${',?'.repeat(table.columns.length)},?)`,
      id,
      key,
      since,
      text,
      ...table.columns.map((column) => sqlValue(row[column])),
      seal,
    )
  }

  /** Seal of a row that holds from now on. */
  #sealed({ no }: ModelTable, id: string, key: string, since: number, text: string): string {
    const seal = sealRow(this.#sealer, no, id, key, since, null, text)
    return seal
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
      `UPDATE rows_${table.no} SET since = ?, row = ?, seal = ?${columns} WHERE id = ? AND key = ?`,
      since,
      text,
      this.#sealed(table, id, key, since, text),
      ...changed.map((column) => sqlValue(row[column])),
      id,
      key,
    )
  }

  /** Rows that lack a column which is indexed now are left out: rows are derived, and a new release rebuilds them (src/engine/activate.ts). */
  #copy(from: ModelTable, to: ModelTable): void {
    const fits = (row: JsonObject): boolean =>
      to.columns.every((column) => ['string', 'number', 'boolean'].includes(typeof row[column]))
    const select = 'SELECT id, key, since, row, seal'
    for (const old of this.#database.each<StoredRow>(`${select}, NULL AS until FROM rows_${from.no}`)) {
      this.#check(from, '', old) // else an edited row would be sealed as a right one
      const row = JSON.parse(old.row) as JsonObject
      if (fits(row)) this.#put(to, old, old.since, old.row, row)
    }
    for (const old of this.#database.each<StoredRow & { until: number }>(`${select}, until FROM past_${from.no}`)) {
      this.#check(from, '', old)
      if (fits(JSON.parse(old.row) as JsonObject)) this.#bury(to, old, old, old.until)
    }
  }

  #declared(name: string): { readonly no: number; readonly definition: string; readonly seal: string } | undefined {
    const stored = this.#database.one<{ no: number; definition: string; seal: string }>(
      'SELECT no, definition, seal FROM read_model WHERE name = ?',
      name,
    )
    if (stored === undefined) return undefined
    if (!this.#lenient && stored.seal !== sealModel(this.#sealer, stored.no, name, stored.definition))
      throw problem('storage-damaged', `the declaration of read model \`${name}\` is not what was written`)
    return stored
  }
  #table(name: string): ModelTable {
    let table = this.#tables.get(name)
    if (table === undefined) {
      const stored = this.#declared(name)
      if (stored === undefined) throw problem('invalid-input', `there is no read model \`${name}\``)
      this.#tables.set(name, (table = tableOf(stored)))
    }
    return table
  }
}

export function tableOf({ no, definition }: { readonly no: number; readonly definition: string }): ModelTable {
  try {
    const { of, indexes } = JSON.parse(definition) as Definition
    return { no, of, indexes, columns: [...new Set(indexes.flat())] }
  } catch (error) {
    throw problem('storage-damaged', `the declaration of read model ${no} is not what was written`, {}, error)
  }
}

export function tablesSql({ no, indexes, columns }: ModelTable): string {
  const own = columns.map((_, place) => `, c${place}`).join('')
  const indexed = indexes.map((list) => list.map((column) => `c${columns.indexOf(column)}, `).join(''))
  return [
    `CREATE TABLE rows_${no}(id TEXT, key TEXT, since INTEGER, row TEXT${own}, seal TEXT, PRIMARY KEY(id, key)) WITHOUT ROWID`,
    `CREATE TABLE past_${no}(id TEXT, key TEXT, since INTEGER, until INTEGER, row TEXT${own}, seal TEXT)`,
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

const damagedRow = (model: string, { id, key }: RowKey) =>
  problem(
    'storage-damaged',
    `a row of read model \`${model}\` is not what was written (\`${id}\`${key === '' ? '' : `, \`${key}\``})`,
  )

/** Whether a row is indexed under other values than it has. */
export function columnFault({ columns }: ModelTable, stored: Readonly<Record<string, unknown>>, text: string): boolean {
  const row = JSON.parse(text) as JsonObject
  return columns.some((column, place) => stored[`c${place}`] !== sqlValue(row[column]))
}

/** Nothing of a row that is no JSON any more: only an audit gets to see it. */
function parsedRow(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject
  } catch {
    return {}
  }
}

const sameTypes = ({ row }: Row, where: JsonObject): boolean =>
  Object.entries(where).every(([column, value]) => row[column] === value)

function sortKey(plan: FindPlan, stored: StoredRow): Value[] {
  const row = plan.order.length === 0 ? {} : parsedRow(stored.row)
  return [...plan.order.map((column) => sqlValue(row[column])), stored.id, stored.key]
}

function fits(table: ModelTable, plan: FindPlan, values: Value[], after: Value[] | null, stored: StoredRow): boolean {
  const row = table.columns.length === 0 ? {} : parsedRow(stored.row)
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
