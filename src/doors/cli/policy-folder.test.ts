import assert from 'node:assert/strict'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { policyDifference, readPolicyFolder } from './policy-folder.ts'

test('cedar files are found by their path in the folder, others are left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-policies-'))
  await mkdir(join(folder, 'scope'))
  await writeFile(join(folder, 'scope/a.cedar'), 'A')
  await writeFile(join(folder, 'b.cedar'), 'B')
  await writeFile(join(folder, 'notes.txt'), 'C')
  assert.deepEqual(await readPolicyFolder(folder), { 'b.cedar': 'B', 'scope/a.cedar': 'A' })
})

test('a folder without policies, or none at all, is a usage problem', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'plinth-policies-'))
  await assert.rejects(readPolicyFolder(empty), { code: 'usage' })
  await assert.rejects(readPolicyFolder(join(empty, 'missing')), { code: 'usage' })
})

test('a difference names each file, what goes and what comes', () => {
  const before = { 'a.cedar': 'one\ntwo', 'gone.cedar': 'old', 'same.cedar': 'x' }
  const after = { 'a.cedar': 'one\nthree', 'new.cedar': 'fresh', 'same.cedar': 'x' }
  assert.deepEqual(policyDifference(before, after), [
    'a.cedar',
    '- two',
    '+ three',
    'gone.cedar (removed)',
    '- old',
    'new.cedar (new)',
    '+ fresh',
  ])
})
