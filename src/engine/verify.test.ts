import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { changeAuthority } from '../../test/support/authority.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { snapshotWritten } from '../../test/support/beside.ts'

/** A bank with some of everything in its log, closed. */
async function someHistory(bank: Bank): Promise<void> {
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  for (let i = 0; i < 210; i++) await bank.do('deposit', { account: 'a', amount: 10_000 })
  await bank.do('withdraw', { account: 'a', amount: 5 })
  await bank.do('withdraw', { account: 'a', amount: 6 })
  const held = await bank.do('withdraw', { account: 'a', amount: 200_000 })
  assert.equal(held.kind, 'held')
}

/** For tampering with what a running bank writes to as well. */
const besideTheBank = (bank: Bank): DatabaseSync => new DatabaseSync(join(bank.dir, 'data.db'), { timeout: 5_000 })

test('an audit finds what was changed beside the log: rows, snapshots, outbox, index, requests for approval', async (t) => {
  const bank = await openBank(t)
  await someHistory(bank)
  const sound = await bank.engine.verify(() => {}, NEVER)
  assert.deepEqual(sound.findings, [])
  assert.deepEqual(
    sound.notChecked.filter((what) => what.includes('admission')),
    [],
  )
  await snapshotWritten(bank.dir, 'account/a')
  const file = (name: string): string => {
    const database = besideTheBank(bank)
    const { no } = database.prepare('SELECT no FROM read_model WHERE name = ?').get(name) as { no: number }
    database.close()
    return `rows_${no}`
  }
  const [accounts, approvals] = [file('accounts_by_owner'), file('plinth.approvals')]
  const cases: [tampering: string, undo: string, finding: RegExp][] = [
    [
      `UPDATE ${accounts} SET row = replace(row, 'ann', 'eve')`,
      `UPDATE ${accounts} SET row = replace(row, 'eve', 'ann')`,
      /accounts_by_owner/,
    ],
    [
      `UPDATE ${approvals} SET row = replace(row, '"open":true', '"open":false')`,
      `UPDATE ${approvals} SET row = replace(row, '"open":false', '"open":true')`,
      /plinth\.approvals/,
    ],
    [
      "UPDATE snapshot SET state = replace(state, '1990000', '9990000')",
      "UPDATE snapshot SET state = replace(state, '9990000', '1990000')",
      /snapshot of `account\/a`/,
    ],
    [
      'UPDATE effect SET payload = replace(payload, \'"amount":5\', \'"amount":9\')',
      'UPDATE effect SET payload = replace(payload, \'"amount":9\', \'"amount":5\')',
      /outbox/,
    ],
    [
      'UPDATE effect SET position = position + 1 WHERE ordinal = 0',
      'UPDATE effect SET position = position - 1 WHERE ordinal = 0',
      /outbox/,
    ],
  ]
  for (const [tampering, undo, finding] of cases) {
    const database = besideTheBank(bank)
    const { changes } = database.prepare(tampering).run()
    assert.ok(Number(changes) > 0, tampering)
    const report = await bank.engine.verify(() => {}, NEVER)
    assert.equal(report.verdict, 'invalid', tampering)
    assert.match(report.findings.map(({ what }) => what).join('\n'), finding)
    database.prepare(undo).run()
    database.close()
  }
  assert.deepEqual((await bank.engine.verify(() => {}, NEVER)).findings, [])
  const database = besideTheBank(bank)
  database.exec('DELETE FROM event_new WHERE version > 100')
  database.close()
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'invalid')
})

test('admissions are derived again, under each snapshot they were made under; what cannot be is counted', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await changeAuthority(bank, { change: 'set-roles', principal: 'agent', roles: ['agent', 'extra'] })
  await bank.do('deposit', { account: 'a', amount: 1 })
  const progress: number[] = []
  const report = await bank.engine.verify((done) => progress.push(done), NEVER)
  assert.deepEqual(report.findings, [])
  assert.equal(progress.at(-1), report.treeSize)
  assert.deepEqual(
    progress,
    [...progress].sort((one, other) => one - other),
  )
  const name = (n: number) => join(bank.dir, 'authority', `${String(n).padStart(6, '0')}.snapshot`)
  await rename(name(1), `${name(1)}.away`)
  const without = await bank.engine.verify(() => {}, NEVER)
  assert.equal(without.verdict, 'valid')
  assert.ok(
    without.notChecked.includes('1 admissions whose authority snapshot is not at hand'),
    without.notChecked.join('; '),
  )
  await rename(`${name(1)}.away`, name(1))
})
