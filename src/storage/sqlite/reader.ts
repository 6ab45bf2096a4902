/** The reading half of the port on SQLite. Each method runs on one state of the file. */
import type { FindQuery, Row } from '../../model/decision.ts'
import type { Hash, OperationId, Position, PrincipalId, StreamId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json.ts'
import { EMPTY_ROOT } from '../../model/merkle.ts'
import { problem } from '../../model/problems.ts'
import type {
  LogHead,
  SideReader,
  SideRecord,
  Snapshot,
  StorageReader,
  StoredEvent,
  StoredOperation,
  StoredRecord,
  StreamHead,
  StreamKeyReader,
} from '../storage.ts'
import { openReader, type Database } from './database.ts'
import { findOperation, listOperationDigests } from './operation-index.ts'
import { leafAt, unpackCommit, type CommitRow } from './packed-commit.ts'
import { ReadModelTables } from './read-model-tables.ts'

interface Run {
  readonly version: number
  readonly first: number
  readonly ordinal: number
  readonly count: number
  /** Of its commit; null when that is not there. */
  readonly leaves: Uint8Array | null
}

export const openSqliteReader = (directory: string): SqliteReader =>
  new SqliteReader(openReader(directory), { module: import.meta.url, open: 'openSqliteReader', argument: directory })

const STREAM_NUMBERS_MAX = 100_000 // numbers kept at hand; about 10 MB
const NO_STREAM: StreamHead = { version: 0, position: -1 as Position, leaf: '' }
const COMMIT_COLUMNS = 'first, count, leaves, sizes, body'

export class SqliteReader implements StorageReader, SideReader, StreamKeyReader {
  readonly #database: Database
  readonly #models: ReadModelTables
  readonly #streamNumbers = new Map<StreamId, number>()
  /** Not on the writer's own connection: what it sees may yet be rolled back. */
  readonly #cachesNumbers: boolean
  readonly elsewhere?: NonNullable<StorageReader['elsewhere']>
  constructor(database: Database, elsewhere?: NonNullable<StorageReader['elsewhere']>) {
    if (elsewhere !== undefined) this.elsewhere = elsewhere
    this.#cachesNumbers = elsewhere !== undefined
    this.#database = database
    this.#models = new ReadModelTables(database)
  }

  head(): LogHead {
    const row = this.#database.one<{ position: number; size: number; root: string; at: number }>(
      'SELECT position, size, root, at FROM head',
    )
    if (row === undefined) return { position: -1 as Position, treeSize: 0, rootHash: EMPTY_ROOT, recordedAtMs: 0 }
    return { position: row.position as Position, treeSize: row.size, rootHash: row.root as Hash, recordedAtMs: row.at }
  }

  positionAt(timeMs: number): Position {
    return this.#database.reading(() => {
      // Commits are in order of position and of time alike, so a binary search over positions finds the time without an index of its own.
      let low = 0
      let high: number = this.head().position
      let found = -1
      while (low <= high) {
        const middle = Math.floor((low + high) / 2)
        const commit = this.#database.one<{ first: number; count: number; at: number }>(
          'SELECT first, count, at FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1',
          middle,
        )
        if (commit === undefined) break
        if (commit.at <= timeMs) {
          found = commit.first + commit.count - 1
          low = found + 1
        } else high = commit.first - 1
      }
      return found as Position
    })
  }

  streamHead(stream: StreamId, at?: Position): StreamHead {
    const no = this.#streamNo(stream)
    if (no === undefined) return NO_STREAM
    const last = this.#run(no, Number.MAX_SAFE_INTEGER)
    if (last === undefined) return NO_STREAM
    const run = at === undefined || last.first + last.ordinal <= at ? last : this.#runBefore(no, last, at)
    if (run === undefined) return NO_STREAM
    const within = at === undefined ? run.count : Math.min(run.count, at - run.first - run.ordinal + 1)
    if (run.leaves === null) throw problem('storage-damaged', `the commit at ${run.first} is missing`)
    const place = run.ordinal + within - 1
    return {
      version: run.version + within - 1,
      position: (run.first + place) as Position,
      leaf: leafAt(run.leaves, place),
    }
  }

  events(stream: StreamId, fromVersion: number, at: Position, limit: number): readonly StoredEvent[] {
    return this.#database.reading(() => {
      const no = this.#streamNo(stream)
      if (no === undefined) return []
      const start = this.#database.one<{ version: number | null }>(
        'SELECT max(version) AS version FROM event WHERE stream = ? AND version <= ?',
        no,
        fromVersion + 1,
      )?.version
      if (start === undefined || start === null) return []
      const events: StoredEvent[] = []
      const rows = this.#database
        .sql(
          'SELECT e.version, e.ordinal, e.count AS run, l.first, l.count, l.leaves, l.sizes, l.body FROM event e JOIN log l ON l.first = e.first' +
            ' WHERE e.stream = ? AND e.version >= ? ORDER BY e.version',
        )
        .iterate(no, start) as Iterable<CommitRow & { version: number; ordinal: number; run: number }>
      for (const row of rows) {
        for (const record of unpackCommit(row, row.ordinal, row.ordinal + row.run)) {
          const version = row.version + record.position - row.first - row.ordinal
          if (record.position > at || events.length === limit) return events
          if (version <= fromVersion) continue
          const { position, line, leaf } = record
          events.push({ position, version, type: typeOf(line), data: record.payload as JsonText, line, leaf })
        }
      }
      return events
    })
  }

  streams(entity: string, afterId: string | null, at: Position, limit: number): readonly StreamId[] {
    return this.#database
      .all<{ id: string }>(
        'SELECT id FROM stream WHERE id > ? AND id < ? AND since <= ? ORDER BY id LIMIT ?',
        `${entity}/${afterId ?? ''}`,
        `${entity}0`, // the character behind `/`
        at,
        limit,
      )
      .map(({ id }) => id as StreamId)
  }

  snapshot(stream: StreamId, at: Position): Snapshot | null {
    return this.#database.reading(() => {
      // Versions find the snapshot in one step, where positions would be looked through.
      const row = this.#database.one<{
        version: number
        position: number
        leaf: string
        release: string
        state: string
      }>(
        'SELECT version, position, leaf, release, state FROM snapshot WHERE stream = ? AND version <= ?' +
          ' ORDER BY version DESC LIMIT 1',
        this.#streamNo(stream) ?? -1,
        this.streamHead(stream, at).version,
      )
      if (row === undefined) return null
      return {
        ...row,
        stream,
        position: row.position as Position,
        leaf: row.leaf as Hash,
        state: row.state as JsonText,
      }
    })
  }

  operation(operation: OperationId): StoredOperation | null {
    return findOperation(this.#database, operation)
  }
  operationDigests(after: number, limit: number): readonly number[] {
    return listOperationDigests(this.#database, after, limit)
  }

  record(position: Position): StoredRecord | null {
    return this.records(position, 1).find((record) => record.position === position) ?? null
  }

  records(from: Position, limit: number): readonly StoredRecord[] {
    const records: StoredRecord[] = []
    if (limit <= 0) return records
    const rows = this.#database
      .sql(
        `SELECT ${COMMIT_COLUMNS} FROM log WHERE first >= coalesce((SELECT max(first) FROM log WHERE first <= ?), 0) ORDER BY first`,
      )
      .iterate(from) as Iterable<CommitRow>
    for (const row of rows) {
      const begin = Math.max(0, from - row.first)
      if (begin < row.count)
        for (const { position, line, payload } of unpackCommit(
          row,
          begin,
          Math.min(row.count, begin + limit - records.length),
        ))
          records.push({ position, line, payload })
      if (records.length >= limit) break
    }
    return records
  }

  find(query: FindQuery, at?: Position): readonly Row[] {
    const run = (): readonly Row[] => this.#database.reading(() => this.#models.find(query, at))
    try {
      return run()
    } catch {
      this.#models.refresh() // another connection may have declared the model anew
      return run()
    }
  }

  leafHashes(from: number, to: number): readonly Hash[] {
    const leaves: Hash[] = []
    if (to <= from) return leaves
    const rows = this.#database
      .sql(
        'SELECT first, count, leaves FROM log WHERE first >= coalesce((SELECT max(first) FROM log WHERE first <= ?), 0) ORDER BY first',
      )
      .iterate(from) as Iterable<{ first: number; count: number; leaves: Uint8Array }>
    for (const row of rows) {
      for (let place = Math.max(0, from - row.first); place < row.count && row.first + place < to; place++)
        leaves.push(leafAt(row.leaves, place))
      if (row.first + row.count >= to) break
    }
    return leaves
  }

  tile(level: number, index: number): Uint8Array | null {
    return (
      this.#database.one<{ hashes: Uint8Array }>('SELECT hashes FROM tile WHERE level = ? AND place = ?', level, index)
        ?.hashes ?? null
    )
  }

  effects(
    after: Position,
    limit: number,
  ): readonly { position: Position; ordinal: number; effect: string; payload: JsonText }[] {
    return this.#database
      .all<{ position: Position; ordinal: number; effect: string; payload: JsonText }>(
        'SELECT position, ordinal, effect, payload FROM effect WHERE position > ? ORDER BY position, ordinal LIMIT ?',
        after,
        limit,
      )
      .map(({ position, ordinal, effect, payload }) => ({ position, ordinal, effect, payload }))
  }

  effectCount(): number {
    return this.#database.one<{ effects: number }>('SELECT effects FROM head')?.effects ?? 0
  }

  meta(name: string): string | null {
    return this.#database.one<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)?.value ?? null
  }

  sideRecords(
    filter: { readonly kind?: SideRecord['kind']; readonly principal?: PrincipalId; readonly operation?: OperationId },
    before: number | null,
    limit: number,
  ): readonly (SideRecord & { readonly id: number })[] {
    const columns = (['operation', 'principal', 'kind'] as const).filter((column) => filter[column] !== undefined)
    const rows = this.#database.all<SideRecord & { id: number; at: number }>(
      `SELECT id, kind, principal, operation, action, at, body FROM side WHERE ${columns.map((column) => `${column} = ? AND `).join('')}` +
        'id < ? ORDER BY id DESC LIMIT ?',
      ...columns.map((column) => filter[column] as string),
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    )
    return rows.map(({ at, ...row }) => ({ ...row, recordedAtMs: at }))
  }

  streamKeys(stream: StreamId): readonly string[] {
    return this.#database
      .all<{ kid: string }>(
        'SELECT kid FROM subject_key WHERE stream = (SELECT no FROM stream WHERE id = ?) ORDER BY kid',
        stream,
      )
      .map(({ kid }) => kid)
  }

  keyStreams(kid: string, pending: boolean): readonly StreamId[] {
    return this.#database
      .all<{ id: string }>(
        `SELECT s.id FROM subject_key k JOIN stream s ON s.no = k.stream WHERE k.kid = ?${pending ? ' AND k.derived = 0' : ''} ORDER BY s.id`,
        kid,
      )
      .map(({ id }) => id as StreamId)
  }

  close(): void {
    this.#database.close()
  }

  /** The number of a stream never changes, once it has one. */
  #streamNo(stream: StreamId): number | undefined {
    const known = this.#streamNumbers.get(stream)
    if (known !== undefined) return known
    const no = this.#database.one<{ no: number }>('SELECT no FROM stream WHERE id = ?', stream)?.no
    if (no !== undefined && this.#cachesNumbers) {
      if (this.#streamNumbers.size >= STREAM_NUMBERS_MAX) this.#streamNumbers.clear()
      this.#streamNumbers.set(stream, no)
    }
    return no
  }

  /** The last run that begins at or before a position. Versions rise with positions, so halving over versions finds it in any history. */
  #runBefore(no: number, last: Run, at: number): Run | undefined {
    let run: Run | undefined
    let low = 1
    let high = last.version - 1
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const candidate = this.#run(no, middle)
      if (candidate === undefined) break
      if (candidate.first + candidate.ordinal <= at) {
        run = candidate
        low = middle + 1
      } else high = candidate.version - 1
    }
    return run
  }
  #run(no: number, version: number): Run | undefined {
    return this.#database.one<Run>(
      'SELECT e.version, e.first, e.ordinal, e.count, l.leaves FROM event e LEFT JOIN log l ON l.first = e.first' +
        ' WHERE e.stream = ? AND e.version <= ? ORDER BY e.version DESC LIMIT 1',
      no,
      version,
    )
  }
}

/** The type is the last member of an event's line, and a quote inside it is escaped. */
function typeOf(line: string): string {
  const text = line.slice(line.lastIndexOf(',"type":') + 8, -1)
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1)
}
