/** A whole system's data directory, closed, with something in every table; copies of it; and what anybody may ask of one. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { recoverTree } from '../../../src/engine/committer/recover-tree.ts'
import { HEADS } from '../../../src/engine/heads/statement.ts'
import { verify } from '../../../src/engine/verify.ts'
import type { VerifyReport } from '../../../src/engine/engine.ts'
import { loadEvents } from '../../../src/event-log/load.ts'
import type { Position, StreamId } from '../../../src/model/ids.ts'
import { Problem } from '../../../src/model/problems.ts'
import type { Json } from '../../../src/model/json.ts'
import { parseVerifierKey } from '../../../src/model/signed-note.ts'
import { openSqliteAuditReader, openSqliteReader, type SqliteReader } from '../../../src/storage/sqlite/reader.ts'
import { openSqliteWriter } from '../../../src/storage/sqlite/writer.ts'
import { inclusionProof } from '../../../src/transparency-log/proofs.ts'
import { someOfEverything } from '../../support/bank-history.ts'
import { NEVER, openBank, type Bank } from '../../support/bank-system.ts'

export interface StoreWorld {
  readonly dir: string
  readonly uses: readonly Use[]
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

const ACCOUNT = 'account/a' as StreamId
const IMPORTED = 260 // enough for a full tile

export async function storeWorld(test: TestContext): Promise<StoreWorld> {
  const bank = await openBank(test)
  await someOfEverything(bank)
  async function* more() {
    await Promise.resolve()
    for (let i = 0; i < IMPORTED; i++) yield { id: `more-${i}`, owner: `owner ${i % 7}`, cents: i }
  }
  await bank.engine.importRecords(bank.operator, 'accounts', more(), () => {}, NEVER)
  await bank.do('withdraw', { account: 'a', amount: 1 })
  const { state } = await bank.engine.state(bank.operator, 'account', 'a', null, NEVER)
  const stating = await bank.again({ heads: { everyMs: 20, everyRecords: 1_000_000 } })
  while (streamVersion(stating.dir, HEADS) === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  await stating.close()
  keepSnapshot(bank, state)
  const opened = new DatabaseSync(join(bank.dir, 'data.db'))
  opened.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE')
  opened.close()

  const log = parseVerifierKey(readFileSync(join(bank.dir, 'log.vkey'), 'utf8').trim())
  const { release, sandbox } = bank
  return {
    dir: bank.dir,
    uses: usesOf(bank.dir),
    copy(name) {
      const copy = join(bank.dir, '..', 'copies', name)
      mkdirSync(copy, { recursive: true })
      for (const file of ['data.db', 'rows.key']) copyFileSync(join(bank.dir, file), join(copy, file))
      return copy
    },
    async verdict(dir) {
      let reader: SqliteReader | null = null
      try {
        const opened = (reader = openSqliteAuditReader(dir))
        await sandbox.load(release.id, release.bundle)
        const committer = { checkpoint: () => Promise.resolve(opened.meta('checkpoint')) }
        return await verify({ reader: opened, release, sandbox, committer, log }, () => {}, NEVER)
      } catch (error) {
        if (error instanceof Problem) return error
        throw error
      } finally {
        reader?.close()
      }
    },
  }
}

function streamVersion(dir: string, stream: StreamId): number {
  const reader = openSqliteReader(dir)
  const { version } = reader.streamHead(stream)
  reader.close()
  return version
}

/** Streams get one after hundreds of events; here, one after a few. */
function keepSnapshot(bank: Bank, state: Json): void {
  const writer = openSqliteWriter(bank.dir)
  const head = writer.reader.streamHead(ACCOUNT)
  const release = bank.release.id
  writer.writeSide([], [{ stream: ACCOUNT, ...head, leaf: head.leaf as never, state: JSON.stringify(state), release }])
  writer.close()
}

/** Everything that reading anything of it comes down to. */
function usesOf(dir: string): readonly Use[] {
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
      return [0, 100, 255, head.treeSize - 1].map((index) => inclusionProof(tree, index, head.treeSize))
    },
    'the past': (from) => [0.2, 0.5, 0.9].map((part) => from.positionAt(Math.floor(all.length * part) === 0 ? 0 : timeOf(all[Math.floor(all.length * part)]?.line))),
    'the outbox': (from) => from.effects(-1 as Position, 1_000),
    'what was refused or read': (from) => from.sideRecords({}, null, 1_000),
    'the origin': (from) => from.meta('origin'),
    'the accounts': (from) => from.streams('account', null, head.position, 1_000),
  }
  for (const operation of some(operations)) asked[`operation ${operation}`] = (from) => from.operation(operation as never)
  for (const stream of some(streams)) {
    asked[`head of ${stream}`] = (from) => from.streamHead(stream as StreamId)
    asked[`events of ${stream}`] = (from) => loadEvents(from, stream as StreamId, 0, head.position, 1_000)
  }
  asked['snapshot'] = (from) => from.snapshot(ACCOUNT, head.position)
  for (const [model, where] of [['accounts_by_owner', { owner: 'ann' }], ['accounts_by_owner', {}], ['plinth.approvals', {}], ['plinth.approvals', { open: true }]] as const)
    for (const at of [undefined, Math.floor(head.position / 2)])
      asked[`${model} ${JSON.stringify(where)} at ${at}`] = (from) => from.find({ model, where, order: [], limit: 200, after: null }, at as Position)
  const uses = Object.entries(asked).map(([name, ask]) => ({ name, ask, answer: JSON.stringify(ask(reader)) }))
  reader.close()
  return uses
}
const timeOf = (line = '{}'): number => (JSON.parse(line) as { t: number }).t

export type Outcome = 'damaged' | 'refused' | 'the same' | 'none' | 'another'
/** What somebody gets who asks a store that was changed. */
export function outcomeOf(dir: string, use: Use): Outcome {
  let reader: SqliteReader | null = null
  try {
    reader = openSqliteReader(dir)
    const answer = JSON.stringify(use.ask(reader))
    if (answer === use.answer) return 'the same'
    return answer === 'null' ? 'none' : 'another'
  } catch (error) {
    if (error instanceof Problem) return error.code === 'storage-damaged' ? 'damaged' : 'refused'
    throw error
  } finally {
    reader?.close()
  }
}

/** As somebody who may write the database: what protects the log is put back behind him. */
export function edit(dir: string, work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(join(dir, 'data.db'))
  try {
    const triggers = database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    for (const { name } of triggers) database.exec(`DROP TRIGGER ${String(name)}`)
    work(database)
    for (const { sql } of triggers) database.exec(String(sql))
  } finally {
    database.close()
  }
}

export interface Row {
  readonly place: number
  readonly values: Readonly<Record<string, SQLInputValue>>
}
