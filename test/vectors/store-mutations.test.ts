/**
 * Every way of changing a store changes the verdict of the audit, and no use of it gives another answer than was written without saying so, but for those
 * that are listed here with their reason. One false `valid` fails.
 *
 * The adversary can write the database and everything in it; he has no key, neither that of the log nor that of the rows.
 *
 * `PLINTH_MUTATIONS=full` takes every row of every table, every byte of the head of each page and many within; otherwise a few rows of each.
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { test } from 'node:test'
import { Problem } from '../../src/model/problems.ts'
import { edit, outcomeOf, storeWorld } from './store/world.ts'

const FULL = process.env['PLINTH_MUTATIONS'] === 'full'
const ROWS_OF_A_TABLE = FULL ? 1_000_000 : 1
const PAGE = 4096

interface Mutation {
  readonly table: string
  readonly kind: 'column' | 'delete' | 'insert' | 'swap' | 'schema'
  readonly column: string
  readonly work: (database: DatabaseSync) => void
}
const nameOf = ({ table, kind, column }: Mutation): string => `${table}: ${kind} ${column}`.trim()

/** The audit rightly says `valid`: what goes is a cache, what comes is nobody's. */
const HARMLESS: readonly RegExp[] = [
  /^snapshot: delete/, // states are folded from the events again
  /^meta: insert/, // a name that nobody asks for
  /^meta: (delete|column name) checkpoint/, // said not to have been checked; the running system signs the next
  /^sqlite_sequence: (insert|column seq)/, // a number is passed over
]
/**
 * Found by the audit, and not by every use: an entry that is not there looks like one that never was. What is derived is compared with the log by the
 * audit; a stream that is cut or dropped contradicts the stated heads.
 */
const ABSENCES: readonly RegExp[] = [
  /^event: (delete|column (stream|version))/, // the end of a stream cut off
  /^stream: (delete|column (id|since|no)|swap|insert)/,
  /^operation_(new|middle|old): (delete|column key|swap)/,
  /^rows_\d+: (delete|column (id|key|c\d+)|swap)/, // absent from where a find looks for it
  /^past_\d+: (delete|insert|column (id|since|until|c\d+)|swap)/,
  /^side: (delete|insert)/, // kept for a bounded number, and losable
  /^effect: (delete|column position)/, // of an operation with one effect
  /^read_model: (delete|column name)/,
  /^meta: (delete|column|swap)/,
  /^head: delete/, // the log looks empty: its end is compared when it is opened
]

