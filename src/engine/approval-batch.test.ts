/** Several decisions at once: all of them count, or none does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideAsOperator, signedDecision, type Held } from '../../test/support/approve.ts'
import { bankPolicies } from '../../test/support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { audit } from '../main/audit.ts'

async function heldTwice(bank: Bank): Promise<readonly [Held, Held]> {
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('open_account', { account: 'b', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 500_000 })
  await bank.do('deposit', { account: 'b', amount: 500_000 })
  const one = (await bank.do('withdraw', { account: 'a', amount: 200_000 })) as Held
  const other = (await bank.do('withdraw', { account: 'b', amount: 200_000 })) as Held
  assert.deepEqual([one.kind, other.kind], ['held', 'held'])
  return [one, other]
}
const pending = async (bank: Bank): Promise<number> =>
  (await bank.engine.approvals(bank.operator, { state: 'pending' }, { after: null, limit: 10 }, NEVER)).items.length

test('a batch is recorded with one commit, and each operation goes on', async (t) => {
  const bank = await openBank(t)
  const held = await heldTwice(bank)
  const decisions = await Promise.all(held.map(({ approval }) => signedDecision(bank, approval)))
  const outcomes = await bank.engine.decideApprovals(bank.operator, decisions, NEVER)
  assert.deepEqual(
    outcomes.map(({ kind, operation }) => [kind, operation]),
    held.map(({ operation }) => ['committed', operation]),
  )
  const { items } = await bank.engine.operations(
    bank.operator,
    { action: 'plinth.approve' },
    { after: null, limit: 10 },
    NEVER,
  )
  assert.equal(items.length, 1)
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
})

test('where one decision does not hold, none counts', async (t) => {
  const bank = await openBank(t)
  const [one, other] = await heldTwice(bank)
  const good = await signedDecision(bank, one.approval)
  const decide = (decisions: Parameters<typeof bank.engine.decideApprovals>[1]) =>
    bank.engine.decideApprovals(bank.operator, decisions, NEVER)
  const wrong = await signedDecision(bank, other.approval, {
    binds: good.decision.slice(0, 0).padEnd(64, '0') as never,
  })
  await assert.rejects(decide([good, wrong]), { code: 'approval-invalid' })
  await assert.rejects(decide([good, good]), { code: 'approval-invalid' })
  await assert.rejects(decide([]), { code: 'approval-invalid' })
  assert.equal(await pending(bank), 2)
  await decideAsOperator(bank, other.approval, { verdict: 'refuse' })
  const settled = await signedDecision(bank, other.approval)
  await assert.rejects(decide([good, settled]), { code: 'approval-settled' })
  assert.equal(await pending(bank), 1)
  assert.deepEqual(
    await bank.ask('balance_of', { account: 'a' }).then((answer) => answer.kind === 'answered' && answer.result),
    {
      balance: 500_000,
    },
  )
})

test('policies over verdict and command see each decision: none passes in a batch that would not pass alone', async (t) => {
  const forbids = `@id("only-refuses")
    forbid (principal, action == Action::"plinth.approve", resource)
    when { context.input has verdict && context.input.verdict == "approve" && context.input has action && context.input.action == "withdraw" };`
  const bank = await openBank(t, { policies: await bankPolicies(t, { 'more.cedar': forbids }) })
  const [one, other] = await heldTwice(bank)
  const both = await Promise.all([one, other].map(({ approval }) => signedDecision(bank, approval)))
  const decide = (decisions: typeof both) => bank.engine.decideApprovals(bank.operator, decisions, NEVER)
  await assert.rejects(decide(both.slice(0, 1)), { code: 'forbidden' })
  await assert.rejects(decide(both), { code: 'forbidden' })
  const refusal = await signedDecision(bank, other.approval, { verdict: 'refuse' })
  await assert.rejects(decide([both[0] ?? refusal, refusal]), { code: 'approval-invalid' })
  assert.equal(await pending(bank), 2)
  assert.deepEqual(
    (await decide([refusal])).map((outcome) => outcome.kind === 'refused' && outcome.code),
    ['approval-refused'],
  )
  await bank.close()
  const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(report.disagreed, [])
})
