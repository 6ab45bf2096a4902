/** Reading back: what was written verifies, and every way of tampering is found, at the next read and by the whole verification. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { Position, StreamId } from '../model/ids.ts'
import { Frontier } from '../model/merkle.ts'
import { noteSigner, signNote } from '../model/signed-note.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import { openSqliteWriter, type SqliteWriter } from '../storage/sqlite/writer.ts'
import { BatchMaker } from '../../test/support/batches.ts'
import { dataDirectory } from '../../test/support/commits.ts'
import { loadEvents } from './load.ts'
import { verifyLog } from './verify.ts'

const stream = 'order/1' as StreamId
const LAST = Number.MAX_SAFE_INTEGER as Position

function small(writer: SqliteWriter, maker: BatchMaker): void {
  for (let step = 0; step < 10; step++)
    writer.write(
      maker.batch([
        { events: [{ stream, data: `{"step":${step}}` }, { stream: 'order/2' }], payload: `{"step":${step}}` },
        { events: [{ stream, type: 'again', data: `{"step":${step}}` }] },
      ]),
    )
}

/** A log on disk; `tamper` edits the file as somebody with access to it could. */
function log(fill = small) {
  const dir = dataDirectory()
  const writer = openSqliteWriter(dir.path)
  const maker = new BatchMaker()
  fill(writer, maker)
  writer.close()
  const reader = openSqliteReader(dir.path)
  return {
    reader,
    tamper(sql: string) {
      const database = new DatabaseSync(join(dir.path, 'data.db'))
      const triggers = database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
      for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`)
      database.exec(sql)
      for (const trigger of triggers) database.exec(String(trigger['sql']))
      database.close()
    },
    [Symbol.dispose]() {
      reader.close()
      dir[Symbol.dispose]()
    },
  }
}

describe('event log', () => {
  test('a stream loads whole, in pages and as of a position', () => {
    using world = log()
    const all = loadEvents(world.reader, stream, 0, LAST, 100)
    assert.deepEqual(
      all.map(({ version }) => version),
      Array.from({ length: 20 }, (_, place) => place + 1),
    )
    assert.deepEqual(loadEvents(world.reader, stream, 7, LAST, 5), all.slice(7, 12))
    assert.deepEqual(loadEvents(world.reader, stream, 0, 6 as Position, 100), all.slice(0, 3))
    assert.deepEqual(loadEvents(world.reader, 'order/none' as StreamId, 0, LAST, 100), [])
  })

  test('a whole log verifies, with and without its checkpoint', async () => {
    using world = log()
    const { treeSize, rootHash } = world.reader.head()
    const seen: number[] = []
    const bare = await verifyLog(world.reader, { onProgress: (records) => seen.push(records) })
    assert.deepEqual([bare.findings, bare.records, bare.rootHash, seen], [[], treeSize, rootHash, [treeSize]])
    assert(bare.notChecked.includes('a signed checkpoint'))
    const signer = noteSigner('log.example/test', generateKeyPairSync('ed25519').privateKey)
    const checkpoint = (size: number, root: string): string =>
      signNote(`log.example/test\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`, [signer])
    const what = async (options: Parameters<typeof verifyLog>[1]): Promise<string | undefined> =>
      (await verifyLog(world.reader, options)).findings[0]?.what
    assert.equal(await what({ checkpoint: checkpoint(treeSize, rootHash), log: signer }), undefined)
    assert.equal(
      await what({ checkpoint: checkpoint(treeSize, '00'.repeat(32)), log: signer }),
      'the checkpoint names another root',
    )
    assert.match((await what({ checkpoint: checkpoint(treeSize + 1, rootHash), log: signer })) ?? '', /is over/)
    const other = noteSigner('log.example/test', generateKeyPairSync('ed25519').privateKey)
    assert.match((await what({ checkpoint: checkpoint(treeSize, rootHash), log: other })) ?? '', /no known key/)
  })

  test('verifying stops when it is told to', async () => {
    using world = log()
    await assert.rejects(verifyLog(world.reader, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  })

  // Same lengths throughout, so that the row still comes apart where it did.
  const edits: Record<string, { sql: string; found: RegExp; load?: boolean }> = {
    'an event’s data': {
      sql: `UPDATE log SET body = replace(body, '{"step":4}', '{"step":5}') WHERE first = 20`,
      found: /payload does not match/,
    },
    'an attributed field': {
      sql: `UPDATE log SET body = replace(body, '"actor":"a"', '"actor":"b"') WHERE first = 20`,
      found: /does not match its leaf/,
    },
    'a line and its leaf': {
      sql: `UPDATE log SET body = replace(body, '"actor":"a"', '"actor":"b"'), leaves = x'${'00'.repeat(96)}' WHERE first = 20`,
      found: /does not match its leaf/,
    },
    'the order of two commits': {
      sql: `UPDATE log SET first = 1000 WHERE first = 20; UPDATE log SET first = 20 WHERE first = 25; UPDATE log SET first = 25 WHERE first = 1000`,
      found: /goes from|does not follow/,
    },
    'the stream an event belongs to': {
      sql: `UPDATE event_new SET stream = (SELECT no FROM stream WHERE id = 'order/2') WHERE stream = 1 AND version = 20`,
      found: /index of/,
    },
    'a commit that is gone': { sql: 'DELETE FROM log WHERE first = 20', found: /is missing/ },
    'the last commit that is gone': { sql: 'DELETE FROM log WHERE first = 48', found: /missing/, load: false },
    'the head': { sql: `UPDATE head SET root = '${'00'.repeat(32)}'`, found: /head names another root/, load: false },
    'a shorter head': {
      sql: 'UPDATE head SET position = 44, size = 45',
      found: /another root|incomplete/,
      load: false,
    },
  }
  for (const [name, { sql, found, load = true }] of Object.entries(edits))
    test(`tampering is found: ${name}`, async () => {
      using world = log()
      world.tamper(sql)
      const { findings } = await verifyLog(world.reader)
      assert(
        findings.some(({ what }) => found.test(what)),
        JSON.stringify(findings),
      )
      if (!load) return
      const read = (of: string): unknown => loadEvents(world.reader, of as StreamId, 0, LAST, 1_000)
      assert.throws(() => [read('order/1'), read('order/2')], { code: 'storage-damaged' })
    })

  test('a log of several stretches: the same is found by one thread and by two, within and between them', async () => {
    using world = log((writer, maker) => {
      for (let step = 0; step < 12; step++) {
        const commit = { events: Array.from({ length: 130 }, (_, place) => ({ stream: `order/${place % 40}` })) }
        writer.write(maker.batch([commit]))
      }
    })
    const { treeSize, rootHash } = world.reader.head()
    assert.equal(treeSize, 12 * 131)
    const signer = noteSigner('log.example/test', generateKeyPairSync('ed25519').privateKey)
    const report = async (size = treeSize, root: string = rootHash, threads = 0) => {
      const text = `log.example/test\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`
      const options = { checkpoint: signNote(text, [signer]), log: signer, stretchRecords: 512 }
      return await verifyLog(world.reader, { ...options, threads })
    }
    const intact = await report()
    assert.deepEqual(await report(treeSize, rootHash, 2), intact)
    assert.deepEqual([intact.findings, intact.records, intact.rootHash], [[], treeSize, rootHash])
    for (const size of [1, 511, 512, 513, 1_300]) {
      const frontier = new Frontier()
      for (const leaf of world.reader.leafHashes(0, size)) frontier.append(leaf)
      assert.deepEqual((await report(size, frontier.rootHash())).findings, [], `checkpoint over ${size}`)
      assert.match((await report(size)).findings[0]?.what ?? '', /checkpoint names another root/)
    }
    const stopping = new AbortController()
    const aborted = verifyLog(world.reader, { threads: 2, stretchRecords: 512, signal: stopping.signal })
    stopping.abort() // at work already, but for its threads, which are only just being started
    await assert.rejects(aborted, { name: 'AbortError' })

    world.tamper(`UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND place = 3`)
    assert.deepEqual((await report()).findings, [
      { position: 1_023, what: 'the tile that ends here does not hold the leaves' },
    ])
    world.tamper(`DELETE FROM log WHERE first = ${131 * 8}`)
    const broken = await report()
    assert.deepEqual(await report(treeSize, rootHash, 2), broken)
    const findings = broken.findings.map(({ what }) => what)
    assert(
      findings.some((what) => /is missing/.test(what)),
      JSON.stringify(findings.slice(0, 5)),
    )
    assert(findings.includes('the head names another root'))
  })
})
