/** The writing half of the port on SQLite: one transaction per batch, durable when `write` returns. */
import type { RowChange } from '../../model/decision.ts'
import { streamParts, type Hash, type Position, type StreamId } from '../../model/ids.ts'
import type { ReadModelManifest } from '../../model/manifest.ts'
import { EMPTY_ROOT } from '../../model/merkle.ts'
import { problem } from '../../model/problems.ts'
import { storageFault } from '../../model/system-fault.ts'
import {
  SIDE_BODY_BYTES_MAX,
  SIDE_RECORDS_MAX,
  type DerivedStream,
  type LogHead,
  type PreparedBatch,
  type PreparedCommit,
  type SideRecord,
  type Snapshot,
  type StorageWriter,
} from '../storage.ts'
import { openWriter, type Database, type Synchronous } from './database.ts'
import { EventIndex, type EventRun } from './event-index.ts'
import { OperationIndex } from './operation-index.ts'
import { packCommit } from './packed-commit.ts'
import { ReadModelTables } from './read-model-tables.ts'
import { SqliteReader } from './reader.ts'
import { sealCommit, sealSide, sealSnapshot, sealSubjectKey } from './rows.ts'
import type { Sealer } from './seal.ts'
import { Tallies } from './tally.ts'

const STREAM_NUMBERS_MAX = 100_000 // stream numbers kept at hand; about 10 MB
const SIDE_TRIM_EVERY = 1_000 // side records of a kind between two trims of its ring

export interface SqliteOptions {
  /** Only tests weaken it: to see that the audit notices. */
  readonly synchronous?: Synchronous
}

/** Opens the data directory for writing, and makes what is not there. @throws `data-directory-locked` */
export function openSqliteWriter(directory: string, options: SqliteOptions = {}): SqliteWriter {
  const { database, sealer, unlock } = openWriter(directory, options.synchronous ?? 'FULL')
  return new SqliteWriter(database, sealer, unlock)
}

export class SqliteWriter implements StorageWriter {
  readonly reader: SqliteReader
  readonly #database: Database
  readonly #sealer: Sealer
  readonly #tallies: Tallies
  readonly #unlock: () => void
  #head: LogHead & { effects: number }
  readonly #models: ReadModelTables
  readonly #operations: OperationIndex
  readonly #events: EventIndex
  readonly #streamNumbers = new Map<StreamId, number>()
  #lastStreamNumber: number
  #lastSideId: number
  readonly #sideSinceTrim = new Map<string, number>()

  constructor(database: Database, sealer: Sealer, unlock: () => void) {
    this.#database = database
    this.#sealer = sealer
    this.#unlock = unlock
    this.reader = new SqliteReader(database, sealer)
    this.#tallies = new Tallies(database, sealer)
    this.#head = this.#storedHead()
    this.#models = new ReadModelTables(database, sealer, this.#tallies)
    this.#operations = new OperationIndex(database)
    this.#events = new EventIndex(database)
    this.#lastStreamNumber = database.one<{ no: number | null }>('SELECT max(no) AS no FROM stream')?.no ?? 0
    this.#lastSideId = database.one<{ id: number | null }>('SELECT max(id) AS id FROM side')?.id ?? 0
  }

