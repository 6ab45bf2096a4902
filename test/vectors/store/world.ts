/** A whole system's data directory, closed, with something in every table; copies of it; and what anybody may ask of one. */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { recoverTree } from '../../../src/engine/committer/recover-tree.ts'
import { openForReading } from '../../../src/engine/personal/open-for-reading.ts'
import { verify } from '../../../src/engine/verify.ts'
import type { VerifyReport } from '../../../src/engine/engine.ts'
import { loadEvents } from '../../../src/event-log/load.ts'
import type { Position, StreamId } from '../../../src/model/ids.ts'
import { Problem } from '../../../src/model/problems.ts'
import { parseVerifierKey } from '../../../src/model/signed-note.ts'
import { openSqliteAuditReader, openSqliteReader, type SqliteReader } from '../../../src/storage/sqlite/reader.ts'
import { inclusionProof } from '../../../src/transparency-log/proofs.ts'
import { NEVER } from '../../support/bank-system.ts'
import { everythingOfABank, everythingOfAClinic } from '../mutation/everything.ts'

/** `bank`: all kinds of records, small; `tiles`: the same with a full tile; `clinic`: personal data, some of it erased. */
export type Kind = 'bank' | 'tiles' | 'clinic'
export interface StoreWorld {
  readonly kind: Kind
  readonly dir: string
  readonly uses: readonly Use[]
  /** What the audit says while nothing is changed. */
  readonly sound: VerifyReport['verdict']
  /** A directory with the same content, with its own database. */
  copy(name: string): string
  /** The verdict over a directory; a Problem when it cannot even be opened. */
  verdict(dir: string): Promise<VerifyReport | Problem>
}
/** Something that a running system asks of its store. */
export interface Use {
  readonly name: string
  readonly ask: (reader: SqliteReader) => unknown
  /** The answer of the store as it was written. */
  readonly answer: string
}

const FILES = ['data.db', 'rows.key', 'subject-keys.db', 'subject-keys.key']
const IMPORTED = 260 // enough for a full tile

/** As the indexes do by themselves after thousands of entries. */
const MOVED_ON = `
  INSERT INTO event SELECT * FROM event_new WHERE first < 320; DELETE FROM event_new WHERE first < 320;
  INSERT INTO operation_old SELECT * FROM operation_new WHERE position < 20;
  INSERT INTO operation_middle SELECT * FROM operation_new WHERE position BETWEEN 20 AND 40; DELETE FROM operation_new WHERE position <= 40`

export async function storeWorld(test: TestContext, kind: Kind): Promise<StoreWorld> {
  const { dir, release, sandbox } =
    kind === 'clinic' ? await everythingOfAClinic(test) : await everythingOfABank(test, kind === 'tiles' ? IMPORTED : 0)
  for (const name of FILES.filter((file) => file.endsWith('.db') && existsSync(join(dir, file)))) {
    const opened = new DatabaseSync(join(dir, name))
    opened.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE')
    if (kind === 'tiles' && name === 'data.db') opened.exec(MOVED_ON)
    opened.close()
  }
  const log = parseVerifierKey(readFileSync(join(dir, 'log.vkey'), 'utf8').trim())
  return {
    kind,
    dir,
    uses: usesOf(dir, kind),
    sound: kind === 'clinic' ? 'valid-with-erasures' : 'valid',
    copy(name) {
      const copy = join(dir, '..', 'copies', name)
      mkdirSync(copy, { recursive: true })
      for (const file of FILES) if (existsSync(join(dir, file))) copyFileSync(join(dir, file), join(copy, file))
      return copy
    },
    async verdict(of) {
      await using opened = new AsyncDisposableStack()
      try {
        const reader = openSqliteAuditReader(of)
        opened.defer(() => reader.close())
        const personal = openForReading(of, reader, release.manifest)
        if (personal !== null) opened.defer(() => personal.keys.close())
        await sandbox.load(release.id, release.bundle)
        const committer = { checkpoint: () => Promise.resolve(reader.meta('checkpoint')) }
        const keys = personal?.keys ?? null
        return await verify({ reader, release, sandbox, committer, log, keys }, () => {}, NEVER)
      } catch (error) {
        if (error instanceof Problem) return error
        throw error
      }
    },
  }
}

