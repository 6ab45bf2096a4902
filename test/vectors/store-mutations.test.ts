/**
 * Every way of changing a store changes the verdict of the audit, and no use of it gives another answer than was written without saying so, but for those
 * that are listed here with their reason. One false `valid` fails.
 *
 * The adversary can write the database and everything in it; he has no key, neither that of the log nor that of the rows.
 *
 * Three stores: a bank with every kind of record, the same with full tiles, and a clinic with personal data and its key store. Everyday runs take one row of
 * each table, with all its columns, and some bytes of the file; `npm run test:mutations` takes every row, and some thousands of bytes.
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { test } from 'node:test'
import { Problem } from '../../src/model/problems.ts'
import { Enumeration, FULL } from './mutation/enumeration.ts'
import { edit, outcomesOf, storeWorld, type Kind, type StoreWorld } from './store/world.ts'

const PAGE = 8_192
const KEY_STORE = 'subject-keys.db'
/** A full run takes one in so many of a table's rows: all of those that a world is there for, and a few of the others. */
const oneInOf = (kind: Kind, table: string): number =>
  kind === 'bank' || OF_THE_WORLD[kind].test(table) ? 1 : table === 'event' ? 8 : 40
const OF_THE_WORLD = { tiles: /^(tile|head|tally|meta|operation_.*)$/, clinic: /^(subject_key|key|meta|head|tally|(rows|past)_\d+|effect|read_model)$/ }
/** Of the bytes of a file a full run takes one in so many: a look at the whole store each, and rows are changed one by one besides. */
const OF_A_HEAD: Readonly<Record<Kind, number>> = { bank: 7, tiles: 101, clinic: 31 }
const OF_A_PAGE: Readonly<Record<Kind, number>> = { bank: 499, tiles: 5_003, clinic: 997 }
/** An everyday run leaves to the bank's world what is alike in all. */
const EVERYDAY: Readonly<Record<Kind, RegExp>> = { bank: /./, tiles: /^(tile|event|operation_middle|operation_old)$/, clinic: /^(subject_key|key|rows_1|past_1|snapshot|tally)$/ }

interface Mutation {
  readonly file: string
  readonly table: string
  readonly kind: 'column' | 'delete' | 'insert' | 'swap' | 'schema'
  readonly column: string
  readonly work: (database: DatabaseSync) => void
}
const nameOf = ({ file, table, kind, column }: Mutation): string =>
  `${file === KEY_STORE ? 'keys: ' : ''}${table}: ${kind} ${column}`.trim()

/** The audit rightly says `valid`: what goes is a cache, what comes is nobody's. */
const HARMLESS: readonly RegExp[] = [
  /^snapshot: delete/, // states are folded from the events again
  /^meta: insert/, // a name that nobody asks for
  /^meta: (delete|column name) checkpoint/, // said not to have been checked; the running system signs the next
  /^sqlite_sequence: (insert|column seq)/, // a number is passed over
  /^keys: key: (delete|column (kid|tenant|subject|erased)) erased/, // the log names the keys that were erased, and by which record
  /^keys: key: insert/, // nobody's: no record was sealed under it, and it opens with no wrapping key
  /^keys: meta: insert/, // a name that nobody asks for
]
/**
 * Found by the audit, and not by every use: an entry that is not there looks like one that never was. What is derived is compared with the log by the
 * audit; a stream that is cut or dropped contradicts the stated heads.
 */
const ABSENCES: readonly RegExp[] = [
  /^event(_new)?: (delete|column (stream|version))/, // the end of a stream cut off
  /^stream: (delete|column (id|since|no)|swap|insert)/,
  /^operation_(new|middle|old): (delete|column key|swap)/,
  /^rows_\d+: (delete|column (id|key|since|c\d+)|swap)/, // absent from where, or when, a find looks for it
  /^past_\d+: (delete|insert|column (id|since|until|c\d+)|swap)/,
  /^side: (delete|insert)/, // kept for a bounded number, and losable
  /^effect: (delete|column position)/, // of an operation with one effect
  /^read_model: (delete|column name)/,
  /^meta: (delete|column|swap)/,
  /^head: delete/, // the log looks empty: its end is compared when it is opened
]