  write(batch: PreparedBatch): void {
    const effects = batch.commits.reduce((count, commit) => count + commit.effects.length, 0)
    try {
      this.#database.writing(() => {
        for (const commit of batch.commits) this.#insert(commit)
        this.#events.settle()
        for (const { level, index, hashes } of batch.tiles)
          this.#database.run('INSERT INTO tile VALUES (?, ?, ?)', level, index, hashes)
        this.#database.run(
          'INSERT INTO head VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET position = excluded.position,' +
            ' size = excluded.size, root = excluded.root, at = excluded.at, effects = effects + excluded.effects',
          batch.head.position,
          batch.head.treeSize,
          batch.head.rootHash,
          batch.head.recordedAtMs,
          effects,
        )
        this.#tallies.store({ ...batch.head, effects: this.#head.effects + effects }, true)
      })
      this.#head = { ...batch.head, effects: this.#head.effects + effects }
    } catch (error) {
      this.#forget()
      const why = storageFault(error)
      const detail = `the batch could not be written${why === null ? '' : `: ${why}`}`
      throw problem('storage-unavailable', detail, {}, error)
    }
  }

  writeSide(records: readonly SideRecord[], snapshots: readonly Snapshot[]): void {
    try {
      this.#database.losable(() => {
        for (const record of records) this.#insertSide(record)
        for (const snapshot of snapshots) this.#insertSnapshot(snapshot)
        this.#tallies.store(this.#head, false)
      })
    } catch (error) {
      this.#forget()
      throw error
    }
  }

  declareReadModels(models: Readonly<Record<string, ReadModelManifest>>): void {
    try {
      this.#database.writing(() => {
        this.#models.declare(models)
        this.#tallies.store(this.#head, false)
      })
    } catch (error) {
      this.#forget()
      throw error
    }
  }

  replaceDerived(derived: DerivedStream): void {
    try {
      this.#database.writing(() => {
        this.#replaceDerived(derived)
        this.#tallies.store(this.#head, false)
      })
    } catch (error) {
      this.#forget()
      throw error
    }
  }
  #replaceDerived({ stream, models, rows, kids }: DerivedStream): void {
    for (const model of models)
      this.#models.replaceHistory(
        model,
        streamParts(stream).id,
        rows.filter((row) => row.model === model),
      )
    const no = this.#database.one<{ no: number }>('SELECT no FROM stream WHERE id = ?', stream)?.no
    if (no === undefined) return
    this.#database.run('DELETE FROM snapshot WHERE stream = ?', no)
    for (const kid of kids) {
      const update = 'UPDATE subject_key SET derived = 1 WHERE kid = ? AND stream = ? AND derived = 0 RETURNING kid'
      if (this.#database.one(update, kid, no) === undefined) continue
      this.#tallies.remove('subject_key', sealSubjectKey(this.#sealer, kid, no, 0))
      this.#tallies.add('subject_key', sealSubjectKey(this.#sealer, kid, no, 1))
    }
  }

  setMeta(name: string, value: string): void {
    this.#database.losable(() =>
      this.#database.run(
        'INSERT INTO meta VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value',
        name,
        value,
      ),
    )
  }

  close(): void {
    this.#database.close()
    this.#unlock()
  }

  #insert(commit: PreparedCommit): void {
    const database = this.#database
    const { leaves, sizes, body } = packCommit(commit)
    database.run(
      'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      commit.first,
      commit.records.length,
      commit.recordedAtMs,
      commit.operation,
      Buffer.from(commit.intentHash, 'hex'),
      leaves,
      sizes,
      body,
      sealCommit(
        this.#sealer,
        {
          first: commit.first,
          count: commit.records.length,
          at: commit.recordedAtMs,
          operation: commit.operation,
          sizes,
        },
        commit.intentHash,
        commit.records.length === 1
          ? (commit.records[0]?.leaf as Hash)
          : commit.records.map(({ leaf }) => leaf).join(''),
      ),
    )
    for (const run of runsOf(commit)) this.#events.add(this.#streamNumber(run.stream, commit.first + run.ordinal), run)
    this.#operations.add(commit.operation, commit.first + commit.records.length - 1)
    for (const row of commit.rows) this.#models.change(row satisfies RowChange, row.position)
    for (const { kid, stream } of commit.keys ?? []) {
      const no = this.#streamNumber(stream, commit.first)
      const insert = 'INSERT INTO subject_key(kid, stream) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING kid'
      if (database.one(insert, kid, no) !== undefined)
        this.#tallies.add('subject_key', sealSubjectKey(this.#sealer, kid, no, 0))
    }
    for (const { position, ordinal, effect, payload } of commit.effects)
      database.run('INSERT INTO effect VALUES (?, ?, ?, ?)', position, ordinal, effect, payload)
  }

  #insertSnapshot(snapshot: Snapshot): void {
    const { stream, version, position, leaf, release, state } = snapshot
    this.#database.run(
      'INSERT INTO snapshot SELECT no, ?, ?, ?, ?, ?, ? FROM stream WHERE id = ? ON CONFLICT(stream, version)' +
        ' DO UPDATE SET position = excluded.position, leaf = excluded.leaf, release = excluded.release, state = excluded.state, seal = excluded.seal',
      version,
      position,
      leaf,
      release,
      state,
      sealSnapshot(this.#sealer, stream, snapshot),
      stream,
    )
  }

  #insertSide({ kind, principal, operation, action, recordedAtMs, body }: SideRecord): void {
    const bounded = Buffer.byteLength(body) <= SIDE_BODY_BYTES_MAX ? body : JSON.stringify({ cut: true })
    const row = { kind, principal, operation, action, recordedAtMs, body: bounded }
    const seal = sealSide(this.#sealer, ++this.#lastSideId, row)
    this.#tallies.add('side', seal)
    this.#database.run(
      'INSERT INTO side VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      this.#lastSideId,
      kind,
      principal,
      operation,
      action,
      recordedAtMs,
      bounded,
      seal,
    )
    const since = (this.#sideSinceTrim.get(kind) ?? SIDE_TRIM_EVERY) + 1
    this.#sideSinceTrim.set(kind, since >= SIDE_TRIM_EVERY ? 0 : since)
    if (since >= SIDE_TRIM_EVERY)
      for (const { seal: dropped } of this.#database.all<{ seal: string }>(
        'DELETE FROM side WHERE kind = ?1 AND id <= (SELECT id FROM side WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2) RETURNING seal',
        kind,
        SIDE_RECORDS_MAX,
      ))
        this.#tallies.remove('side', dropped)
  }

  #streamNumber(stream: StreamId, position: number): number {
    const known =
      this.#streamNumbers.get(stream) ??
      this.#database.one<{ no: number }>('SELECT no FROM stream WHERE id = ?', stream)?.no
    if (known !== undefined) return this.#remember(stream, known)
    const no = ++this.#lastStreamNumber
    this.#database.run('INSERT INTO stream VALUES (?, ?, ?)', no, stream, position)
    return this.#remember(stream, no)
  }
  #remember(stream: StreamId, no: number): number {
    if (this.#streamNumbers.size >= STREAM_NUMBERS_MAX) this.#streamNumbers.clear()
    this.#streamNumbers.set(stream, no)
    return no
  }

  #storedHead(): LogHead & { effects: number } {
    const row = this.#database.one<{ position: number; size: number; root: string; at: number; effects: number }>(
      'SELECT position, size, root, at, effects FROM head',
    )
    if (row === undefined)
      return { position: -1 as Position, treeSize: 0, rootHash: EMPTY_ROOT, recordedAtMs: 0, effects: 0 }
    const { position, size, root, at, effects } = row
    return { position: position as Position, treeSize: size, rootHash: root as Hash, recordedAtMs: at, effects }
  }

  /** A failed transaction took new streams with it. */
  #forget(): void {
    this.#streamNumbers.clear()
    this.#operations.forget()
    this.#events.forget()
    this.#tallies.forget()
    this.#lastStreamNumber = this.#database.one<{ no: number | null }>('SELECT max(no) AS no FROM stream')?.no ?? 0
  }
}

/** Groups of events of one stream that stand next to each other in the commit. */
function runsOf(commit: PreparedCommit): (EventRun & { readonly stream: StreamId })[] {
  const { first } = commit
  const runs: (EventRun & { readonly stream: StreamId; count: number })[] = []
  for (const { stream, version, position } of commit.events) {
    const ordinal = position - commit.first
    const last = runs.at(-1)
    if (last !== undefined && last.stream === stream && last.ordinal + last.count === ordinal) last.count++
    else runs.push({ stream, version, first, ordinal, count: 1 })
  }
  return runs
}
