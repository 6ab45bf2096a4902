import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import type { Outcome } from '../model/operation.ts'

const LEDGER = fileURLToPath(new URL('../../test/support/ledger/', import.meta.url))

test('nothing is built on a commit that did not land, also on streams that no input names', async (t) => {
  const ledger = await openBank(t, { application: LEDGER })
  const outcomes: Outcome[] = []
  let left = 400
  await Promise.all(
    Array.from({ length: 24 }, async (_, i) => {
      while (left-- > 0) {
        if (i % 3 === 0) outcomes.push(await ledger.do('nudge', {}))
        else outcomes.push(await ledger.do('count', { on: `c${left % 3}`, by: 1 }))
      }
    }),
  )
  assert.ok(outcomes.every(({ kind }) => kind === 'committed'))
  const all = await ledger.ask('count_of', { of: 'all' })
  assert.deepEqual(all.kind === 'answered' && all.result, { count: outcomes.length })
  const report = await ledger.engine.verify(() => {}, NEVER)
  assert.deepEqual(report.findings, [])
})

test('a query never shows what has not been committed at its position', async (t) => {
  const bank = await openBank(t)
  const opened = await bank.do('open_account', { account: 'a', owner: 'ann' })
  assert.ok(opened.kind === 'committed')
  let running = true
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (running) await bank.do('deposit', { account: 'a', amount: 1 })
    }),
  )
  for (let i = 0; i < 60; i++) {
    const past = await bank.ask('balance_of', { account: 'a' }, { at: opened.position })
    assert.deepEqual(past.kind === 'answered' && past.result, { balance: 0 })
    const now = await bank.ask('balance_of', { account: 'a' })
    assert.ok(now.kind === 'answered')
    const state = await bank.engine.state(bank.operator, 'account', 'a', { position: now.asOf }, NEVER)
    assert.deepEqual(now.result, { balance: (state.state as { balance: number }).balance })
  }
  running = false
  await load
})