for (const kind of ['bank', 'tiles', 'clinic'] as const)
  test(`mutations of a store: ${kind}`, async (context) => {
    const enumeration = new Enumeration('store')
    const world = await storeWorld(context, kind)
    const { uses } = world
    const faults: string[] = []
    const judge = async (what: string, dir: string, expected: 'changes' | 'stays', counted?: string): Promise<void> => {
      const verdict = await world.verdict(dir).catch((error: unknown) => error as Error)
      const said = verdict instanceof Problem ? verdict.code : verdict instanceof Error ? String(verdict.stack) : verdict.verdict
      const isRight = expected === 'changes' ? ['invalid', 'storage-damaged'].includes(said) : said === world.sound
      if (!isRight) faults.push(`${what}: ${said}${'findings' in verdict ? `, ${JSON.stringify(verdict.findings)}` : ''}`)
      else if (counted !== undefined) enumeration.count(counted, said)
    }
    context.after(() => assert.deepEqual(faults, []))

    await context.test('unchanged it is valid, and every table has something in it', async () => {
      const dir = world.copy('unchanged')
      await judge('unchanged', dir, 'stays')
      assert.deepEqual(outcomesOf(dir, uses).filter((outcome) => outcome !== 'the same'), [])
      const database = new DatabaseSync(join(dir, 'data.db'))
      const empty = tablesOf(database).filter((table) => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'] === 0)
      // Where indexes move on to; keys of data subjects, which the bank has none of; tiles of the small ones.
      const mayBe = { bank: /^operation_(middle|old)$|^event$|^subject_key$|^tile$/, tiles: /^subject_key$/, clinic: /^operation_(middle|old)$|^event$|^tile$|^snapshot$|^past_[23]$/ }
      assert.deepEqual(empty.filter((table) => !mayBe[kind].test(table)), [])
      database.close()
      edit(dir, () => {})
      await judge('opened by another program', dir, 'stays')
    })

    await context.test('every column of a row changed, rows removed, added, exchanged: the audit says so', async () => {
      const tables = new Set<string>()
      for (const mutation of mutationsOf(world, enumeration)) {
        const what = nameOf(mutation)
        const counted = what.replace(/^(rows|past)_\d+/, '$1 of a read model').replace(/(column value|column name|delete) (\S+)$/, '$1 $2')
        tables.add(mutation.table)
        if (!enumeration.turn(counted, 2, oneInOf(kind, mutation.table))) continue
        const dir = world.copy('mutated')
        if (!apply(dir, mutation)) continue
        await judge(what, dir, HARMLESS.some((harmless) => harmless.test(what)) ? 'stays' : 'changes', counted)
        const asked = FULL ? uses : uses.filter((_, place) => place % 3 === tables.size % 3 || place < 10)
        for (const [place, outcome] of outcomesOf(dir, asked).entries()) {
          const name = asked[place]?.name ?? ''
          const allowed = ABSENCES.some((absence) => absence.test(what)) || (name === 'snapshot' && outcome === 'none')
          if (['another', 'none'].includes(outcome) && !allowed) faults.push(`${what}: ${name} is answered otherwise: ${outcome}`)
        }
        rmSync(dir, { recursive: true })
      }
      if (kind === 'bank') assert.ok(tables.size >= 14, [...tables].join(', '))
    })

    if (kind === 'bank')
      await context.test('records re-attributed, with all hashes of their row made to fit: the seal says so, and the tree', async () => {
        for (const [member, from, to] of [
          ['principal', '"actor":"agent"', '"actor":"eve00"'],
          ['tenant', '"tenant":"default"', '"tenant":"another"'],
          ['correlation', '"corr":null', '"corr":"x1"'],
          ['run', '"run":"run-2"', '"run":"run-9"'],
          ['stream', '"stream":"account/a"', '"stream":"account/z"'],
          ['operation', '"op":"op_', '"op":"oq_'],
        ] as const)
          for (const first of commitsWith(world.dir, from)) {
            const counted = `record with another ${member}`
            if (!enumeration.turn(counted, 12)) continue
            const dir = world.copy('attributed')
            edit(dir, (database) => database.prepare('UPDATE log SET body = replace(body, ?, ?) WHERE first = ?').run(from, to, first))
            await judge(`${member} of ${first}`, dir, 'changes', counted)
            assert.deepEqual(outcomesOf(dir, uses.filter(({ name }) => name === 'all records')), ['damaged'], `${member} of ${first}`)
            rmSync(dir, { recursive: true })
          }
      })

    await context.test('the file cut at any page, lengthened, or with a byte flipped: found wherever it changes what is stored', async () => {
      const whole = readFileSync(join(world.dir, 'data.db'))
      const pages = whole.length / PAGE
      const content = dump(whole, join(world.copy('dump'), 'data.db'))
      for (let page = 0; page < pages; page++)
        for (const rest of [0, 100]) {
          if (!enumeration.turn('file cut', kind === 'bank' ? 40 : 200, kind === 'bank' ? 1 : 5)) continue
          const dir = world.copy('cut')
          truncateSync(join(dir, 'data.db'), page * PAGE + rest)
          if (page > 0) await judge(`cut to ${page} pages and ${rest} bytes`, dir, 'changes', 'file cut')
          for (const [place, outcome] of outcomesOf(dir, uses.slice(0, 6)).entries())
            assert.notEqual(outcome, 'another', `cut to ${page} pages: ${uses[place]?.name}`)
          rmSync(dir, { recursive: true })
        }
      for (let one = 0; one < pages; one++)
        for (let other = one + 1; other < pages; other++) {
          if (!enumeration.turn('pages exchanged', 400, kind === 'tiles' ? 199 : 23)) continue
          const changed = Buffer.from(whole)
          whole.copy(changed, one * PAGE, other * PAGE, (other + 1) * PAGE)
          whole.copy(changed, other * PAGE, one * PAGE, (one + 1) * PAGE)
          await judgeFile('pages exchanged', `pages ${one} and ${other} exchanged`, changed)
        }
      for (let at = 0; at < whole.length; at++) {
        // What SQLite itself reads: the file's head, each page's head, and where its cells are.
        const structure = at < 100 || at % PAGE < 40
        const counted = structure ? 'byte of the head of a page' : 'byte of a page'
        if (!enumeration.turn(counted, structure ? 400 : 12_000, structure ? OF_A_HEAD[kind] : OF_A_PAGE[kind])) continue
        const flipped = Buffer.from(whole)
        flipped[at] = (flipped[at] as number) ^ (1 << at % 8)
        await judgeFile(counted, `byte ${at}`, flipped)
      }
      async function judgeFile(counted: string, what: string, bytes: Buffer): Promise<void> {
        // Free space within a page holds nothing: changed or not, nobody can tell, and nothing is changed by it. Nor by a page that says the same elsewhere.
        if (dump(bytes, join(world.copy('dump'), 'data.db')) === content) return enumeration.count(counted, 'the same content')
        const dir = world.copy('flipped')
        writeFileSync(join(dir, 'data.db'), bytes)
        await judge(what, dir, 'changes', counted)
        rmSync(dir, { recursive: true })
      }
    })

    await context.test('without the key of the rows nothing is opened; with another, everything is damaged', async () => {
      const dir = world.copy('keyless')
      writeFileSync(join(dir, 'rows.key'), `${'5'.repeat(64)}\n`)
      await judge('another key', dir, 'changes')
      assert.deepEqual(outcomesOf(dir, uses.slice(0, 1)), ['damaged'])
      rmSync(join(dir, 'rows.key'))
      assert.deepEqual(outcomesOf(dir, uses.slice(0, 1)), ['damaged'])
      assert.ok((await world.verdict(dir)) instanceof Problem)
    })
  })

function commitsWith(dir: string, text: string): number[] {
  const database = new DatabaseSync(join(dir, 'data.db'), { readOnly: true })
  const rows = database.prepare('SELECT first FROM log WHERE instr(body, ?) > 0').all(text)
  database.close()
  return rows.map(({ first }) => Number(first))
}

const tablesOf = (database: DatabaseSync): string[] =>
  database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => String(name))