test('mutations of a store', async (context) => {
  const world = await storeWorld(context)
  const uses = world.uses
  const judge = async (what: string, dir: string, expected: 'changes' | 'stays'): Promise<void> => {
    const verdict = await world.verdict(dir)
    const said = verdict instanceof Problem ? verdict.code : verdict.verdict
    if (expected === 'changes') assert.ok(['invalid', 'storage-damaged'].includes(said), `${what}: ${said}`)
    else assert.ok(said === 'valid', `${what}: ${said}, ${verdict instanceof Problem ? verdict.detail : JSON.stringify(verdict.findings)}`)
  }

  await context.test('unchanged it is valid, and every table has something in it', async () => {
    const dir = world.copy('unchanged')
    await judge('unchanged', dir, 'stays')
    for (const use of uses) assert.equal(outcomeOf(dir, use), 'the same', use.name)
    const database = new DatabaseSync(join(dir, 'data.db'))
    const empty = tablesOf(database).filter((table) => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'] === 0)
    // What gathers for thousands of operations; keys of data subjects, which this application has none of.
    assert.deepEqual(empty.filter((table) => !/^operation_(middle|old)$|^subject_key$/.test(table)), [])
    database.close()
    edit(dir, () => {})
    await judge('opened by another program', dir, 'stays')
  })

  await context.test('every column of a row changed, rows removed, added, exchanged: the audit says so', async () => {
    const seen = new Set<string>()
    for (const mutation of mutationsOf(world.dir)) {
      const what = nameOf(mutation)
      seen.add(mutation.table)
      const dir = world.copy('mutated')
      if (!apply(dir, mutation)) continue
      await judge(what, dir, HARMLESS.some((harmless) => harmless.test(what)) ? 'stays' : 'changes')
      const asked = FULL ? uses : uses.filter((_, place) => place % 3 === seen.size % 3 || place < 10)
      for (const use of asked) {
        const outcome = outcomeOf(dir, use)
        const allowed = ABSENCES.some((absence) => absence.test(what)) || (use.name === 'snapshot' && outcome === 'none')
        assert.ok(outcome !== 'another' || allowed, `${what}: ${use.name} is answered otherwise`)
        assert.ok(outcome !== 'none' || allowed, `${what}: ${use.name} finds nothing`)
      }
      rmSync(dir, { recursive: true })
    }
    assert.ok(seen.size >= 14, [...seen].join(', '))
  })

  await context.test('records re-attributed, with all hashes of their row made to fit: the seal says so, and the tree', async () => {
    for (const [member, from, to] of [
      ['principal', '"actor":"agent"', '"actor":"eve00"'],
      ['tenant', '"tenant":"default"', '"tenant":"another"'],
      ['correlation', '"corr":null', '"corr":"x1"'],
      ['run', '"run":"run-2"', '"run":"run-9"'],
      ['stream', '"stream":"account/a"', '"stream":"account/z"'],
      ['operation', '"op":"op_', '"op":"oq_'],
    ] as const) {
      const dir = world.copy('attributed')
      let changes = 0
      edit(dir, (database) => {
        const statement = database.prepare('UPDATE log SET body = replace(body, ?, ?) WHERE first = (SELECT min(first) FROM log WHERE instr(body, ?) > 0)')
        changes = Number(statement.run(from, to, from).changes)
      })
      assert.equal(changes, 1, member)
      await judge(member, dir, 'changes')
      assert.equal(outcomeOf(dir, uses.find(({ name }) => name === 'all records')!), 'damaged', member)
      rmSync(dir, { recursive: true })
    }
  })

  await context.test('the file cut at any page, lengthened, or with a byte flipped: found wherever it changes what is stored', async () => {
    const whole = readFileSync(join(world.dir, 'data.db'))
    const pages = whole.length / PAGE
    const content = dump(whole, join(world.copy('dump'), 'data.db'))
    for (let page = 0; page < pages; page += FULL ? 1 : Math.ceil(pages / 6)) {
      const dir = world.copy('cut')
      truncateSync(join(dir, 'data.db'), page * PAGE + (page % 2 === 0 ? 0 : 100))
      if (page > 0) await judge(`cut to ${page} pages`, dir, 'changes')
      for (const use of uses.slice(0, 6)) assert.notEqual(outcomeOf(dir, use), 'another', `cut to ${page} pages: ${use.name}`)
      rmSync(dir, { recursive: true })
    }
    const places: number[] = []
    const step = FULL ? 101 : Math.ceil(whole.length / 40)
    for (let at = 100; at < whole.length; at += step) places.push(at + (at % 7))
    for (const at of places.filter((place) => place < whole.length)) {
      const dir = world.copy('flipped')
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] as number) ^ (1 << at % 8)
      writeFileSync(join(dir, 'data.db'), flipped)
      const isChanged = dump(flipped, join(world.copy('dump'), 'data.db')) !== content
      const verdict = await world.verdict(dir)
      const said = verdict instanceof Problem ? verdict.code : verdict.verdict
      // Free space within a page holds nothing: changed or not, nobody can tell, and nothing is changed by it.
      if (isChanged) assert.ok(said === 'invalid' || said === 'storage-damaged', `byte ${at}: ${said}`)
      rmSync(dir, { recursive: true })
    }
  })

  await context.test('without the key of the rows nothing is opened; with another, everything is damaged', async () => {
    const dir = world.copy('keyless')
    writeFileSync(join(dir, 'rows.key'), `${'5'.repeat(64)}\n`)
    await judge('another key', dir, 'changes')
    const [first] = uses
    assert.equal(outcomeOf(dir, first!), 'damaged')
    rmSync(join(dir, 'rows.key'))
    assert.equal(outcomeOf(dir, first!), 'damaged')
    assert.ok((await world.verdict(dir)) instanceof Problem)
  })
})

const tablesOf = (database: DatabaseSync): string[] =>
  database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => String(name))

/** Every column of some rows, and those rows themselves, of every table; and what is not a table. */
function* mutationsOf(dir: string): Generator<Mutation> {
  const database = new DatabaseSync(join(dir, 'data.db'), { readOnly: true })
  const tables = tablesOf(database)
  const objects = database.prepare("SELECT type, name FROM sqlite_master WHERE type != 'table' AND name NOT LIKE 'sqlite_%'").all()
  const described = tables.map((table) => {
    const columns = database.prepare(`PRAGMA table_info(${table})`).all().map(({ name, pk }) => ({ name: String(name), isKey: Number(pk) > 0 }))
    const count = Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
    return { table, columns, count }
  })
  database.close()
  for (const { table, columns, count } of described) {
    const rows = Array.from({ length: Math.min(count, ROWS_OF_A_TABLE) }, (_, i) => (FULL ? i : Math.floor(count / 2)))
    for (const row of table === 'meta' ? Array.from({ length: count }, (_, i) => i) : rows) {
      const key = table === 'meta' ? String(readRow(dir, table, row)['name']) : ''
      for (const { name } of columns)
        yield { table, kind: 'column', column: `${name} ${key}`.trim(), work: (db) => changeColumn(db, table, row, name) }
      yield { table, kind: 'delete', column: key, work: (db) => removeRow(db, table, row) }
      yield { table, kind: 'insert', column: '', work: (db) => addRow(db, table, columns.filter(({ isKey }) => isKey).map(({ name }) => name), row) }
      if (count > 1) yield { table, kind: 'swap', column: '', work: (db) => swapRows(db, table, columns, row, row === 0 ? 1 : 0) }
    }
  }
  for (const { type, name } of objects)
    yield { table: String(type), kind: 'schema', column: String(name), work: (db) => db.exec(`DROP ${String(type)} IF EXISTS ${String(name)}`) }
  const added = 'CREATE TRIGGER helpful AFTER INSERT ON log BEGIN DELETE FROM side; END'
  yield { table: 'trigger', kind: 'schema', column: 'added', work: (db) => db.exec(added) }
}

