/** The reading half of the port on SQLite. Each method runs on one state of the file. */
import type { FindQuery, Row } from '../../model/decision.ts'
import {
  sha256Hex,
  type Hash,
  type OperationId,
  type Position,
  type PrincipalId,
  type StreamId,
} from '../../model/ids.ts'
import type { JsonText } from '../../model/json.ts'
import { EMPTY_ROOT, leafHash } from '../../model/merkle.ts'
import { problem } from '../../model/problems.ts'
import { parseRecord, sketchLine, type LineSketch } from '../../model/record-line.ts'
import type {
  LogHead,
  SideReader,
  SideRecord,
  Snapshot,
  StorageReader,
  StoreAudit,
  StretchAudit,
  StoredEvent,
  StoredOperation,
  StoredLeaf,
  StreamHead,
  StreamKeyReader,
} from '../storage.ts'
import { openReader, type Database } from './database.ts'
import { EVENT_TABLES, latestRun, type EventRun } from './event-index.ts'
import { findOperation, listOperationDigests } from './operation-index.ts'
import { auditStore } from './audit.ts'
import { leafAt, unpackCommit, type CommitRow } from './packed-commit.ts'
import { ReadModelTables } from './read-model-tables.ts'
import {
  commitOf,
  HEAD,
  isCommitSealed,
  isHeadSealed,
  LOG_COLUMNS,
  sealSide,
  sealSnapshot,
  type HeadRow,
  type LogRow,
} from './rows.ts'
import type { Sealer } from './seal.ts'

/** Gives only what is as it was written; anything else is `storage-damaged`. */
export const openSqliteReader = (directory: string): SqliteReader => open(directory, false)
/** Gives what there is, to who judges it himself: an audit, an export as evidence. */
export const openSqliteAuditReader = (directory: string): SqliteReader => open(directory, true)

function open(directory: string, lenient: boolean): SqliteReader {
  const { database, sealer } = openReader(directory, lenient)
  return new SqliteReader(database, sealer, directory, lenient)
}

/** A run with its commit; `first` null when that is not there. */
type RunRow = (LogRow | { readonly first: null }) & {
  readonly version: number
  readonly ordinal: number
  readonly run: number
}
interface StoredEffect {
  readonly position: Position
  readonly ordinal: number
  readonly effect: string
  readonly payload: JsonText
}
const missingRecord = (position: number) => problem('storage-damaged', `the record at ${position} is missing`)
const damagedOutbox = (position: number) =>
  problem('storage-damaged', `the outbox does not hold the effects of the operation at ${position}`)

const STREAM_NUMBERS_MAX = 100_000 // numbers kept at hand; about 10 MB
const FROM_COMMIT = `SELECT ${LOG_COLUMNS} FROM log WHERE first >= coalesce((SELECT max(first) FROM log WHERE first <= ?1), 0) AND first < ?2 ORDER BY first`
const NO_STREAM: StreamHead = { version: 0, position: -1 as Position, leaf: '' }
const OF_COMMIT = LOG_COLUMNS.replaceAll(/\w+/g, 'l.$&')

export class SqliteReader implements StorageReader, SideReader, StreamKeyReader {
  readonly #database: Database
  readonly #sealer: Sealer
  readonly #directory: string | null
  readonly #lenient: boolean
  readonly #models: ReadModelTables
  readonly #streamNumbers = new Map<StreamId, number>()
  /** Not on the writer's own connection: what it sees may yet be rolled back. */
  readonly #cachesNumbers: boolean
  readonly elsewhere?: NonNullable<StorageReader['elsewhere']>
  /** @param directory where others open it as well; null on the writer's own connection */
  constructor(database: Database, sealer: Sealer, directory: string | null = null, lenient = false) {
    if (directory !== null)
      this.elsewhere = {
        module: import.meta.url,
        open: lenient ? 'openSqliteAuditReader' : 'openSqliteReader',
        argument: directory,
      }
    this.#cachesNumbers = directory !== null
    this.#database = database
    this.#sealer = sealer
    this.#directory = directory
    this.#lenient = lenient
    this.#models = new ReadModelTables(database, sealer, null, lenient)
  }