/** Every column of every row of every table, or of one row; and what is not a table. */
function* mutationsOf({ kind, dir }: StoreWorld, enumeration: Enumeration): Generator<Mutation> {
  for (const file of kind === 'clinic' ? ['data.db', KEY_STORE] : ['data.db']) {
    const database = new DatabaseSync(join(dir, file), { readOnly: true })
    const objects = database.prepare("SELECT type, name FROM sqlite_master WHERE type != 'table' AND name NOT LIKE 'sqlite_%'").all()
    const described = tablesOf(database)
      .filter((table) => FULL || EVERYDAY[kind].test(table))
      .map((table) => {
        const columns = database.prepare(`PRAGMA table_info(${table})`).all().map(({ name, pk }) => ({ name: String(name), isKey: Number(pk) > 0 }))
        const count = Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
        return { table, columns, count }
      })
    database.close()
    for (const { table, columns, count } of described) {
      const rows = FULL || table === 'meta' ? Array.from({ length: count }, (_, i) => i) : count === 0 ? [] : [enumeration.pick(table, count)]
      for (const row of rows) {
        const key = labelOf(table, readRow(dir, file, table, row))
        for (const { name } of columns)
          yield { file, table, kind: 'column', column: `${name} ${key}`.trim(), work: (db) => changeColumn(db, table, row, name) }
        yield { file, table, kind: 'delete', column: key, work: (db) => removeRow(db, table, row) }
        yield { file, table, kind: 'insert', column: '', work: (db) => addRow(db, table, columns.filter(({ isKey }) => isKey).map(({ name }) => name), row) }
        if (count > 1) yield { file, table, kind: 'swap', column: '', work: (db) => swapRows(db, table, columns, row, row === 0 ? 1 : 0) }
      }
    }
    if (file !== 'data.db' || (kind !== 'bank' && !FULL)) continue
    for (const { type, name } of objects)
      yield { file, table: String(type), kind: 'schema', column: String(name), work: (db) => db.exec(`DROP ${String(type)} IF EXISTS ${String(name)}`) }
    const added = 'CREATE TRIGGER helpful AFTER INSERT ON log BEGIN DELETE FROM side; END'
    yield { file, table: 'trigger', kind: 'schema', column: 'added', work: (db) => db.exec(added) }
  }
}

