/** The writing half of the port on SQLite: one transaction per batch, durable when `write` returns. */
import type { RowChange } from '../../model/decision.ts'
import { streamParts, type StreamId } from '../../model/ids.ts'
import type { ReadModelManifest } from '../../model/manifest.ts'
import { problem } from '../../model/problems.ts'
import {
  SIDE_BODY_BYTES_MAX,
  SIDE_RECORDS_MAX,
  type DerivedStream,
  type PreparedBatch,
  type PreparedCommit,
  type SideRecord,
  type Snapshot,
  type StorageWriter,
} from '../storage.ts'
import { openWriter, type Database, type Synchronous } from './database.ts'
import { OperationIndex } from './operation-index.ts'
import { packCommit } from './packed-commit.ts'
import { ReadModelTables } from './read-model-tables.ts'
import { SqliteReader } from './reader.ts'

const STREAM_NUMBERS_MAX = 100_000 // stream numbers kept at hand; about 10 MB
const SIDE_TRIM_EVERY = 1_000 // side records of a kind between two trims of its ring

export interface SqliteOptions {
  /** Only tests weaken it: to see that the audit notices. */
  readonly synchronous?: Synchronous
}

/** Opens the data directory for writing, and makes what is not there. @throws `data-directory-locked` */
export function openSqliteWriter(directory: string, options: SqliteOptions = {}): SqliteWriter {
  const { database, unlock } = openWriter(directory, options.synchronous ?? 'FULL')
  return new SqliteWriter(database, unlock)
}

export class SqliteWriter implements StorageWriter {
  readonly reader: SqliteReader
  readonly #database: Database
  readonly #unlock: () => void
  readonly #models: ReadModelTables
  readonly #operations: OperationIndex
  readonly #streamNumbers = new Map<StreamId, number>()
  #lastStreamNumber: number
  #lastSideId: number
  readonly #sideSinceTrim = new Map<string, number>()

  constructor(database: Database, unlock: () => void) {
    this.#database = database
    this.#unlock = unlock
    this.reader = new SqliteReader(database)
    this.#models = new ReadModelTables(database)
    this.#operations = new OperationIndex(database)
    this.#lastStreamNumber = database.one<{ no: number | null }>('SELECT max(no) AS no FROM stream')?.no ?? 0
    this.#lastSideId = database.one<{ id: number | null }>('SELECT max(id) AS id FROM side')?.id ?? 0
  }

  write(batch: PreparedBatch): void {
    try {
      this.#database.writing(() => {
        for (const commit of batch.commits) this.#insert(commit)
        for (const { level, index, hashes } of batch.tiles)
          this.#database.run('INSERT INTO tile VALUES (?, ?, ?)', level, index, hashes)
        this.#database.run(
          'INSERT INTO head VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET position = excluded.position,' +
            ' size = excluded.size, root = excluded.root, at = excluded.at, effects = effects + excluded.effects',
          batch.head.position,
          batch.head.treeSize,
          batch.head.rootHash,
          batch.head.recordedAtMs,
          batch.commits.reduce((count, commit) => count + commit.effects.length, 0),
        )
      })
    } catch (error) {
      this.#forget()
      throw problem('storage-unavailable', 'the batch could not be written', {}, error)
    }
  }

  writeSide(records: readonly SideRecord[], snapshots: readonly Snapshot[]): void {
    this.#database.losable(() => {
      for (const record of records) this.#insertSide(record)
      for (const { stream, version, position, leaf, release, state } of snapshots)
        this.#database.run(
          'INSERT INTO snapshot SELECT no, ?, ?, ?, ?, ? FROM stream WHERE id = ?' +
            ' ON CONFLICT(stream, version) DO UPDATE SET release = excluded.release, state = excluded.state',
          version,
          position,
          leaf,
          release,
          state,
          stream,
        )
    })
  }

  declareReadModels(models: Readonly<Record<string, ReadModelManifest>>): void {
    this.#database.writing(() => this.#models.declare(models))
  }

  replaceDerived({ stream, models, rows, kids }: DerivedStream): void {
    this.#database.writing(() => {
      for (const model of models)
        this.#models.replaceHistory(
          model,
          streamParts(stream).id,
          rows.filter((row) => row.model === model),
        )
      const no = this.#database.one<{ no: number }>('SELECT no FROM stream WHERE id = ?', stream)?.no
      if (no === undefined) return
      this.#database.run('DELETE FROM snapshot WHERE stream = ?', no)
      for (const kid of kids)
        this.#database.run('UPDATE subject_key SET derived = 1 WHERE kid = ? AND stream = ?', kid, no)
    })
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
      'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      commit.first,
      commit.records.length,
      commit.recordedAtMs,
      commit.operation,
      Buffer.from(commit.intentHash, 'hex'),
      leaves,
      sizes,
      body,
    )
    for (const run of runsOf(commit))
      database.run(
        'INSERT INTO event VALUES (?, ?, ?, ?, ?)',
        this.#streamNumber(run.stream, commit.first + run.ordinal),
        run.version,
        commit.first,
        run.ordinal,
        run.count,
      )
    this.#operations.add(commit.operation, commit.first + commit.records.length - 1)
    for (const row of commit.rows) this.#models.change(row satisfies RowChange, row.position)
    for (const { kid, stream } of commit.keys ?? [])
      database.run(
        'INSERT INTO subject_key(kid, stream) VALUES (?, ?) ON CONFLICT DO NOTHING',
        kid,
        this.#streamNumber(stream, commit.first),
      )
    for (const { position, ordinal, effect, payload } of commit.effects)
      database.run('INSERT INTO effect VALUES (?, ?, ?, ?)', position, ordinal, effect, payload)
  }

  #insertSide({ kind, principal, operation, action, recordedAtMs, body }: SideRecord): void {
    const bounded = Buffer.byteLength(body) <= SIDE_BODY_BYTES_MAX ? body : JSON.stringify({ cut: true })
    this.#database.run(
      'INSERT INTO side VALUES (?, ?, ?, ?, ?, ?, ?)',
      ++this.#lastSideId,
      kind,
      principal,
      operation,
      action,
      recordedAtMs,
      bounded,
    )
    const since = (this.#sideSinceTrim.get(kind) ?? SIDE_TRIM_EVERY) + 1
    this.#sideSinceTrim.set(kind, since >= SIDE_TRIM_EVERY ? 0 : since)
    if (since >= SIDE_TRIM_EVERY)
      this.#database.run(
        'DELETE FROM side WHERE kind = ?1 AND id <= (SELECT id FROM side WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)',
        kind,
        SIDE_RECORDS_MAX,
      )
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

  /** A failed transaction took new streams with it. */
  #forget(): void {
    this.#streamNumbers.clear()
    this.#operations.forget()
    this.#lastStreamNumber = this.#database.one<{ no: number | null }>('SELECT max(no) AS no FROM stream')?.no ?? 0
  }
}

/** Groups of events of one stream that stand next to each other in the commit. */
function runsOf(commit: PreparedCommit): { stream: StreamId; version: number; ordinal: number; count: number }[] {
  const runs: { stream: StreamId; version: number; ordinal: number; count: number }[] = []
  for (const { stream, version, position } of commit.events) {
    const ordinal = position - commit.first
    const last = runs.at(-1)
    if (last !== undefined && last.stream === stream && last.ordinal + last.count === ordinal) last.count++
    else runs.push({ stream, version, ordinal, count: 1 })
  }
  return runs
}