  forAudit(): SqliteReader {
    return this.#lenient ? this : new SqliteReader(this.#database, this.#sealer, this.#directory, true)
  }
  audit(at: Position): StoreAudit {
    return auditStore(this.#database, this.#sealer, at)
  }

  head(): LogHead {
    const row = this.#database.one<HeadRow>(HEAD)
    if (row !== undefined && !this.#lenient && !isHeadSealed(this.#sealer, row))
      throw problem('storage-damaged', 'the head of the log is not what was written')
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
        const row = this.#database.one<LogRow>(
          `SELECT ${LOG_COLUMNS} FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1`,
          middle,
        )
        if (row === undefined) break
        const { first, count } = this.#commit(row)
        const last = first + count - 1
        if (last < middle && !this.#lenient) throw missingRecord(middle)
        if (Number(row.at) <= timeMs) {
          found = last
          low = Math.max(last, middle) + 1 // also over a gap, which an audit looks across
        } else high = first - 1
      }
      return found as Position
    })
  }

  streamHead(stream: StreamId, at?: Position): StreamHead {
    const no = this.#streamNo(stream)
    if (no === undefined) return NO_STREAM
    const last = latestRun(this.#database, no, Number.MAX_SAFE_INTEGER)
    if (last === undefined) return NO_STREAM
    const run = at === undefined || last.first + last.ordinal <= at ? last : this.#runBefore(no, last, at)
    if (run === undefined) return NO_STREAM
    const within = at === undefined ? run.count : Math.min(run.count, at - run.first - run.ordinal + 1)
    const row = this.#database.one<LogRow>(`SELECT ${LOG_COLUMNS} FROM log WHERE first = ?`, run.first)
    if (row === undefined && this.#lenient)
      return { version: run.version + within - 1, position: -1 as Position, leaf: '' }
    if (row === undefined) throw problem('storage-damaged', `the commit at ${run.first} is missing`)
    const commit = this.#commit(row)
    const place = run.ordinal + within - 1
    const version = run.version + within - 1
    if (!this.#lenient) {
      const [record] = unpackCommit(commit, place, place + 1)
      const event = record === undefined ? null : this.#whole(record).event
      if (event?.stream !== stream || event.version !== version)
        throw problem(
          'storage-damaged',
          `the index of \`${stream}\` names ${run.first + place}, which is another event`,
        )
    }
    return { version, position: (run.first + place) as Position, leaf: leafAt(commit.leaves, place) }
  }

  events(stream: StreamId, fromVersion: number, at: Position, limit: number): readonly StoredEvent[] {
    return this.#database.reading(() => {
      const no = this.#streamNo(stream)
      if (no === undefined) return []
      const start = latestRun(this.#database, no, fromVersion + 1)?.version
      if (start === undefined) return []
      const events: StoredEvent[] = []
      for (const row of this.#runsFrom(no, start)) {
        if (row.first === null) {
          if (this.#lenient) continue
          throw problem('storage-damaged', `the index of \`${stream}\` names a commit that is not there`)
        }
        const commit = this.#commit(row)
        for (const record of unpackCommit(commit, row.ordinal, Math.min(row.ordinal + row.run, commit.count))) {
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
        seal: string
      }>(
        'SELECT version, position, leaf, release, state, seal FROM snapshot WHERE stream = ? AND version <= ?' +
          ' ORDER BY version DESC LIMIT 1',
        this.#streamNo(stream) ?? -1,
        this.streamHead(stream, at).version,
      )
      // One that was edited is as good as none: the state is folded from the events, and kept anew.
      if (row === undefined || (!this.#lenient && row.seal !== sealSnapshot(this.#sealer, stream, row))) return null
      const { version, position, leaf, release, state } = row
      return { stream, version, position: position as Position, leaf: leaf as Hash, release, state: state as JsonText }
    })
  }

  operation(operation: OperationId): StoredOperation | null {
    return findOperation(this.#database, operation, (row) => this.#commit(row), this.#lenient)
  }
  operationDigests(after: number, limit: number): readonly number[] {
    return listOperationDigests(this.#database, after, limit)
  }

  record(position: Position): StoredLeaf | null {
    return this.records(position, 1).find((record) => record.position === position) ?? null
  }

  records(from: Position, limit: number): readonly StoredLeaf[] {
    const records: StoredLeaf[] = []
    for (const { commit, begin, end } of this.#stretch(from, from + Math.max(limit, 0)))
      for (const record of unpackCommit(commit, begin, end)) {
        const { position, payload } = record
        if (!this.#lenient && payload !== null && this.#whole(record).payloadHash !== sha256Hex(payload))
          throw problem('storage-damaged', `the payload of the record at ${position} does not match its hash`)
        records.push(record)
      }
    return records
  }

  auditRecords(from: Position, limit: number): StretchAudit {
    const records: StoredLeaf[] = []
    const faults: { position: number; what: string }[] = []
    let commits = 0
    const see = (row: LogRow): void => {
      if (row.first < from) return // its commit begins in the stretch before
      commits += 1
      if (!isCommitSealed(this.#sealer, row))
        faults.push({ position: row.first, what: `the commit at ${row.first} is not what was written` })
    }
    for (const { commit, begin, end } of this.#stretch(from, from + Math.max(limit, 0), see))
      records.push(...unpackCommit(commit, begin, end))
    return { records, commits, faults }
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
    for (const { commit, begin, end } of this.#stretch(from, to))
      for (let place = begin; place < end; place++) leaves.push(leafAt(commit.leaves, place))
    return leaves
  }

  /** Commits of the records from a position up to another, with the part of each that is meant. @throws `storage-damaged` where one is missing */
  #stretch(
    from: number,
    to: number,
    see: (row: LogRow) => void = () => {},
  ): readonly { readonly commit: CommitRow; readonly begin: number; readonly end: number }[] {
    if (to <= from) return []
    return this.#database.reading(() => {
      const parts: { commit: CommitRow; begin: number; end: number }[] = []
      let next = from
      for (const row of this.#database.each<LogRow>(FROM_COMMIT, from, to)) {
        const commit = this.#commit(row)
        see(row)
        const begin = Math.max(0, from - commit.first)
        const end = Math.min(commit.count, to - commit.first)
        if (begin >= commit.count) continue
        if (!this.#lenient && commit.first + begin !== next) throw missingRecord(next)
        if (end > begin) parts.push({ commit, begin, end })
        next = commit.first + end
        if (next >= to) return parts
      }
      if (!this.#lenient && next <= this.head().position) throw missingRecord(next)
      return parts
    })
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
    const effects = this.#database.all<StoredEffect>(
      'SELECT position, ordinal, effect, payload FROM effect WHERE position > ? ORDER BY position, ordinal LIMIT ?',
      after,
      limit,
    )
    if (!this.#lenient) this.#checkEffects(effects, effects.length < limit)
    return effects.map(({ position, ordinal, effect, payload }) => ({ position, ordinal, effect, payload }))
  }
  /** Each must be the one that its operation's record names, and none of an operation missing but at the end of a page. */
  #checkEffects(effects: readonly StoredEffect[], whole: boolean): void {
    const last = effects.at(-1)?.position
    for (const [place, { position, ordinal, effect, payload }] of effects.entries()) {
      const before = effects[place - 1]
      if (before?.position === position ? ordinal !== before.ordinal + 1 : ordinal !== 0) throw damagedOutbox(position)
      const line = this.record(position)?.line
      const record = line === undefined ? null : parseRecord(line)
      const named = record?.kind === 'operation' ? record.effects : []
      if (named[ordinal]?.effect !== effect || named[ordinal].hash !== sha256Hex(payload)) throw damagedOutbox(position)
      const isLast = effects[place + 1]?.position !== position
      if (isLast && (whole || position !== last) && named.length !== ordinal + 1) throw damagedOutbox(position)
    }
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
    const rows = this.#database.all<SideRecord & { id: number; at: number; seal: string }>(
      `SELECT id, kind, principal, operation, action, at, body, seal FROM side WHERE ${columns.map((column) => `${column} = ? AND `).join('')}` +
        'id < ? ORDER BY id DESC LIMIT ?',
      ...columns.map((column) => filter[column] as string),
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    )
    return rows.map(({ at, seal, ...rest }) => {
      const row = { ...rest, recordedAtMs: at }
      if (!this.#lenient && seal !== sealSide(this.#sealer, row.id, row))
        throw problem('storage-damaged', `side record ${row.id} is not what was written`)
      return row
    })
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

  /** Something that can be taken apart. @throws `storage-damaged` when its seal is not right */
  #commit(row: LogRow): CommitRow {
    if (!this.#lenient && !isCommitSealed(this.#sealer, row))
      throw problem('storage-damaged', `the commit at ${row.first} is not what was written`)
    return commitOf(row)
  }
  /** The sketch of a record whose line is that of its leaf. @throws `storage-damaged` */
  #whole({ position, line, leaf }: StoredLeaf): LineSketch {
    const sketch = leafHash(line) === leaf ? sketchLine(line) : null
    if (sketch === null) throw problem('storage-damaged', `the record at ${position} does not match its leaf`)
    return sketch
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

  /** Runs of a stream in order, each with its commit. */
  *#runsFrom(no: number, version: number): Generator<RunRow> {
    for (const table of EVENT_TABLES)
      yield* this.#database.each<RunRow>(
        `SELECT e.version, e.ordinal, e.count AS run, ${OF_COMMIT} FROM ${table} e LEFT JOIN log l ON l.first = e.first` +
          ' WHERE e.stream = ? AND e.version >= ? ORDER BY e.version',
        no,
        version,
      )
  }

  /** The last run that begins at or before a position. Versions rise with positions, so halving over versions finds it in any history. */
  #runBefore(no: number, last: EventRun, at: number): EventRun | undefined {
    let run: EventRun | undefined
    let low = 1
    let high = last.version - 1
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const candidate = latestRun(this.#database, no, middle)
      if (candidate === undefined) break
      if (candidate.first + candidate.ordinal <= at) {
        run = candidate
        low = middle + 1
      } else high = candidate.version - 1
    }
    return run
  }
}

/** The type is the last member of an event's line, and a quote inside it is escaped. */
function typeOf(line: string): string {
  const text = line.slice(line.lastIndexOf(',"type":') + 8, -1)
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1)
}