/** Everything that reading anything of it comes down to. */
function usesOf(dir: string, kind: Kind): readonly Use[] {
  const reader = openSqliteReader(dir)
  const head = reader.head()
  const all = reader.records(0 as Position, head.treeSize)
  const operations = all.flatMap(({ line }) => (line.includes('"kind":"operation"') ? [JSON.parse(line).op as string] : []))
  const streams = [...new Set(all.flatMap(({ line }) => (line.includes('"kind":"event"') ? [JSON.parse(line).stream as string] : [])))]
  const some = <Item>(items: readonly Item[]): readonly Item[] => items.filter((_, place) => place < 25 || place % 40 === 0)
  const asked: Record<string, (reader: SqliteReader) => unknown> = {
    'the head': (from) => from.head(),
    'all records': (from) => from.records(0 as Position, 1_000_000),
    'all leaves': (from) => from.leafHashes(0, head.treeSize),
    'the end of the log': (from) => recoverTree(from).rootHash(),
    'proofs': (from) => {
      const tree = recoverTree(from)
      return [0, 20, 100, 255, head.treeSize - 1].filter((index) => index < head.treeSize).map((index) => inclusionProof(tree, index, head.treeSize))
    },
    'the past': (from) => [0.2, 0.5, 0.9].map((part) => from.positionAt(Math.floor(all.length * part) === 0 ? 0 : timeOf(all[Math.floor(all.length * part)]?.line))),
    'the outbox': (from) => from.effects(-1 as Position, 1_000),
    'what was refused or read': (from) => from.sideRecords({}, null, 1_000),
    'the origin': (from) => from.meta('origin'),
    'the accounts': (from) => from.streams(kind === 'clinic' ? 'patient' : 'account', null, head.position, 1_000),
  }
  for (const operation of some(operations)) asked[`operation ${operation}`] = (from) => from.operation(operation as never)
  for (const stream of some(streams)) {
    asked[`head of ${stream}`] = (from) => from.streamHead(stream as StreamId)
    asked[`events of ${stream}`] = (from) => loadEvents(from, stream as StreamId, 0, head.position, 1_000)
  }
  asked['snapshot'] = (from) => from.snapshot('account/a' as StreamId, head.position)
  const models = kind === 'clinic' ? [['patients_by_email', { town: 'Berlin' }], ['visits_of_patient', {}]] as const : [['accounts_by_owner', { owner: 'ann' }], ['accounts_by_owner', {}]] as const
  for (const [model, where] of [...models, ['plinth.approvals', {}], ['plinth.approvals', { open: true }]] as const)
    for (const at of [undefined, Math.floor(head.position / 2)])
      asked[`${model} ${JSON.stringify(where)} at ${at}`] = (from) => from.find({ model, where, order: [], limit: 200, after: null }, at as Position)
  const uses = Object.entries(asked).map(([name, ask]) => ({ name, ask, answer: JSON.stringify(ask(reader)) }))
  reader.close()
  return uses
}
const timeOf = (line = '{}'): number => (JSON.parse(line) as { t: number }).t

export type Outcome = 'damaged' | 'refused' | 'the same' | 'none' | 'another'
/** What those get who ask a store that was changed. */
export function outcomesOf(dir: string, uses: readonly Use[]): readonly Outcome[] {
  const tried = (work: () => Outcome): Outcome => {
    try {
      return work()
    } catch (error) {
      if (error instanceof Problem) return error.code === 'storage-damaged' ? 'damaged' : 'refused'
      throw error
    }
  }
  let reader: SqliteReader | null = null
  const opened = tried(() => ((reader = openSqliteReader(dir)), 'the same'))
  if (reader === null) return uses.map(() => opened)
  const from: SqliteReader = reader
  try {
    return uses.map((use) =>
      tried(() => {
        const answer = JSON.stringify(use.ask(from))
        if (answer === use.answer) return 'the same'
        return answer === 'null' ? 'none' : 'another'
      }),
    )
  } finally {
    from.close()
  }
}

/** As somebody who may write the database: what protects the log is put back behind him. */
export function edit(dir: string, work: (database: DatabaseSync) => void, file = 'data.db'): void {
  const database = new DatabaseSync(join(dir, file), { timeout: 5_000 }) // somebody may be writing
  try {
    const triggers = database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    for (const { name } of triggers) database.exec(`DROP TRIGGER ${String(name)}`)
    work(database)
    for (const { sql } of triggers) database.exec(String(sql))
  } finally {
    database.close()
  }
}
