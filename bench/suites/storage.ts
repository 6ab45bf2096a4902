/** The tables: ours against the shape that event stores on SQLite usually have, at equal work, in the same engine, without anything else. */
import { join } from 'node:path'
import { mkdir, rm, stat } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { atLeast, atMost, type Bench, type Figures, type OpenSuite, type Suite } from '../measure/suite.ts'
import { BatchSource, type Packed } from '../probes/bare-writers.ts'
import { openSqliteWriter } from '../../src/storage/sqlite/writer.ts'
import type { Hash } from '../../src/model/ids.ts'

const EVENTS_EACH = 4
const COMMANDS = 100 // a transaction
const KEEPS_WAL_PAGES = 1_000

export const storage: Suite = {
  name: 'storage',
  title: 'The tables',
  method:
    'Operations of four events, ready composed and hashed, a hundred a transaction, synchronous=FULL: written by our adapter, and into a row an event with text ids, ' +
    'JSON columns, a unique event id, a row a stream and a row an idempotency key. Only the writing is timed. Bytes are those of the file after a checkpoint.',
  rows: [
    {
      id: 'tables-rate',
      what: 'events written, four an operation, 100 operations a transaction',
      unit: 'events/s',
      figure: 'ours',
      against: [{ what: 'tables in the usual shape', figure: 'usual', target: atLeast(2) }],
    },
    {
      id: 'tables-bytes',
      what: 'bytes stored for a byte of record',
      unit: '×',
      figure: 'bytesRatio',
      target: atMost(1.2),
    },
  ],
  open,
}

async function open({ sizes, scratch }: Bench): Promise<OpenSuite> {
  async function within<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
    const folder = join(scratch, 'tables')
    await mkdir(folder)
    try {
      return await work(folder)
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  const run = async (): Promise<Figures> => {
    const ours = await within((folder) => writeOurs(folder, sizes.measureMs))
    const usual = await within((folder) => writeUsual(folder, sizes.measureMs))
    return { ours: ours.perSecond, bytesRatio: ours.bytesRatio, usual }
  }
  return { run, close: async () => {} }
}

async function writeOurs(
  folder: string,
  forMs: number,
): Promise<{ readonly perSecond: number; readonly bytesRatio: number }> {
  const writer = openSqliteWriter(folder)
  const source = new BatchSource(EVENTS_EACH)
  let recordBytes = 0
  const perSecond = timed(source, forMs, (batch) => {
    const last = batch.at(-1)?.commit
    const size = last === undefined ? 0 : last.first + last.records.length
    writer.write({
      commits: batch.map(({ commit }) => commit),
      tiles: [],
      head: { position: size - 1, treeSize: size, rootHash: ''.padEnd(64, '0') as Hash, recordedAtMs: 1 } as never,
    })
    for (const { body } of batch) recordBytes += Buffer.byteLength(body)
  })
  writer.close() // checkpoints, so that everything is in the one file
  const { size } = await stat(join(folder, 'data.db'))
  return { perSecond, bytesRatio: size / recordBytes }
}

const USUAL_TABLES = `
CREATE TABLE streams(id TEXT PRIMARY KEY, type TEXT NOT NULL, version INTEGER NOT NULL, metadata TEXT NOT NULL);
CREATE TABLE events(
  position INTEGER PRIMARY KEY AUTOINCREMENT, stream_id TEXT NOT NULL, version INTEGER NOT NULL, event_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
  data TEXT NOT NULL, metadata TEXT NOT NULL, created TEXT NOT NULL, UNIQUE(stream_id, version));
CREATE TABLE keys(principal TEXT NOT NULL, key TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY(principal, key));`

async function writeUsual(folder: string, forMs: number): Promise<number> {
  const database = new DatabaseSync(join(folder, 'usual.db'))
  try {
    database.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=${KEEPS_WAL_PAGES}`)
    database.exec(`PRAGMA cache_size=-65536; PRAGMA foreign_keys=OFF; ${USUAL_TABLES}`)
    const begin = database.prepare('BEGIN IMMEDIATE')
    const end = database.prepare('COMMIT')
    const stream = database.prepare(
      "INSERT INTO streams VALUES (?, 'account', ?, '{}') ON CONFLICT(id) DO UPDATE SET version = excluded.version",
    )
    const event = database.prepare(
      'INSERT INTO events(stream_id, version, event_id, type, data, metadata, created) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    const key = database.prepare("INSERT INTO keys VALUES ('agent', ?, '{}')")
    return timed(new BatchSource(EVENTS_EACH), forMs, (batch) => {
      begin.run()
      for (const { commit } of batch) {
        for (const [place, { stream: id, version, type }] of commit.events.entries()) {
          const { line, payload } = commit.records[place] as Packed['commit']['records'][number]
          event.run(id, version, `${commit.operation}/${place}`, type, payload ?? '', line, '2026-01-01T00:00:00.000Z')
          stream.run(id, version)
        }
        key.run(commit.operation)
      }
      end.run()
    })
  } finally {
    database.close()
  }
}

/** Events per second; making the batches is not counted. */
function timed(source: BatchSource, forMs: number, write: (batch: readonly Packed[]) => void): number {
  let spentMs = 0
  let events = 0
  while (spentMs < forMs) {
    const batch = source.next(COMMANDS)
    const startedMs = performance.now()
    write(batch)
    spentMs += performance.now() - startedMs
    events += COMMANDS * EVENTS_EACH
  }
  return (events * 1000) / spentMs
}
