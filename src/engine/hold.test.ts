import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { HELD_PER_PRINCIPAL_MAX } from './bounds.ts'
import type { Outcome } from '../model/operation.ts'
import type { ApprovalId, PrincipalId } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import { signApproval } from '../warden/approval-decision.ts'

type Held = Extract<Outcome, { kind: 'held' }>
const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

/** An account with money, and a withdrawal large enough to be held. */
async function held(bank: Bank, key = 'big'): Promise<Held> {
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  await bank.do('deposit', { account: 'a1', amount: 5_000_00 })
  const outcome = await bank.do('withdraw', { account: 'a1', amount: 2_000_00 }, { key })
  assert.equal(outcome.kind, 'held', JSON.stringify(outcome))
  return outcome as Held
}

async function decide(
  bank: Bank,
  approval: ApprovalId,
  verdict: 'approve' | 'refuse',
  change: object = {},
): Promise<Outcome> {
  const view = await bank.engine.approval(bank.operator, approval, NEVER)
  const decision = {
    format: 1,
    approval,
    verdict,
    binds: view.binds,
    by: 'operator' as PrincipalId,
    reason: 'looked at it',
    decidedAtMs: Date.now(),
    ...change,
  } as const
  const signed = signApproval(decision, bank.credentials.operator.approvalKey as string)
  return bank.engine.decideApproval(bank.operator, signed.decision, signed.signature, NEVER)
}
const balance = async (bank: Bank): Promise<unknown> => {
  const answer = await bank.ask('balance_of', { account: 'a1' })
  return answer.kind === 'answered' ? answer.result : answer
}

test('a held operation waits, names who decides, and goes on when approved', async (t) => {
  const bank = await openBank(t)
  const waiting = await held(bank)
  assert.deepEqual(waiting.requires, ['cashier'])
  assert.deepEqual(waiting.rules, ['large-payouts-need-a-person'])
  assert.deepEqual(await balance(bank), { balance: 5_000_00 })
  assert.equal(
    (await bank.engine.approvals(bank.operator, { state: 'pending' }, { after: null, limit: 10 }, NEVER)).items.length,
    1,
  )
  const outcome = await decide(bank, waiting.approval, 'approve')
  assert.equal(outcome.kind, 'committed', JSON.stringify(outcome))
  assert.equal(outcome.operation, waiting.operation)
  assert.deepEqual(await balance(bank), { balance: 3_000_00 })
  const replay = await bank.do('withdraw', { account: 'a1', amount: 2_000_00 }, { key: 'big' })
  assert.ok(replay.kind === 'committed' && replay.replayed)
  const why = await bank.engine.why(bank.operator, waiting.operation, NEVER)
  const allowed = why.lines.find(({ label }) => label === 'why allowed')
  assert.deepEqual((allowed?.value as { approvals: unknown }).approvals, [
    { approval: waiting.approval, by: 'operator' },
  ])
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
})

test('a held operation survives a restart, and a refusal ends it', async (t) => {
  const bank = await openBank(t)
  const waiting = await held(bank)
  const again = await bank.again()
  const same = await again.do('withdraw', { account: 'a1', amount: 2_000_00 }, { key: 'big' })
  assert.deepEqual({ ...same, replayed: false }, waiting)
  const outcome = await decide(again, waiting.approval, 'refuse')
  assert.ok(outcome.kind === 'refused' && outcome.code === 'approval-refused')
  assert.deepEqual(await balance(again), { balance: 5_000_00 })
  await assert.rejects(decide(again, waiting.approval, 'approve'), fails('approval-settled'))
})

test('an approval binds: what changed in between is asked anew, what was edited does not verify', async (t) => {
  const bank = await openBank(t)
  const waiting = await held(bank)
  await assert.rejects(decide(bank, waiting.approval, 'approve', { binds: '0'.repeat(64) }), fails('approval-invalid'))
  await assert.rejects(decide(bank, waiting.approval, 'approve', { by: 'agent' }), fails('approval-invalid'))
  await bank.do('withdraw', { account: 'a1', amount: 500_00 })
  await bank.do('withdraw', { account: 'a1', amount: 900_00 })
  await bank.do('withdraw', { account: 'a1', amount: 900_00 })
  await bank.do('withdraw', { account: 'a1', amount: 900_00 })
  const outcome = await decide(bank, waiting.approval, 'approve')
  assert.ok(outcome.kind === 'refused' && outcome.code === 'not-enough', JSON.stringify(outcome))
  assert.deepEqual(await balance(bank), { balance: 1_800_00 })
})

test('nobody decides who asks, and no agent decides at all', async (t) => {
  const bank = await openBank(t)
  const waiting = await held(bank)
  const view = await bank.engine.approval(bank.operator, waiting.approval, NEVER)
  const decision = {
    format: 1,
    approval: waiting.approval,
    verdict: 'approve',
    binds: view.binds,
    by: 'operator' as PrincipalId,
    reason: '',
    decidedAtMs: Date.now(),
  } as const
  const signed = signApproval(decision, bank.credentials.operator.approvalKey as string)
  await assert.rejects(
    bank.engine.decideApproval(bank.agent, signed.decision, signed.signature, NEVER),
    fails('approval-invalid'),
  )
  const forged = `${signed.signature.slice(0, 4)}AAAA${signed.signature.slice(8)}`
  await assert.rejects(
    bank.engine.decideApproval(bank.operator, signed.decision, forged, NEVER),
    fails('approval-invalid'),
  )
  assert.deepEqual(await balance(bank), { balance: 5_000_00 })
})

test('of any number that race, no more are held for one principal than may be', async (t) => {
  const bank = await openBank(t)
  await held(bank)
  const asked = Array.from({ length: HELD_PER_PRINCIPAL_MAX + 20 }, () =>
    bank.do('withdraw', { account: 'a1', amount: 2_000_00 }).then(
      ({ kind }) => kind,
      (error: unknown) => (error instanceof Problem ? error.code : String(error)),
    ),
  )
  const answers = await Promise.all(asked)
  assert.equal(answers.filter((one) => one === 'held').length, HELD_PER_PRINCIPAL_MAX - 1)
  assert.equal(answers.filter((one) => one === 'too-many-held').length, 21)
})

test('nobody deciding in time ends it', async (t) => {
  let shift = 0
  const bank = await openBank(t, {
    clock: { nowMs: () => Date.now() + shift, monotonicUs: () => performance.now() * 1000 },
  })
  const waiting = await held(bank)
  shift = 3_600_001
  await assert.rejects(decide(bank, waiting.approval, 'approve'), fails('approval-settled'))
  const outcome = await bank.engine.outcome(bank.agent, waiting.operation, 10_000_000, NEVER)
  assert.ok(outcome.kind === 'refused' && outcome.code === 'approval-expired', JSON.stringify(outcome))
})
