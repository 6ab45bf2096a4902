import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { watchFiles } from './watch-files.ts'

test('every change is seen: written in place, replaced by a rename again and again, in a new directory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-watch-'))
  await writeFile(join(folder, 'index.ts'), '0')
  const watch = watchFiles(folder)
  const batches = watch.batches()
  const next = async (): Promise<readonly string[]> => (await batches.next()).value ?? []
  try {
    await writeFile(join(folder, 'index.ts'), '1')
    assert.deepEqual(await next(), ['index.ts'])
    for (const text of ['2', '3']) {
      await writeFile(join(folder, 'index.ts.swp'), text)
      await rename(join(folder, 'index.ts.swp'), join(folder, 'index.ts'))
      assert.deepEqual(await next(), ['index.ts'])
    }
    await mkdir(join(folder, 'policies'))
    await writeFile(join(folder, 'index.ts'), '4') // a batch of its own: by then the new directory is watched
    assert.deepEqual(await next(), ['index.ts'])
    await writeFile(join(folder, 'policies', 'a.cedar'), '')
    assert.deepEqual(await next(), [join('policies', 'a.cedar')])
  } finally {
    watch.close()
    await rm(folder, { recursive: true })
  }
  assert.equal((await batches.next()).done, true)
})

test('what does not belong to the application is not seen', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-watch-'))
  await mkdir(join(folder, '.plinth'))
  const watch = watchFiles(folder)
  const batches = watch.batches()
  try {
    await writeFile(join(folder, '.plinth', 'runtime.json'), '{}')
    await writeFile(join(folder, 'shop.test.ts'), '')
    await writeFile(join(folder, 'notes.txt'), '')
    await writeFile(join(folder, 'index.ts'), '')
    assert.deepEqual((await batches.next()).value, ['index.ts'])
  } finally {
    watch.close()
    await rm(folder, { recursive: true })
  }
})
