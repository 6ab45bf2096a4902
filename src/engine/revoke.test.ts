import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeAuthority, publishChange } from '../../test/support/authority.ts'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { Problem } from '../model/problems.ts'

const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

test('revoking stops what comes, what waits, and what runs; reinstating lets new work in', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  let going = true
  let stopped = 0
  const committed: number[] = []
  const load = Array.from({ length: 8 }, async () => {
    while (going) {
      try {
        const outcome = await bank.do('deposit', { account: 'a1', amount: 1 })
        if (outcome.kind === 'committed') committed.push(outcome.position)
      } catch (error) {
        assert.ok(fails('principal-revoked')(error) || fails('credentials-invalid')(error), String(error))
        stopped += 1
        return
      }
    }
  })
  while (committed.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await changeAuthority(bank, { change: 'revoke', principal: 'agent' })
  const { position } = await bank.engine.self(bank.operator, NEVER)
  await Promise.all(load)
  going = false
  assert.equal(stopped, 8)
  assert.ok(
    committed.every((at) => at <= position),
    'nothing of a revoked principal commits after the snapshot is in force',
  )
  await assert.rejects(bank.do('deposit', { account: 'a1', amount: 1 }), fails('principal-revoked'))
  await changeAuthority(bank, { change: 'reinstate', principal: 'agent' })
  assert.equal((await bank.do('deposit', { account: 'a1', amount: 1 })).kind, 'committed')
})

test('an owner who is revoked takes what it owns along', async (t) => {
  const bank = await openBank(t)
  await publishChange(bank.dir, { change: 'revoke', principal: 'operator' })
  for (;;) {
    try {
      await bank.do('open_account', { account: `x${Math.random()}`, owner: 'y' })
    } catch (error) {
      assert.ok(fails('principal-revoked')(error), String(error))
      return
    }
  }
})
