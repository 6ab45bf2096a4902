/**
 * What the store can say about itself, read from end to end: seals and tallies, sums over its indexes (which an audit compares with the log that they
 * follow from), the tables and triggers that there should be, and whether the file is whole.
 */
import { DatabaseSync } from 'node:sqlite'
import type { Position, StreamId } from '../../model/ids.ts'
import { EventRuns } from '../../model/event-runs.ts'
import { MultisetHash, operationEntry, streamEntry } from '../../model/multiset-hash.ts'
import { Problem } from '../../model/problems.ts'
import type { StoreAudit } from '../storage.ts'
import { FORMAT, type Database } from './database.ts'
import { EVENT_TABLES, misplacedStreams, type EventRun } from './event-index.ts'
import { OPERATION_TABLES } from './operation-index.ts'
import { columnFault, tableOf, tablesSql } from './read-model-tables.ts'
import { HEAD, isHeadSealed, sealModel, sealRow, sealSide, sealSnapshot, sealSubjectKey, type HeadRow } from './rows.ts'
import { SCHEMA } from './schema.ts'
import type { Seal, Sealer } from './seal.ts'
import { readTallies, valueOf, type Tally } from './tally.ts'

const FAULTS_OF_A_TABLE_MAX = 5
const LEVELS = 6 // 2^48 records
const RUN_EVENTS_MAX = 1_000_000 // more than a commit can hold

export function auditStore(database: Database, sealer: Sealer, at: Position): StoreAudit {
  const audit = new StoreAuditor(database, sealer, at)
  database.exec('PRAGMA temp_store=FILE') // what it sorts may be larger than what an audit may hold
  try {
    return database.reading(() => audit.run())
  } finally {
    database.exec('PRAGMA temp_store=MEMORY')
  }
}

interface SideRow {
  readonly id: number
  readonly kind: string
  readonly principal: string
  readonly operation: string | null
  readonly action: string
  readonly at: number
  readonly body: string
  readonly seal: Seal
}
interface ModelRow extends Record<string, unknown> {
  readonly id: string
  readonly key: string
  readonly since: number
  readonly until: number | null
  readonly row: string
  readonly seal: Seal
}

class StoreAuditor {
  readonly #database: Database
  readonly #sealer: Sealer
  readonly #at: Position
  /** Last position that is committed by now: what lies behind it is nobody's. */
  #end = -1
  readonly #faults = new Map<string, string[]>()

  constructor(database: Database, sealer: Sealer, at: Position) {
    this.#database = database
    this.#sealer = sealer
    this.#at = at
  }

