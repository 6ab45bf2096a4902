import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Problem } from '../model/problems.ts'
import { applicationFolder, entryOf } from './application-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-application-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('an application is a folder with a module in either language, or the module itself', () => {
  for (const name of ['index.mjs', 'index.js', 'index.ts']) {
    writeFileSync(join(folder, name), '')
    assert.equal(entryOf(folder), join(folder, name))
    assert.equal(entryOf(join(folder, name)), join(folder, name))
  }
  assert.equal(applicationFolder(folder).policies, null)
  mkdirSync(join(folder, 'policies'))
  assert.equal(applicationFolder(join(folder, 'index.js')).policies, join(folder, 'policies'))
})

for (const [path, said] of [
  [join(folder, 'nowhere'), /there is no application at/],
  [join(folder, 'policies'), /has no `index.ts`/],
] as const)
  test(String(said), () =>
    assert.throws(
      () => entryOf(path),
      (error) => error instanceof Problem && error.code === 'release-invalid' && said.test(error.detail),
    ),
  )
