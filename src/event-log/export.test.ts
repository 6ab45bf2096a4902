/** What is exported: the same bytes every time, in pieces, and back to the same root. The verifier's view of it: test/vectors/bundle-mutations.test.ts. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Position } from '../model/ids.ts'
import { noteSigner, signNote } from '../model/signed-note.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import { openSqliteWriter } from '../storage/sqlite/writer.ts'
import { BatchMaker } from '../../test/support/batches.ts'
import { dataDirectory } from '../../test/support/commits.ts'
import { exportJsonLines, readJsonLine, rootOfJsonLines } from './export-jsonl.ts'
import { exportBundle, type Exported } from './export.ts'

const signer = noteSigner('log.example/test', generateKeyPairSync('ed25519').privateKey)
const checkpointOf = (size: number, root: string): string =>
  signNote(`log.example/test\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`, [signer])

/** A log of 900 records on disk: four groups, the last one not full. Checkpoints were taken on the way. */
function log() {
  const dir = dataDirectory()
  const writer = openSqliteWriter(dir.path)
  const maker = new BatchMaker()
  const checkpoints: string[] = []
  for (let step = 0; step < 300; step++) {
    const batch = maker.batch([
      {
        events: [
          { stream: `order/${step % 7}`, data: `{"step":${step},"größe":"ß\\n"}` },
          { stream: 'order/all', data: '{"1":1,"2":{"a":[]}}' },
        ],
        payload: `{"step":${step}}`,
      },
    ])
    writer.write(batch)
    checkpoints.push(checkpointOf(batch.head.treeSize, batch.head.rootHash))
  }
  writer.close()
  const reader = openSqliteReader(dir.path)
  return {
    dir: dir.path,
    reader,
    checkpoints,
    [Symbol.dispose]() {
      reader.close()
      dir[Symbol.dispose]()
    },
  }
}

async function bytesOf(reader: Parameters<typeof exportBundle>[0], checkpoint: string): Promise<[Buffer, Exported]> {
  const parts: Buffer[] = []
  const exported = await exportBundle(reader, checkpoint, async (bytes) => {
    await Promise.resolve() // a sink that takes its time
    parts.push(Buffer.from(bytes))
  })
  return [Buffer.concat(parts), exported]
}

test('a bundle: the same bytes every time, whatever was written since', async () => {
  using world = log()
  const early = world.checkpoints[99] as string
  const [first, exported] = await bytesOf(world.reader, early)
  const [second] = await bytesOf(world.reader, early)
  assert(first.equals(second))
  assert.deepEqual([exported.records, exported.bytes, exported.matchesCheckpoint], [300, first.length, true])
  const [whole, all] = await bytesOf(world.reader, world.checkpoints.at(-1) as string)
  assert.equal(all.rootHash, world.reader.head().rootHash)
  assert(whole.includes('tile/entries/003.p/132\0') && whole.includes('tile/1/000.p/3\0'))
})

test('a bundle of an empty log, and of one that is shorter than its checkpoint', async () => {
  using world = log()
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  const [, exported] = await bytesOf(world.reader, checkpointOf(0, empty))
  assert.deepEqual([exported.records, exported.matchesCheckpoint], [0, true])
  await assert.rejects(bytesOf(world.reader, checkpointOf(901, empty)), { code: 'invalid-position' })
})

test('a damaged log is still exported, and what does not fit is said', async () => {
  using world = log()
  const last = world.checkpoints.at(-1) as string
  const [, wrong] = await bytesOf(world.reader, checkpointOf(900, '00'.repeat(32)))
  assert.equal(wrong.matchesCheckpoint, false)
  const database = new DatabaseSync(join(world.dir, 'data.db'))
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").all() as { name: string }[]
  for (const { name } of tables) database.exec(`DROP TRIGGER ${name}`)
  database.exec('DELETE FROM log WHERE rowid = (SELECT rowid FROM log ORDER BY rowid LIMIT 1 OFFSET 5)')
  database.close()
  await assert.rejects(bytesOf(world.reader, last), { code: 'storage-damaged' })
})

test('the signal stops an export', async () => {
  using world = log()
  const last = world.checkpoints.at(-1) as string
  await assert.rejects(
    exportBundle(world.reader, last, () => {}, AbortSignal.abort()),
    { name: 'AbortError' },
  )
})

test('JSON lines: back to the same texts and the same root', () => {
  using world = log()
  const { treeSize, rootHash } = world.reader.head()
  const lines = [...exportJsonLines(world.reader, treeSize)]
  assert.deepEqual(rootOfJsonLines(lines), { size: treeSize, rootHash })
  for (const [position, text] of lines.entries()) {
    assert(text.endsWith('\n') && !text.slice(0, -1).includes('\n'))
    const { line, payload } = readJsonLine(text)
    const stored = world.reader.record(position as Position)
    assert.deepEqual([line, payload], [stored?.line, stored?.payload])
  }
  assert.notEqual(rootOfJsonLines(lines.slice(1)).rootHash, rootHash)
  assert.notEqual(rootOfJsonLines(lines.with(0, lines[1] as string)).rootHash, rootHash)
  assert.deepEqual(rootOfJsonLines([]), { size: 0, rootHash: rootOfJsonLines([]).rootHash })
})

test('JSON lines: what is not as it was written is refused', () => {
  using world = log()
  const [line = ''] = exportJsonLines(world.reader, 1)
  const effects = JSON.stringify([{ payload: 1 }])
  for (const changed of [
    '',
    'null',
    '{}',
    line.replace('"step":0', '"step":1'),
    line.replace('"payload":', '"payload": '),
    line.replace('"record":{"v":1', '"record":{"v":2'),
    line.replace('"tenant":"t"', '"tenant":"t","tenant":"t"'),
    line.replace(/\}\n$/, ',"more":1}\n'),
    line.replace(/\}\n$/, `,"effects":${effects}}\n`),
    ` ${line}`,
    line.slice(0, -2),
  ])
    assert.throws(() => readJsonLine(changed), { code: 'storage-damaged' }, changed)
  // A payload that is not there any more leaves the record provable.
  const { line: record } = readJsonLine(line)
  assert.deepEqual(readJsonLine(`{"record":${record}}\n`), { line: record, payload: null, effects: [] })
})
