import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { exportLog } from './export-log.ts'
import { importLog } from './import-log.ts'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { BOB, CLINIC as application, erase, history } from '../../test/support/clinic-history.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'

async function exported(context: TestContext) {
  const clinic = await openBank(context, { application })
  await history(clinic)
  await erase(clinic)
  await clinic.close()
  const folder = await temporaryDirectory(context)
  const file = join(folder, 'log.jsonl')
  const { rootHash, records } = await exportLog(clinic.dir, file, 'jsonl', null)
  return { dir: clinic.dir, folder, file, rootHash, records }
}

test('a log of JSON lines comes back to the same root', async (context) => {
  const { folder, file, rootHash, records } = await exported(context)
  const dir = join(folder, 'imported')
  const imported = await importLog(dir, file, rootHash, NEVER)
  assert.deepEqual([imported.records, imported.rootHash], [records, rootHash])
  const reader = openSqliteReader(dir)
  context.after(() => reader.close())
  assert.deepEqual([reader.head().treeSize, reader.head().rootHash], [records, rootHash])
  await assert.rejects(importLog(dir, file, null, NEVER), { code: 'usage' })
})

test('a system whose database is lost goes on from its exported log, with rows, erasures and approvals', async (context) => {
  const { dir, folder, file, rootHash } = await exported(context)
  const again = join(folder, 'again')
  await cp(dir, again, { recursive: true })
  for (const end of ['', '-wal', '-shm']) await rm(join(again, `data.db${end}`), { force: true })
  await importLog(again, file, rootHash, NEVER)
  const shown = async (system: Bank) => [
    await system.ask('find_patient', { email: BOB.email }).then((found) => found.kind === 'answered' && found.result),
    await system.ask('visits', { patient: 'p-1' }).then((found) => found.kind === 'answered' && found.result),
    (await system.engine.state(system.operator, 'patient', 'p-1', null, NEVER)).state,
    (await system.engine.approvals(system.operator, {}, { after: null, limit: 10 }, NEVER)).items,
    await system.do('register', BOB).then(({ kind }) => kind),
  ]
  const before = await openBank(context, { application, dir })
  const expected = await shown(before)
  await before.close()
  const restored = await openBank(context, { application, dir: again })
  assert.deepEqual(await shown(restored), expected)
  const report = await restored.engine.verify(() => {}, NEVER)
  assert.deepEqual([report.verdict, report.findings], ['valid-with-erasures', []])
  const position = (await restored.engine.self(restored.operator, NEVER)).position
  const once = await restored.again()
  assert((await once.engine.self(once.operator, NEVER)).position <= position + 1, 'rows are made anew once')
})

test('what is not a log, or not all of it, is turned down, and leaves nothing', async (context) => {
  const { folder, file, rootHash } = await exported(context)
  const lines = (await readFile(file, 'utf8')).split('\n')
  const dir = join(folder, 'target')
  await mkdir(dir)
  const until = (what: string): string => lines.slice(0, lines.findIndex((line) => line.includes(what)) + 1).join('\n')
  const cases: [string, string, string][] = [
    ['nothing', '', 'usage'],
    ['no JSON', 'hello\n', 'storage-damaged'],
    [
      'a changed payload',
      lines.with(3, (lines[3] as string).replace('"payload":{', '"payload":{"x":1,')).join('\n'),
      'storage-damaged',
    ],
    ['a line too few', lines.toSpliced(2, 1).join('\n'), 'storage-damaged'],
    ['exchanged', [lines[1], lines[0], ...lines.slice(2)].join('\n'), 'storage-damaged'],
    ['cut within a transaction', until('"tx":{"i":0,"n":2}'), 'storage-damaged'],
    ['cut behind one', until('"tx":{"i":1,"n":2}'), 'storage-damaged'],
  ]
  for (const [what, text, code] of cases) {
    const changed = join(folder, 'changed.jsonl')
    await writeFile(changed, text)
    await assert.rejects(importLog(dir, changed, rootHash, NEVER), { code }, what)
    assert.equal(existsSync(join(dir, 'data.db')), false, what)
  }
  await assert.rejects(importLog(dir, join(folder, 'nowhere'), null, NEVER), { code: 'usage' })
  assert.equal((await importLog(dir, file, rootHash, NEVER)).rootHash, rootHash)
})