  run(): StoreAudit {
    this.#attempt('head', () => {
      this.#end = this.#database.one<{ position: number }>('SELECT position FROM head')?.position ?? -1
    })
    this.#attempt('file', () => this.#file())
    this.#attempt('schema', () => this.#schema())
    this.#attempt('head', () => this.#head())
    this.#attempt('side', () => this.#side())
    this.#attempt('snapshot', () => this.#snapshots())
    this.#attempt('read_model', () => this.#readModels())
    this.#attempt('subject_key', () => this.#subjectKeys())
    const events = new EventRuns()
    const streams = new MultisetHash()
    const operations = new MultisetHash()
    const tiles: number[] = []
    let commits = 0
    this.#attempt('log', () => {
      commits =
        this.#database.one<{ count: number }>(
          'SELECT count(*) AS count FROM log WHERE first <= ?1 OR first > ?2',
          this.#at,
          this.#end,
        )?.count ?? 0
    })
    this.#attempt('event', () => this.#events(events))
    this.#attempt('stream', () => {
      for (const { id, since } of this.#database.each<{ id: string; since: number }>(
        'SELECT id, since FROM stream WHERE since <= ?1 OR since > ?2',
        this.#at,
        this.#end,
      ))
        streams.add(streamEntry(id, since))
    })
    this.#attempt('operation index', () => {
      for (const table of OPERATION_TABLES)
        for (const { key, position } of this.#database.each<{ key: number; position: number }>(
          `SELECT * FROM ${table} WHERE position <= ?1 OR position > ?2`,
          this.#at,
          this.#end,
        ))
          operations.add(operationEntry(key, position))
    })
    this.#attempt('tile', () => {
      // Those that are full at the position, and whatever does not fit a tree at all.
      const levels =
        'SELECT level, count(*) AS count FROM tile WHERE level > 5 OR (place + 1) << (8 * (level + 1)) <= ?1 OR (place + 1) << (8 * (level + 1)) > ?2 GROUP BY level'
      for (const { level, count } of this.#database.all<{ level: number; count: number }>(
        levels,
        this.#at + 1,
        this.#end + 1,
      ))
        if (level >= 0 && level < LEVELS) tiles[level] = count
        else this.#fault('tile', `there are tiles of level ${level}`)
    })
    return {
      events: events.total,
      streams: plain(streams),
      operations: plain(operations),
      commits,
      tiles: Array.from(tiles, (count) => count ?? 0),
      faults: [...this.#faults.values()].flat(),
    }
  }

  #fault(table: string, what: string): void {
    const faults = this.#faults.get(table) ?? []
    if (faults.length < FAULTS_OF_A_TABLE_MAX) faults.push(what)
    this.#faults.set(table, faults)
  }
  #attempt(table: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      const what = error instanceof Problem ? error.detail : error instanceof Error ? error.message : String(error)
      this.#fault(table, `\`${table}\` cannot be read: ${what}`)
    }
  }

  #file(): void {
    for (const row of this.#database.all<Record<string, string>>(`PRAGMA integrity_check(${FAULTS_OF_A_TABLE_MAX})`))
      for (const said of Object.values(row)) if (said !== 'ok') this.#fault('file', `the database file: ${said}`)
  }

  /** A trigger that is gone lets the log be edited; one that was added could write by itself. */
  #schema(): void {
    const objects = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    const there = new Map(
      this.#database.all<{ name: string; sql: string }>(objects).map(({ name, sql }) => [name, sql]),
    )
    const model = new DatabaseSync(':memory:')
    try {
      model.exec(SCHEMA)
      for (const { no, definition } of this.#database.all<{ no: number; definition: string }>(
        'SELECT no, definition FROM read_model',
      ))
        model.exec(tablesSql(tableOf({ no, definition })))
      for (const row of model.prepare(objects).all()) {
        const { name, sql } = row as { name: string; sql: string }
        if (there.get(name) !== sql) this.#fault('schema', `\`${name}\` is missing from the database, or is another`)
        there.delete(name)
      }
      for (const name of there.keys()) this.#fault('schema', `\`${name}\` does not belong into the database`)
    } finally {
      model.close()
    }
  }

  #head(): void {
    const heads = this.#database.all<HeadRow>(HEAD)
    const [head] = heads
    if (head === undefined && this.#database.one('SELECT first FROM log LIMIT 1') === undefined) return
    if (head === undefined || heads.length > 1 || !isHeadSealed(this.#sealer, head))
      this.#fault('head', 'the head of the log is not what was written')
    const format = this.#database.one<{ value: string }>("SELECT value FROM meta WHERE name = 'format'")?.value
    if (format !== FORMAT) this.#fault('head', 'the database does not say of which format it is')
  }

  #side(): void {
    const counted = new Counted()
    for (const row of this.#database.each<SideRow>('SELECT * FROM side')) {
      const seal = sealSide(this.#sealer, row.id, { ...row, recordedAtMs: row.at })
      if (row.seal === seal) counted.add(seal)
      else this.#fault('side', `side record ${row.id} is not what was written`)
    }
    this.#compare('side', counted, 'side records')
  }

  #snapshots(): void {
    const rows =
      'SELECT s.id AS stream, n.version, n.position, n.leaf, n.release, n.state, n.seal FROM snapshot n LEFT JOIN stream s ON s.no = n.stream'
    for (const row of this.#database.each<Parameters<typeof sealSnapshot>[2] & { stream: string; seal: Seal }>(rows))
      if (row.seal !== sealSnapshot(this.#sealer, row.stream, row))
        this.#fault('snapshot', `the snapshot of \`${row.stream}\` at ${row.version} is not what was written`)
  }

  #readModels(): void {
    const declared = this.#database.all<{ no: number; name: string; definition: string; seal: Seal }>(
      'SELECT * FROM read_model',
    )
    const models = new Counted()
    for (const { no, name, definition, seal } of declared) {
      if (seal === sealModel(this.#sealer, no, name, definition)) models.add(seal)
      else this.#fault('read_model', `the declaration of read model \`${name}\` is not what was written`)
      for (const kind of ['rows', 'past'] as const)
        this.#attempt(`${kind}_${no}`, () => this.#rows(kind, no, name, definition))
    }
    this.#compare('read_model', models, 'declarations of read models')
    // A number that is given twice would make rows of an old table right in a new one.
    const used =
      this.#database.one<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'read_model'")?.seq ?? 0
    if (declared.some(({ no }) => no > used)) this.#fault('read_model', 'numbers of read models would be used again')
    const known = new Set(declared.map(({ no }) => `past_${no}`))
    for (const table of readTallies(this.#database)?.keys() ?? [])
      if (table.startsWith('past_') && !known.has(table))
        this.#fault('read_model', `\`${table}\` was counted, and no read model declares it`)
  }

  #rows(kind: 'rows' | 'past', no: number, name: string, definition: string): void {
    const table = tableOf({ no, definition })
    const counted = new Counted()
    const until = kind === 'rows' ? ', NULL AS until' : ''
    for (const row of this.#database.each<ModelRow>(`SELECT *${until} FROM ${kind}_${no}`)) {
      const { id, key, since, until: ended, row: text, seal } = row
      if (seal !== sealRow(this.#sealer, no, id, key, since, ended, text))
        this.#fault(`${kind}_${no}`, `a row of read model \`${name}\` is not what was written (\`${id}\`)`)
      else if (columnFault(table, row, text))
        this.#fault(`${kind}_${no}`, `a row of read model \`${name}\` is indexed under another value (\`${id}\`)`)
      else counted.add(seal)
    }
    if (kind === 'past') {
      this.#compare(`past_${no}`, counted, `earlier rows of read model \`${name}\``)
      this.#overlaps(no, name)
      return
    }
    // What holds now is compared with a rebuild, by whoever can fold the events; a row that was gone for a while, and was written again, shows in the count.
    const written = readTallies(this.#database)?.get(`rows_${no}`)
    if (written !== undefined)
      this.#compare(`rows_${no}`, { ...counted, sum: written.sum }, `rows of read model \`${name}\``)
  }

  /** An earlier row that was brought back, and then changed, has held twice. */
  #overlaps(no: number, name: string): void {
    const twice =
      `SELECT a.id FROM past_${no} a JOIN past_${no} b ON a.id = b.id AND a.key = b.key AND a.rowid < b.rowid` +
      ` WHERE a.since < b.until AND b.since < a.until UNION ALL` +
      ` SELECT a.id FROM past_${no} a JOIN rows_${no} b ON a.id = b.id AND a.key = b.key WHERE b.since < a.until LIMIT ?`
    for (const { id } of this.#database.all<{ id: string }>(twice, FAULTS_OF_A_TABLE_MAX))
      this.#fault(`past_${no}`, `two rows of read model \`${name}\` held at once (\`${id}\`)`)
  }

  #subjectKeys(): void {
    const counted = new Counted()
    const rows = 'SELECT kid, stream, derived FROM subject_key'
    for (const { kid, stream, derived } of this.#database.each<{ kid: string; stream: number; derived: number }>(rows))
      counted.add(sealSubjectKey(this.#sealer, kid, stream, derived))
    this.#compare('subject_key', counted, 'names of the keys that streams are sealed under')
  }

  #events(events: EventRuns): void {
    for (const table of EVENT_TABLES) {
      const runs = `SELECT s.id, e.version, e.first, e.ordinal, e.count FROM ${table} e LEFT JOIN stream s ON s.no = e.stream WHERE e.first <= ?1 OR e.first > ?2 ORDER BY e.stream, e.version`
      for (const { id, version, first, ordinal, count } of this.#database.each<EventRun & { id: StreamId | null }>(
        runs,
        this.#at,
        this.#end,
      ))
        if (id === null || !(count >= 1 && count <= RUN_EVENTS_MAX))
          this.#fault('event', 'the index of events holds an entry of no stream')
        else events.add(id, version, first + ordinal, count)
    }
    for (const stream of misplacedStreams(this.#database))
      this.#fault('event', `the index of events has the entries of stream number ${stream} out of order`)
  }

  #compare(table: string, found: Tally, what: string): void {
    const { rows, sum }: Tally = readTallies(this.#database)?.get(table) ?? { rows: 0, sum: 0n }
    if (rows !== found.rows || sum !== found.sum)
      this.#fault(
        table,
        `${what} were removed, added or brought back: there are ${found.rows} of ${rows} that were written`,
      )
  }
}

const plain = ({ count, sum }: MultisetHash) => ({ count, sum })

class Counted implements Tally {
  rows = 0
  sum = 0n
  add(seal: Seal): void {
    this.rows += 1
    this.sum = (this.sum + valueOf(seal)) % 2n ** 256n
  }
}