/** @returns false when the database itself would not have it: a key twice, a value that a check forbids */
function apply(dir: string, mutation: Mutation): boolean {
  try {
    if (mutation.kind === 'schema') {
      const database = new DatabaseSync(join(dir, mutation.file))
      mutation.work(database)
      database.close()
    } else edit(dir, mutation.work, mutation.file)
    return true
  } catch (error) {
    assert.match(String(error), /UNIQUE|CHECK|NOT NULL|datatype mismatch/, nameOf(mutation))
    rmSync(dir, { recursive: true })
    return false
  }
}

/** What rows of one table must be told apart by. */
const labelOf = (table: string, row: Stored): string =>
  table === 'meta' ? String(row['name']) : table === 'key' ? (row['wrapped'] === null ? 'erased' : 'live') : ''

type Stored = Record<string, SQLInputValue>
function readRow(dir: string, file: string, table: string, place: number): Stored {
  const database = new DatabaseSync(join(dir, file), { readOnly: true })
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
    const rows = (table: string) => database.prepare(`SELECT * FROM ${table}`).all()
    // An entry of an index may lie in either of its tables.
    const isIndex = (table: string): boolean => /^(event|operation)(_|$)/.test(table)
    const entries = tablesOf(database).filter(isIndex).flatMap((table) => rows(table).map((row) => JSON.stringify(row)))
    const tables = [entries.sort(), ...tablesOf(database).filter((table) => !isIndex(table)).map(rows)]
    const indexes = database.prepare('PRAGMA integrity_check').all()
    return JSON.stringify([schema, tables, indexes], (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value))
  } catch (error) {
    return String(error)
  } finally {
    database.close()
  }
}
