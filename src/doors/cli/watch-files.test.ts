import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { watchFiles } from './watch-files.ts'

/**
 * A folder that is watched. Files change in the order in which they are written, but how many batches that makes is a matter of time: `changed` gives
 * all that was seen until a last file, written for this, was.
 */
async function watched(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-watch-'))
  await writeFile(join(folder, 'index.ts'), '0')
  await mkdir(join(folder, '.plinth'))
  const watch = watchFiles(folder)
  const batches = watch.batches()
  t.after(async () => {
    watch.close()
    await rm(folder, { recursive: true })
  })
  let marks = 0
  return {
    folder,
    watch,
    batches,
    async changed(): Promise<readonly string[]> {
      const mark = `mark-${++marks}.json`
      await writeFile(join(folder, mark), '')
      const seen = new Set<string>()
      while (!seen.has(mark)) for (const path of (await batches.next()).value ?? assert.fail('it ended')) seen.add(path)
      return [...seen].filter((path) => !/^mark-\d+\.json$/.test(path)).sort()
    },
  }
}

test('every change is seen: written in place, replaced by a rename again and again, in a new directory', async (t) => {
  const { folder, watch, batches, changed } = await watched(t)
  await writeFile(join(folder, 'index.ts'), '1')
  assert.deepEqual(await changed(), ['index.ts'])
  for (const text of ['2', '3']) {
    await writeFile(join(folder, 'index.ts.swp'), text)
    await rename(join(folder, 'index.ts.swp'), join(folder, 'index.ts'))
    assert.deepEqual(await changed(), ['index.ts'])
  }
  await mkdir(join(folder, 'policies', 'scope'), { recursive: true })
  for (const path of ['a.cedar', join('scope', 'b.cedar')]) await writeFile(join(folder, 'policies', path), '')
  const both = [join('policies', 'a.cedar'), join('policies', 'scope', 'b.cedar')]
  assert.deepEqual(await changed(), both, 'also what was there before anybody watched')
  await rm(join(folder, 'policies'), { recursive: true })
  await changed()
  await mkdir(join(folder, 'policies'))
  assert.deepEqual(await changed(), [])
  await writeFile(join(folder, 'policies', 'a.cedar'), '')
  assert.deepEqual(await changed(), [join('policies', 'a.cedar')], 'in a directory that went and came back')
  watch.close()
  assert.equal((await batches.next()).done, true)
})

test('what does not belong to the application is not seen', async (t) => {
  const { folder, changed } = await watched(t)
  await writeFile(join(folder, '.plinth', 'runtime.json'), '{}')
  await writeFile(join(folder, 'shop.test.ts'), '')
  await writeFile(join(folder, 'notes.txt'), '')
  assert.deepEqual(await changed(), [])
})
