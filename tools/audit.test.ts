/** `npm run audit` over data directories: sums up, names the directory of what differs, and says when there is nothing to look at. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { NEVER, openBank, temporaryDirectory } from '../test/support/bank-system.ts'
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
  assert.deepEqual([last.admissions, last.agreed, last.unchecked], [2, 0, 0])
  assert.match(last.disagreed[0]?.why ?? '', /snapshot 1 cannot be used/)
  assert.equal(last.disagreed[0]?.action, 'open_account')
})

/** Changes bytes of the log where they are stored; both texts have the same length. */
function editLog(dir: string, from: string, to: string): void {
  const database = new DatabaseSync(join(dir, 'data.db'))
  database.exec('DROP TRIGGER log_stays')
  const { changes } = database
    .prepare('UPDATE log SET body = replace(body, ?, ?) WHERE instr(body, ?) > 0')
    .run(from, to, from)
  database.close()
  assert.equal(Number(changes) > 0, true)
}

test('one record, one policy or one snapshot altered in one of several directories: the first that fails is named', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 5 })
  await bank.do('deposit', { account: 'a', amount: 77 })
  await bank.close()
  const folder = await temporaryDirectory(t)
  const edit = (dir: string, file: string, change: (text: string) => string): void =>
    writeFileSync(join(dir, file), change(readFileSync(join(dir, file), 'utf8')))
  for (const [what, alter, action, why] of [
    ['record', (dir) => editLog(dir, '"amount":77', '"amount":78'), 'deposit', /does not match its hash/],
    [
      'policy',
      (dir) => edit(dir, 'authority/000001.snapshot', (text) => text.replace('> 100000000', '> 900000000')),
      'open_account',
      /snapshot 1 cannot be used/,
    ],
    [
      'snapshot',
      (dir) => edit(dir, 'authority/000001.snapshot', (text) => text.slice(0, -9)),
      'open_account',
      /snapshot 1 cannot be used/,
    ],
  ] as readonly (readonly [string, (dir: string) => void, string, RegExp])[]) {
    const systems = join(folder, what)
    for (const name of ['system-1', 'system-2', 'system-10']) cpSync(bank.dir, join(systems, name), { recursive: true })
    alter(join(systems, 'system-2'))
    const { status, stdout } = run('--data', systems, '--json')
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Awaited<ReturnType<typeof auditMany>>
    const [first] = last.disagreed
    assert.deepEqual([status, last.admissions, first?.system, first?.action], [1, 9, 'system-2', action], what)
    assert.match(first?.why ?? '', why, what)
    assert.equal(typeof first?.position, 'number')
  }
})

test('what is missing, and a directory that cannot be looked through, are named as well, and the others still count', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.close()
  const folder = await temporaryDirectory(t)
  for (const name of ['system-1', 'system-2', 'system-3', 'system-4'])
    cpSync(bank.dir, join(folder, name), { recursive: true })
  rmSync(join(folder, 'system-1/authority/000001.snapshot'))
  writeFileSync(join(folder, 'system-2/data.db'), 'no database')
  rmSync(join(folder, 'system-3/authority/root.vkey'))
  const { status, stdout } = run('--data', folder, '--json')
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Awaited<ReturnType<typeof auditMany>>
  assert.deepEqual([status, last.systems, last.agreed], [1, 4, 1])
  assert.deepEqual(
    last.disagreed.map(({ system }) => system),
    ['system-1', 'system-2', 'system-3'],
  )
  assert.match(last.disagreed[0]?.why ?? '', /snapshot 1, which is not at hand/)
  assert.match(last.disagreed[1]?.why ?? '', /not a database/)
})

test('where there is nothing to look at, it says what to run first', () => {
  const { status, stderr } = run('--data', '/nowhere')
  assert.equal(status, 2)
  assert.match(stderr, /npm run tau/)
  assert.equal(run('--frobnicate').status, 2)
})
