import assert from 'node:assert/strict'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromFolder, generated, type FirstData } from './first-data.ts'

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-data-'))
  await mkdir(join(folder, 'db'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'db', name), text)
  return folder
}
async function all(data: FirstData): Promise<Record<string, unknown[]>> {
  const records: Record<string, unknown[]> = {}
  for (const { importer, records: lines } of data) {
    records[importer] = []
    for await (const record of lines) records[importer].push(record)
  }
  return records
}

test('one file an importer, in the order in which the application declares them', async () => {
  const folder = await folderWith({ 'b.jsonl': '{"n":1}\n\n{"n":2}', 'a.jsonl': '[]\n', 'notes.txt': 'no' })
  const data = fromFolder(folder, ['b', 'a', 'unused'])
  assert.deepEqual(await all(data), { b: [{ n: 1 }, { n: 2 }], a: [[]] })
  assert.deepEqual(Object.keys(await all(data)), ['b', 'a'])
})

test('a file without an importer, no files, or no folder `db` is a usage problem', async () => {
  const folder = await folderWith({ 'c.jsonl': '' })
  assert.throws(() => fromFolder(folder, ['a']), { code: 'usage' })
  assert.throws(() => fromFolder(join(folder, 'db'), ['a']), { code: 'usage' })
  assert.throws(() => fromFolder(join(folder, 'missing'), ['a']), { code: 'usage' })
})

test('a line that is not JSON is named by its number', async () => {
  const folder = await folderWith({ 'a.jsonl': '{}\n{"n":\n' })
  await assert.rejects(all(fromFolder(folder, ['a'])), /line 2 is not JSON/)
})

test('a generator runs elsewhere; what it says when it fails is passed on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-generator-'))
  const works = join(folder, 'works.mjs')
  await writeFile(works, `export const generate = () => ({ a: [{ pid: process.pid }], b: [] })`)
  const { a } = await all(await generated(works))
  assert.notEqual((a?.[0] as { pid: number }).pid, process.pid)
  const fails = join(folder, 'fails.mjs')
  await writeFile(fails, `throw new Error('out of cheese')`)
  await assert.rejects(generated(fails), { code: 'release-invalid', message: /out of cheese/ })
  const other = join(folder, 'other.mjs')
  await writeFile(other, `export const somethingElse = 1`)
  await assert.rejects(generated(other), { code: 'release-invalid' })
})

test('a generator reads no file, starts nothing, and learns nothing of our environment', async () => {
  const folder = await folderWith({ 'secret.json': '{}' })
  const reach = join(folder, 'reach.mjs')
  await writeFile(
    reach,
    `import { readFileSync, writeFileSync } from 'node:fs'
     import { spawnSync } from 'node:child_process'
     import { Worker } from 'node:worker_threads'
     const tried = (what) => { try { what(); return 'reached' } catch (error) { return error.code } }
     export const generate = () => ({ a: [
       tried(() => readFileSync(${JSON.stringify(join(folder, 'secret.json'))})),
       tried(() => writeFileSync(${JSON.stringify(join(folder, 'mine.json'))}, '')),
       tried(() => { const { error } = spawnSync('true'); if (error) throw error }),
       tried(() => new Worker('0', { eval: true })),
       Object.keys(process.env).sort(),
     ] })`,
  )
  process.env['PLINTH_TOKEN'] ??= 'secret'
  const denied = 'ERR_ACCESS_DENIED'
  const { a } = await all(await generated(reach))
  assert.deepEqual(a, [denied, denied, denied, denied, ['LANG', 'NODE_NO_WARNINGS', 'TZ']])
})

test('a generator is bundled of the application’s own files: no data directory, and nothing outside', async () => {
  const folder = await folderWith({})
  await mkdir(join(folder, 'data'))
  for (const file of ['package.json', 'data/installation.json', 'data/operator.json'])
    await writeFile(join(folder, file), '{}')
  for (const [path, why] of [
    ['./data/operator.json', /lies outside the application/],
    ['../../../../../../../../../../../../etc/hostname.json', /etc\/hostname/],
  ] as const) {
    const module = join(folder, 'reads.mjs')
    await writeFile(module, `import secret from '${path}'\nexport const generate = () => ({ a: [secret] })`)
    await assert.rejects(generated(module), (error: Error) => why.test(error.message))
  }
})
