/**
 * Where an operation's records are, by its id. Ids are hashes, so they arrive in no order, and one table of them would dirty a page per
 * operation. Here they gather in a small table, are moved together, in order, to a larger one, and from there, a range of keys at a time, to
 * the one that holds them all: a page is written for many entries at once, and no move takes long.
 *
 * An entry is a digest of the id, and a position. Nothing is ever replaced: a lookup takes the latest position whose commit is
 * really of that operation.
 */
import type { OperationId, Position } from '../../model/ids.ts'
import { problem } from '../../model/problems.ts'
import { OPERATION_DIGESTS, operationDigest } from '../operation-digest.ts'
import type { StoredOperation } from '../storage.ts'
import type { Database } from './database.ts'
import { hexOf, LOG_COLUMNS, type LogRow } from './rows.ts'

const GATHERED_MAX = 2_048 // entries of the small table: about ten pages, and a move of about two milliseconds
const RANGES = 32 // of keys; each time the small table moves on, one range of the middle one does

export const OPERATION_TABLES = ['operation_new', 'operation_middle', 'operation_old']

export const OPERATION_INDEX_SCHEMA = OPERATION_TABLES.map(
  (table) =>
    `CREATE TABLE IF NOT EXISTS ${table}(key INTEGER, position INTEGER, PRIMARY KEY(key, position)) WITHOUT ROWID;`,
).join('\n')

const FIND = OPERATION_TABLES.map((table) => `SELECT position FROM ${table} WHERE key = ?1`).join(' UNION ALL ')
// Each table is in order of its keys, so a page costs what it holds.
const LIST = `${OPERATION_TABLES.map((table) => `SELECT key FROM ${table} WHERE key > ?1`).join(' UNION ')} ORDER BY key LIMIT ?2`

/** @param check of a commit that is used. @throws `storage-damaged` for an entry that leads to a commit with another digest */
export function findOperation(
  database: Database,
  operation: OperationId,
  check: (row: LogRow) => void,
  lenient = false,
): StoredOperation | null {
  const digest = operationDigest(operation)
  const entries = database.all<{ position: number }>(FIND, digest)
  if (entries.length > 1) entries.sort((left, right) => right.position - left.position)
  for (const { position } of entries) {
    const row = database.one<LogRow>(
      `SELECT ${LOG_COLUMNS} FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1`,
      position,
    )
    if (row !== undefined) check(row)
    const named = row !== undefined && row.first + Number(row.count) - 1 === position ? String(row.operation) : null
    if (named === operation) return { operation, intentHash: hexOf(row?.intent), position: position as Position }
    if (!lenient && (named === null || operationDigest(named as OperationId) !== digest))
      throw problem(
        'storage-damaged',
        `the index of operations names ${position} for \`${operation}\`, which is another`,
      )
  }
  return null
}

export const listOperationDigests = (database: Database, after: number, limit: number): readonly number[] =>
  database.all<{ key: number }>(LIST, after, limit).map(({ key }) => key)

/** The writing side. `add` within the batch's transaction; `forget` when that has failed. */
export class OperationIndex {
  readonly #database: Database
  #gathered: number
  #range = 0
  constructor(database: Database) {
    this.#database = database
    this.#gathered = this.#count()
  }
  add(operation: OperationId, position: number): void {
    this.#database.run('INSERT INTO operation_new VALUES (?, ?)', operationDigest(operation), position)
    if (++this.#gathered >= GATHERED_MAX) this.#moveOn()
  }
  forget(): void {
    this.#gathered = this.#count()
  }
  #moveOn(): void {
    const [from, to] = [this.#range, this.#range + 1].map((range) => (range * OPERATION_DIGESTS) / RANGES) as [
      number,
      number,
    ]
    this.#database.run('INSERT INTO operation_middle SELECT key, position FROM operation_new ORDER BY key')
    this.#database.run('DELETE FROM operation_new')
    this.#database.run(
      'INSERT INTO operation_old SELECT key, position FROM operation_middle WHERE key >= ? AND key < ? ORDER BY key',
      from,
      to,
    )
    this.#database.run('DELETE FROM operation_middle WHERE key >= ? AND key < ?', from, to)
    this.#range = (this.#range + 1) % RANGES
    this.#gathered = 0
  }
  #count(): number {
    return this.#database.one<{ count: number }>('SELECT count(*) AS count FROM operation_new')?.count ?? 0
  }
}
