/**
 * Opens the one SQLite file of a data directory, for its single writer or for any number of readers.
 *
 * D1 The writer runs with synchronous=FULL, asserted after a first write: some builds of SQLite change it on the way into WAL mode.
 * D2 What may be lost (side records, snapshots, meta) is written without waiting for the disk; the next durable write takes it along. A crash drops it
 *    from the end, never anything before it.
 * D3 One process at a time writes to a data directory; the operating system ends the lock with the process, however it ends.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { problem } from '../../model/problems.ts'
import { SCHEMA } from './schema.ts'
import { makeSealer, openSealer, SEAL_KEY_FILE, type Sealer } from './seal.ts'

export const DATABASE_FILE = 'data.db'
export const FORMAT = '3'
const EARLIER_FORMATS = ['2'] // has no table of gathered events: it is made, and empty
const LOCK_FILE = 'data.lock'
const WRITER_CACHE_KIB = 16_384 // more is looked through whenever a page splits; what is not in it, the system mostly has at hand
const READER_CACHE_KIB = 16_384
const AUDIT_CACHE_KIB = 2_048 // it reads from end to end, several of them side by side
const PAGE_BYTES = 8_192 // of a new file: half as many writes for the same rows, a tenth of a commit's processor time
const CHECKPOINT_PAGES = 500 // 4 MB; larger ones give a few per cent of throughput and cost milliseconds at p99.9
const BUSY_TIMEOUT_MS = 5_000 // a reader waits this long for recovery of the WAL after a crash

/** FULL is the only setting that survives a power cut. Others exist so that the tests can show that they do not. */
export type Synchronous = 'FULL' | 'NORMAL' | 'OFF'
const SYNCHRONOUS_CODE = { OFF: 0, NORMAL: 1, FULL: 2 } as const satisfies Record<Synchronous, number>

