/**
 * Two bare writers of the same bytes: a loop over node:sqlite that does nothing but its statements, and a file that does nothing but grow.
 * Composing and hashing are done before the clock runs for the first, and counted for the second. Both sync once a batch.
 */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { prepareCommit } from '../../src/engine/committer/prepare-commit.ts'
import type { Position, StreamId } from '../../src/model/ids.ts'
import type { PreparedCommit } from '../../src/storage/storage.ts'
import { appendRequest, appendStream, BENCH_ORIGIN } from '../support/append-requests.ts'

/** One row a commit, its place in its stream, and its operation: what any log of operations has to write. */
const TABLES = `
CREATE TABLE log(first INTEGER PRIMARY KEY, count INTEGER, at INTEGER, leaves BLOB, sizes TEXT, body TEXT);
CREATE TABLE stream(no INTEGER PRIMARY KEY, id TEXT UNIQUE, since INTEGER);
CREATE TABLE event(stream INTEGER, version INTEGER, first INTEGER, PRIMARY KEY(stream, version)) WITHOUT ROWID;
CREATE TABLE operation(id TEXT PRIMARY KEY, position INTEGER, intent BLOB) WITHOUT ROWID;
CREATE TABLE head(id INTEGER PRIMARY KEY, position INTEGER, size INTEGER, root TEXT)`

export interface Packed {
  readonly commit: PreparedCommit
  readonly leaves: Uint8Array
  readonly sizes: string
  readonly body: string
}

/** Composes commits one batch after the other, as a committer would, for as many streams as a batch has commits. */
export class BatchSource {
  readonly #heads = new Map<StreamId, { version: number; leaf: string }>()
  readonly #eventsEach: number
  #next = 0
  constructor(eventsEach = 1) {
    this.#eventsEach = eventsEach
  }
  next(size: number): Packed[] {
    return Array.from({ length: size }, (_, place) => {
      const stream = appendStream(place)
      const head = this.#heads.get(stream) ?? { version: 0, leaf: '' }
      const request = appendRequest(stream, head.version, this.#eventsEach)
      const { commit, heads } = prepareCommit(request, BENCH_ORIGIN, this.#next as Position, 1, () => head)
      for (const [written, after] of heads) this.#heads.set(written, after)
      this.#next += commit.records.length
      return { commit, ...packed(commit) }
    })
  }
}

function packed({ records }: PreparedCommit): Omit<Packed, 'commit'> {
  return {
    leaves: Buffer.from(records.map(({ leaf }) => leaf).join(''), 'hex'),
    sizes: records.map(({ line, payload }) => `${line.length},${payload?.length ?? -1}`).join(','),
    body: records.map(({ line, payload }) => line + (payload ?? '')).join(''),
  }
}

/** Commits per second of a loop over node:sqlite, synchronous=FULL, `batch` commits a transaction. Only the statements are timed. */
export async function bareSqliteRate(scratch: string, batch: number, forMs: number): Promise<number> {
  const folder = join(scratch, 'bare')
  await mkdir(folder)
  const database = new DatabaseSync(join(folder, 'bare.db'))
  try {
    database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000')
    database.exec('PRAGMA cache_size=-65536; PRAGMA foreign_keys=OFF')
    database.exec(TABLES)
    const write = batchWriter(database)
    const source = new BatchSource()
    let spentMs = 0
    let done = 0
    while (spentMs < forMs) {
      const commits = source.next(batch)
      const startedMs = performance.now()
      write(commits)
      spentMs += performance.now() - startedMs
      done += batch
    }
    return (done * 1000) / spentMs
  } finally {
    database.close()
    await rm(folder, { recursive: true })
  }
}

function batchWriter(database: DatabaseSync): (commits: readonly Packed[]) => void {
  const begin = database.prepare('BEGIN IMMEDIATE')
  const end = database.prepare('COMMIT')
  const log = database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)')
  const stream = database.prepare('INSERT OR IGNORE INTO stream VALUES (?, ?, ?)')
  const event = database.prepare('INSERT INTO event VALUES (?, ?, ?)')
  const operation = database.prepare('INSERT INTO operation VALUES (?, ?, ?)')
  const head = database.prepare('INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)')
  const streams = new Map<StreamId, number>()
  return (commits) => {
    begin.run()
    let last = 0
    let root = ''
    for (const { commit, leaves, sizes, body } of commits) {
      log.run(commit.first, commit.records.length, commit.recordedAtMs, leaves, sizes, body)
      for (const written of commit.events) {
        let number = streams.get(written.stream)
        if (number === undefined) {
          streams.set(written.stream, (number = streams.size + 1))
          stream.run(number, written.stream, written.position)
        }
        event.run(number, written.version, commit.first)
      }
      last = commit.first + commit.records.length - 1
      root = commit.records.at(-1)?.leaf ?? ''
      operation.run(commit.operation, last, Buffer.from(commit.intentHash, 'hex'))
    }
    head.run(last, last + 1, root)
    end.run()
  }
}

/** Commits per second of a file that only grows: composed, hashed, written, synced once a batch. No index, no read model: an upper bound. */
export function bareFileRate(scratch: string, batch: number, forMs: number, eventsEach = 1): number {
  const path = join(scratch, 'bare.log')
  const file = openSync(path, 'w')
  try {
    const source = new BatchSource(eventsEach)
    const startedMs = performance.now()
    let commits = 0
    while (performance.now() - startedMs < forMs) {
      let text = ''
      for (const { body } of source.next(batch)) text += body
      writeSync(file, text)
      fdatasyncSync(file)
      commits += batch
    }
    return (commits * 1000) / (performance.now() - startedMs)
  } finally {
    closeSync(file)
    rmSync(path)
  }
}
