/**
 * Where each stream's events are. Streams are written in no order, and one table of them would dirty a page per commit. Here entries gather in a small
 * table, and from there a stretch of streams at a time moves on, in order, to the one that holds them all: a page is written for all that its
 * streams have gathered, and no move takes long.
 *
 * An entry is a run: events `version` to `version + count - 1` of one stream, next to each other in the commit that begins at `first`.
 * Of any stream, what is gathered is newer than what has moved on: so the small table is asked first.
 */
import type { Database } from './database.ts'

export interface EventRun {
  readonly version: number
  readonly first: number
  readonly ordinal: number
  readonly count: number
}

const GATHERED_MAX = 2_048 // entries of the small table: about twelve pages
const MOVED_AT_ONCE = 512 // a quarter of it, so that the statements that move are few, and take about a millisecond

/** Oldest entries of a stream first. */
export const EVENT_TABLES = ['event', 'event_new'] as const

export const EVENT_INDEX_SCHEMA = EVENT_TABLES.map(
  (table) => `CREATE TABLE IF NOT EXISTS ${table}(
  stream INTEGER NOT NULL, version INTEGER NOT NULL, first INTEGER NOT NULL, ordinal INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(stream, version)) WITHOUT ROWID;`,
).join('\n')

const LATEST = EVENT_TABLES.toReversed().map(
  (table) =>
    `SELECT version, first, ordinal, count FROM ${table} WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT 1`,
)
const STRETCH = '(stream, version) > (?1, ?2) AND (stream, version) <= (?3, ?4)'

/** The run that holds a version, or the last one before it. An entry that moves on meanwhile is found where it went. */
export function latestRun(database: Database, stream: number, version: number): EventRun | undefined {
  for (const sql of LATEST) {
    const run = database.one<EventRun>(sql, stream, version)
    if (run !== undefined) return run
  }
  return undefined
}

/** Streams of which something that has moved on is not older than what is gathered: of these the newest events would not be found. */
export const misplacedStreams = (database: Database): readonly number[] =>
  database
    .all<{ stream: number }>(
      'SELECT DISTINCT n.stream FROM event_new n WHERE EXISTS (SELECT 1 FROM event e WHERE e.stream = n.stream AND e.version >= n.version)',
    )
    .map(({ stream }) => stream)

/** The writing side. `add` and `settle` within the batch's transaction; `forget` when that has failed. */
export class EventIndex {
  readonly #database: Database
  #gathered: number
  /** The entry that the last move ended with: the next begins behind it, and after the last stream again with the first. */
  #moved = { stream: 0, version: 0 }

  constructor(database: Database) {
    this.#database = database
    this.#gathered = this.#count()
  }
  add(stream: number, { version, first, ordinal, count }: EventRun): void {
    this.#database.run('INSERT INTO event_new VALUES (?, ?, ?, ?, ?)', stream, version, first, ordinal, count)
    this.#gathered++
  }
  /** After the entries of a batch. */
  settle(): void {
    while (this.#gathered >= GATHERED_MAX + MOVED_AT_ONCE) this.#moveOn()
  }
  forget(): void {
    this.#gathered = this.#count()
  }

  #moveOn(): void {
    const { stream, version } = this.#moved
    const end = this.#database.one<{ stream: number; version: number }>(
      'SELECT stream, version FROM event_new WHERE (stream, version) > (?, ?) ORDER BY stream, version LIMIT 1 OFFSET ?',
      stream,
      version,
      MOVED_AT_ONCE - 1,
    )
    const to = end ?? { stream: Number.MAX_SAFE_INTEGER, version: 0 }
    const stretch = [stream, version, to.stream, to.version]
    this.#database.run(
      `INSERT INTO event SELECT * FROM event_new WHERE ${STRETCH} ORDER BY stream, version`,
      ...stretch,
    )
    this.#database.run(`DELETE FROM event_new WHERE ${STRETCH}`, ...stretch)
    this.#moved = end ?? { stream: 0, version: 0 }
    this.#gathered = this.#count()
  }
  #count(): number {
    return this.#database.one<{ count: number }>('SELECT count(*) AS count FROM event_new')?.count ?? 0
  }
}
