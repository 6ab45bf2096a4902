import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NEVER, openBank } from '../../test/support/bank-system.ts'

const LEDGER = fileURLToPath(new URL('../../test/support/ledger/', import.meta.url))

test('a read model that comes with a release has the rows of what was there before it', async (t) => {
  const before = await openBank(t, { application: join(LEDGER, 'before.ts') })
  for (let i = 0; i < 30; i++) await before.do('count', { on: `c${i % 12}`, by: 1 })
  await before.close()
  const after = await openBank(t, { application: LEDGER, dir: before.dir })
  assert.notEqual(after.release.id, before.release.id)
  const rows = await after.engine.rows(
    after.operator,
    'counters',
    {},
    ['count'],
    { after: null, limit: 50 },
    null,
    NEVER,
  )
  assert.equal(rows.items.length, 13)
  assert.deepEqual((await after.engine.verify(() => {}, NEVER)).findings, [])
})

test('what a release changes in rows is rebuilt; what is recorded and does not fit is said, and the release before opens again', async (t) => {
  const now = await openBank(t, { application: LEDGER })
  for (let i = 0; i < 30; i++) await now.do('count', { on: `c${i % 12}`, by: 1 })
  await now.close()
  const open = (file: string) => openBank(t, { application: join(LEDGER, file), dir: now.dir })
  const list = async (bank: typeof now, where: { parity?: string }) =>
    (await bank.engine.rows(bank.operator, 'counters', where, ['count'], { after: null, limit: 50 }, null, NEVER)).items

  const later = await open('after.ts')
  const even = await list(later, { parity: 'even' })
  assert.deepEqual(even.length, 7)
  assert.deepEqual((await later.engine.verify(() => {}, NEVER)).findings, [])
  await later.do('count', { on: 'c0', by: 1 })
  await later.close()

  await assert.rejects(open('unfit.ts'), /release-invalid: what is recorded does not fit this release/)

  const back = await open('index.ts')
  assert.equal((await list(back, {})).length, 13)
  assert.deepEqual((await back.engine.verify(() => {}, NEVER)).findings, [])
  const before = await back.engine.self(back.operator, NEVER)
  await back.close()
  const same = await open('index.ts')
  assert.equal((await same.engine.self(same.operator, NEVER)).position, before.position, 'nothing to rebuild twice')
})