/** @returns false when the database itself would not have it: a key twice, a value that a check forbids */
function apply(dir: string, mutation: Mutation): boolean {
  try {
    if (mutation.kind === 'schema') {
      const database = new DatabaseSync(join(dir, 'data.db'))
      mutation.work(database)
      database.close()
    } else edit(dir, mutation.work)
    return true
  } catch (error) {
    assert.match(String(error), /UNIQUE|CHECK|NOT NULL|datatype mismatch/, nameOf(mutation))
    rmSync(dir, { recursive: true })
    return false
  }
}

type Stored = Record<string, SQLInputValue>
function readRow(dir: string, table: string, place: number): Stored {
  const database = new DatabaseSync(join(dir, 'data.db'), { readOnly: true })
  const row = database.prepare(`SELECT * FROM ${table} LIMIT 1 OFFSET ?`).get(place) as Stored
  database.close()
  return row
}
function rowAt(database: DatabaseSync, table: string, place: number): Stored {
  return database.prepare(`SELECT * FROM ${table} LIMIT 1 OFFSET ?`).get(place) as Stored
}
const where = (row: Stored): string => Object.keys(row).map((column) => `"${column}" IS ?`).join(' AND ')

function changed(value: SQLInputValue): SQLInputValue {
  if (typeof value === 'number') return value + 1
  if (value === null) return 'x'
  if (typeof value === 'string') {
    const at = Math.floor(value.length / 2)
    return value === '' ? 'x' : value.slice(0, at) + (value[at] === 'e' ? 'f' : 'e') + value.slice(at + 1)
  }
  const bytes = Buffer.from(value as Uint8Array)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  return bytes
}
function changeColumn(database: DatabaseSync, table: string, place: number, column: string): void {
  const row = rowAt(database, table, place)
  const values = Object.values(row)
  database.prepare(`UPDATE ${table} SET "${column}" = ? WHERE ${where(row)}`).run(changed(row[column] as SQLInputValue), ...values)
}
function removeRow(database: DatabaseSync, table: string, place: number): void {
  const row = rowAt(database, table, place)
  database.prepare(`DELETE FROM ${table} WHERE ${where(row)}`).run(...Object.values(row))
}
/** The same row once more, under a key of its own. */
function addRow(database: DatabaseSync, table: string, keys: readonly string[], place: number): void {
  const row = { ...rowAt(database, table, place) }
  const last = keys.at(-1)
  if (last !== undefined) {
    const value = row[last] as SQLInputValue
    row[last] = typeof value === 'number' ? value + 1_000_000 : `${String(value)}!`
  }
  if (table === 'stream' || table === 'read_model') row[table === 'stream' ? 'id' : 'name'] = 'account/added'
  const columns = Object.keys(row)
  database.prepare(`INSERT INTO ${table}(${columns.map((column) => `"${column}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`).run(...Object.values(row))
}
/** What two rows say, exchanged; their keys stay. */
function swapRows(database: DatabaseSync, table: string, columns: readonly { readonly name: string; readonly isKey: boolean }[], one: number, other: number): void {
  const [first, second] = [rowAt(database, table, one), rowAt(database, table, other)]
  const said = columns.filter(({ isKey }) => !isKey).map(({ name }) => name)
  if (said.length === 0) throw new Error('UNIQUE: a row that is nothing but its key')
  const unique = table === 'stream' ? 'id' : table === 'read_model' ? 'name' : null
  if (unique !== null) database.prepare(`UPDATE ${table} SET "${unique}" = 'aside' WHERE ${where(second)}`).run(...Object.values(second))
  const set = `UPDATE ${table} SET ${said.map((column) => `"${column}" = ?`).join(', ')} WHERE `
  const values = (row: Stored): SQLInputValue[] => said.map((column) => row[column] as SQLInputValue)
  const moved = unique === null ? second : { ...second, [unique]: 'aside' }
  if (said.every((column) => String(first[column]) === String(second[column]))) throw new Error('UNIQUE: both say the same')
  database.prepare(set + where(first)).run(...values(second), ...Object.values(first))
  database.prepare(set + where(moved)).run(...values(first), ...Object.values(moved))
}

/** All that the file says, or that it cannot be read. */
function dump(bytes: Buffer, path: string): string {
  writeFileSync(path, bytes)
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const schema = database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name').all()
    const tables = tablesOf(database).map((table) => database.prepare(`SELECT * FROM ${table}`).all())
    const indexes = database.prepare('PRAGMA integrity_check').all()
    return JSON.stringify([schema, tables, indexes], (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value))
  } catch (error) {
    return String(error)
  } finally {
    database.close()
  }
}