/** A connection with its prepared statements. */
export class Database {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #synchronous: Synchronous
  constructor(database: DatabaseSync, synchronous: Synchronous = 'FULL') {
    this.#database = database
    this.#synchronous = synchronous
  }
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (statement === undefined) this.#statements.set(text, (statement = this.#database.prepare(text)))
    return statement
  }
  one<Result>(text: string, ...values: SQLInputValue[]): Result | undefined {
    return unlessDamaged(() => this.sql(text).get(...values) as Result | undefined)
  }
  all<Result>(text: string, ...values: SQLInputValue[]): Result[] {
    return unlessDamaged(() => this.sql(text).all(...values) as Result[])
  }
  /** Row after row; the statement must not be used again before the last. */
  *each<Result>(text: string, ...values: SQLInputValue[]): Generator<Result> {
    const rows = unlessDamaged(() => this.sql(text).iterate(...values) as IterableIterator<Result>)
    try {
      for (;;) {
        const next = unlessDamaged(() => rows.next())
        if (next.done === true) return
        yield next.value
      }
    } finally {
      rows.return?.()
    }
  }
  run(text: string, ...values: SQLInputValue[]): void {
    this.sql(text).run(...values)
  }
  exec(text: string): void {
    this.#database.exec(text)
  }
  /** Runs several reads on one state of the file. */
  reading<Result>(work: () => Result): Result {
    return this.#database.isTransaction ? work() : this.#within('BEGIN', work)
  }
  /** All that is written within is durable when this returns, or gone when it throws. */
  writing<Result>(work: () => Result): Result {
    return this.#within('BEGIN IMMEDIATE', work)
  }
  /** As `writing`, but durable only with the next `writing` (D2). */
  losable<Result>(work: () => Result): Result {
    if (this.#synchronous !== 'FULL') return this.writing(work)
    this.exec('PRAGMA synchronous=NORMAL')
    try {
      return this.writing(work)
    } finally {
      this.exec('PRAGMA synchronous=FULL')
      this.assertSynchronous()
    }
  }
  assertSynchronous(): void {
    const { synchronous } = this.one<{ synchronous: number }>('PRAGMA synchronous') as { synchronous: number }
    assert.equal(synchronous, SYNCHRONOUS_CODE[this.#synchronous])
  }
  /** Forgets prepared statements; for tables that were dropped. */
  forget(): void {
    this.#statements.clear()
  }
  close(): void {
    this.#statements.clear()
    if (this.#database.isOpen) this.#database.close()
  }
  #within<Result>(begin: string, work: () => Result): Result {
    unlessDamaged(() => this.sql(begin).run())
    try {
      const result = work()
      unlessDamaged(() => this.sql('COMMIT').run())
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

/** @throws `data-directory-locked` when another writer has the directory, `storage-damaged` */
export function openWriter(
  directory: string,
  synchronous: Synchronous,
): { database: Database; sealer: Sealer; unlock(): void } {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const lock = lockDirectory(directory)
  try {
    const path = join(directory, DATABASE_FILE)
    const database = unlessDamaged(
      () => new Database(new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS }), synchronous),
    )
    chmodSync(path, 0o600)
    const format = formatOf(database)
    if (format !== null && format !== FORMAT && !EARLIER_FORMATS.includes(format))
      throw problem('storage-damaged', `the database is of format \`${format}\`; this version reads format ${FORMAT}`)
    // A crash may have left a key without data; never data without a key.
    const isNew = format === null && !existsSync(join(directory, SEAL_KEY_FILE))
    const sealer = isNew ? makeSealer(directory) : openSealer(directory)
    database.exec(
      `PRAGMA page_size=${PAGE_BYTES}; PRAGMA journal_mode=WAL; PRAGMA synchronous=${synchronous}; PRAGMA wal_autocheckpoint=${CHECKPOINT_PAGES};` +
        `PRAGMA cache_size=-${WRITER_CACHE_KIB}; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY`,
    )
    database.writing(() => {
      database.exec(SCHEMA)
      database.run(
        "INSERT INTO meta VALUES ('format', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        FORMAT,
      )
    })
    database.assertSynchronous()
    assert.equal(database.one<{ journal_mode: string }>('PRAGMA journal_mode')?.journal_mode, 'wal')
    return { database, sealer, unlock: () => lock.close() }
  } catch (error) {
    lock.close()
    throw error
  }
}

/** @throws `storage-damaged` */
export function openReader(directory: string, toAudit = false): { database: Database; sealer: Sealer } {
  const sealer = openSealer(directory)
  return unlessDamaged(() => {
    const database = new DatabaseSync(join(directory, DATABASE_FILE), { readOnly: true, timeout: BUSY_TIMEOUT_MS })
    database.exec(
      `PRAGMA cache_size=-${toAudit ? AUDIT_CACHE_KIB : READER_CACHE_KIB}; PRAGMA query_only=ON; PRAGMA temp_store=MEMORY`,
    )
    return { database: new Database(database), sealer }
  })
}

/** What the file says it is; null for a new one. */
function formatOf(database: Database): string | null {
  const { tables } = database.one<{ tables: number }>(
    "SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table'",
  ) as { tables: number }
  if (tables === 0) return null
  try {
    return database.one<{ value: string }>("SELECT value FROM meta WHERE name = 'format'")?.value ?? ''
  } catch (error) {
    throw problem('storage-damaged', 'the database has no table of its own format', {}, error)
  }
}

const SQLITE_ERROR = 1
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26
/** A file that SQLite itself cannot make sense of. */
function unlessDamaged<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    const code = (error as { errcode?: number }).errcode
    const kind = (code ?? 0) & 0xff
    const isGone = kind === SQLITE_ERROR && /no such (table|column)|unsupported file format/.test(String(error))
    if (kind !== SQLITE_CORRUPT && kind !== SQLITE_NOTADB && !isGone) throw error
    throw problem('storage-damaged', `the database cannot be read: ${(error as Error).message}`, {}, error)
  }
}

// An exclusive transaction on a file of its own: an advisory lock of the operating system, without a native module for flock.
function lockDirectory(directory: string): DatabaseSync {
  const lock = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    throw problem('data-directory-locked', `\`${directory}\` is open in another process`, {}, error)
  }
}
