import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import type { PrincipalId } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import { readOperator } from '../doors/cli/credential.ts'
import { reinstate, revoke } from '../warden/changes.ts'
import { publish } from '../warden/publish.ts'

const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

async function change(bank: Bank, what: ReturnType<typeof revoke>): Promise<void> {
  const { operatorKey } = await readOperator(bank.dir)
  const { number } = await publish(join(bank.dir, 'authority'), operatorKey, what, Date.now())
  for (;;) {
    if ((await bank.engine.self(bank.operator, NEVER)).authority.snapshot >= number) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

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
  await new Promise((resolve) => setTimeout(resolve, 200))
  await change(bank, revoke('agent' as PrincipalId))
  const { position } = await bank.engine.self(bank.operator, NEVER)
  await Promise.all(load)
  going = false
  assert.equal(stopped, 8)
  assert.ok(committed.length > 0)
  assert.ok(
    committed.every((at) => at <= position),
    'nothing of a revoked principal commits after the snapshot is in force',
  )
  await assert.rejects(bank.do('deposit', { account: 'a1', amount: 1 }), fails('principal-revoked'))
  await change(bank, reinstate('agent' as PrincipalId))
  assert.equal((await bank.do('deposit', { account: 'a1', amount: 1 })).kind, 'committed')
})

test('an owner who is revoked takes what it owns along', async (t) => {
  const bank = await openBank(t)
  const { operatorKey } = await readOperator(bank.dir)
  await publish(join(bank.dir, 'authority'), operatorKey, revoke('operator' as PrincipalId), Date.now())
  for (;;) {
    try {
      await bank.do('open_account', { account: `x${Math.random()}`, owner: 'y' })
    } catch (error) {
      assert.ok(fails('principal-revoked')(error), String(error))
      return
    }
  }
})
