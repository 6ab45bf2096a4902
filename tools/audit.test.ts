/** `npm run audit` over data directories: sums up, names the directory of what differs, and says when there is nothing to look at. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { NEVER, openBank } from '../test/support/bank-system.ts'
import { auditMany, dataDirectoriesIn } from './audit.ts'

const TOOL = fileURLToPath(new URL('./audit.ts', import.meta.url))
const run = (...args: string[]) => spawnSync(process.execPath, [TOOL, ...args], { encoding: 'utf8' })

test('data directories of a folder are audited together, and the first that fails is named', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 5 })
  await bank.close()
  const folder = dirname(bank.dir)
  assert.deepEqual(dataDirectoriesIn(folder), [bank.dir])
  assert.deepEqual(dataDirectoriesIn(bank.dir), [bank.dir])
  const report = await auditMany([bank.dir, bank.dir], () => {}, NEVER)
  assert.deepEqual([report.systems, report.admissions, report.agreed, report.disagreed], [2, 4, 4, []])

  const snapshot = join(bank.dir, 'authority', '000001.snapshot')
  writeFileSync(snapshot, readFileSync(snapshot, 'utf8').replace('> 100000 ', '> 900000 '))
  const { status, stdout } = run('--data', folder, '--json')
  assert.equal(status, 1)
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as typeof report
  assert.deepEqual([last.admissions, last.agreed], [2, 0])
  assert.match(last.disagreed[0]?.why ?? '', /snapshot 1 cannot be used/)
  assert.equal(last.disagreed[0]?.action, 'open_account')
})

test('where there is nothing to look at, it says what to run first', () => {
  const { status, stderr } = run('--data', '/nowhere')
  assert.equal(status, 2)
  assert.match(stderr, /npm run tau/)
  assert.equal(run('--frobnicate').status, 2)
})
