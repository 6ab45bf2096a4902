import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { changeAuthority } from '../../test/support/authority.ts'
import { BANK, NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import type { ApprovalId, PrincipalId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import { signApproval } from '../warden/approval-decision.ts'

const LEDGER = fileURLToPath(new URL('../../test/support/ledger/', import.meta.url))

async function approve(bank: Bank, approval: ApprovalId): Promise<Outcome> {
  const { binds } = await bank.engine.approval(bank.operator, approval, NEVER)
  const signed = signApproval(
    {
      format: 1,
      approval,
      verdict: 'approve',
      binds,
      by: 'operator' as PrincipalId,
      reason: '',
      decidedAtMs: Date.now(),
    },
    bank.credentials.operator.approvalKey as string,
  )
  return bank.engine.decideApproval(bank.operator, signed.decision, signed.signature, NEVER)
}

async function holdWithdrawal(bank: Bank, as = bank.agent): Promise<Extract<Outcome, { kind: 'held' }>> {
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 500_000 })
  const outcome = await bank.do('withdraw', { account: 'a', amount: 200_000 }, { as })
  assert.ok(outcome.kind === 'held', JSON.stringify(outcome))
  return outcome
}

async function endsWith(bank: Bank, held: Extract<Outcome, { kind: 'held' }>, code: string): Promise<void> {
  const outcome = await approve(bank, held.approval)
  assert.deepEqual(outcome.kind === 'refused' && outcome.code, code, JSON.stringify(outcome))
  assert.equal(outcome.operation, held.operation)
  const { held: waiting } = (await bank.engine.self(bank.operator, NEVER)).queues
  assert.equal(waiting, 0, 'its request is closed')
}

test('what was asked before a revocation is not done after the reinstatement', async (t) => {
  const bank = await openBank(t)
  const held = await holdWithdrawal(bank)
  await changeAuthority(bank, { change: 'revoke', principal: 'agent' })
  await changeAuthority(bank, { change: 'reinstate', principal: 'agent' })
  await endsWith(bank, held, 'principal-revoked')
})

test('who may not act for somebody any more does not, also when it was approved', async (t) => {
  const bank = await openBank(t)
  await changeAuthority(bank, { change: 'set-may-act-for', principal: 'agent', mayActFor: ['carol'] })
  const held = await holdWithdrawal(bank, { ...bank.agent, onBehalfOf: 'carol' })
  await changeAuthority(bank, { change: 'set-may-act-for', principal: 'agent', mayActFor: [] })
  await endsWith(bank, held, 'principal-revoked')
})

test('scope is asked again when a held operation goes on', async (t) => {
  const bank = await openBank(t)
  const held = await holdWithdrawal(bank)
  const read = (file: string) => readFile(join(BANK, 'policies', file), 'utf8')
  const scope = (await read('scope/scope.cedar')).replace(
    'action == Action::"open_limited"',
    'action == Action::"withdraw"',
  )
  const files = {
    'bank.cedar': await read('bank.cedar'),
    'scope/scope.cedar': scope.replace('Agent::"narrow"', 'Agent::"agent"'),
  }
  await changeAuthority(bank, { change: 'set-policies', files })
  await endsWith(bank, held, 'no-such-command')
})

test('an approved operation whose code fails ends with that, instead of being tried for ever', async (t) => {
  const ledger = await openBank(t, { application: LEDGER })
  const held = await ledger.do('fail_above', { on: 'a', bound: 7 })
  assert.ok(held.kind === 'held', JSON.stringify(held))
  await ledger.do('count', { on: 'a', by: 10 })
  await endsWith(ledger, held, 'application-failed')
  const { lines } = await ledger.engine.why(ledger.operator, held.operation, NEVER)
  assert.ok(lines.some(({ label, value }) => label === 'refused because' && JSON.stringify(value).includes('above 7')))
})

test('what ends a held operation names who asked, with the chain', async (t) => {
  const bank = await openBank(t)
  const held = await holdWithdrawal(bank)
  await bank.do('withdraw', { account: 'a', amount: 100_000 })
  await bank.do('withdraw', { account: 'a', amount: 100_000 })
  await bank.do('withdraw', { account: 'a', amount: 100_000 })
  await bank.do('withdraw', { account: 'a', amount: 100_000 })
  await endsWith(bank, held, 'not-enough')
  const { lines } = await bank.engine.why(bank.operator, held.operation, NEVER)
  const chain = lines.find(({ label }) => label === 'owner chain')?.value
  assert.deepEqual(chain, ['agent (epoch 1)', 'operator (epoch 1)'])
})
