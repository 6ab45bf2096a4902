/** Obligations and rules that observe, through a whole system: carried out, recorded, and never more than was said. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Held } from '../../test/support/approve.ts'
import { applyPolicies, bankPolicies, limits } from '../../test/support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { audit } from '../main/audit.ts'
import type { Json } from '../model/json.ts'
import { obliged } from '../model/obligations.ts'
import type { OperationId } from '../model/ids.ts'
import type { OperationPayload } from './operation-payload.ts'

async function withPolicies(t: TestContext, cedar: string, more: Readonly<Record<string, Json>> = {}): Promise<Bank> {
  const bank = await openBank(t, { policies: await bankPolicies(t, { 'more.cedar': cedar, ...more }) })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 5_000_000 })
  return bank
}
/** Payload and line of an operation's latest record in the log. */
async function recordOf(bank: Bank, operation: OperationId) {
  const { items } = await bank.engine.records(bank.operator, 0, 200, NEVER)
  const found = items.findLast(
    ({ line }) => line.includes(`"op":"${operation}"`) && line.includes('"kind":"operation"'),
  )
  return { line: found?.line ?? '', payload: JSON.parse(found?.payload ?? 'null') as OperationPayload }
}

test('redact: the answer leaves out what the rule says, the retry as well, and the record is whole', async (t) => {
  const bank = await withPolicies(
    t,
    `@id("no-balances") @redact("balance") permit (principal in Role::"agent", action in [Action::"deposit", Action::"balance_of"], resource);`,
  )
  const outcome = await bank.do('deposit', { account: 'a', amount: 1 }, { key: 'k' })
  assert.ok(outcome.kind === 'committed', JSON.stringify(outcome))
  assert.deepEqual(outcome.result, { balance: null })
  const retry = await bank.do('deposit', { account: 'a', amount: 1 }, { key: 'k' })
  assert.ok(retry.kind === 'committed' && retry.replayed)
  assert.deepEqual(retry.result, { balance: null })
  const { payload } = await recordOf(bank, outcome.operation)
  assert.deepEqual(payload.outcome, { kind: 'committed', result: { balance: 5_000_001 } })
  assert.deepEqual(payload.authority?.obligations, { redact: ['balance'] })
  const answer = await bank.ask('balance_of', { account: 'a' })
  assert.deepEqual(answer.kind === 'answered' && answer.result, { balance: null })
})

test('redact reaches into lists, and says that text was there', () => {
  const answer = {
    items: [
      { email: 'a@b', n: 1 },
      { email: 'c@d', n: 2 },
    ],
    email: 'e@f',
  }
  assert.deepEqual(obliged(answer, { redact: ['items.*.email', 'gone.away'] }), {
    items: [
      { email: '[redacted]', n: 1 },
      { email: '[redacted]', n: 2 },
    ],
    email: 'e@f',
  })
  assert.equal(obliged(answer, { degrade: 'receipt-only' }), null)
})

test('notify: the outbox of the same commit tells the channel, of what is done and of what is held', async (t) => {
  const bank = await withPolicies(
    t,
    `@id("tell") @notify("finance audit") permit (principal in Role::"agent", action == Action::"deposit", resource);
     @id("hold-and-tell") @require_approval("cashier") @hold_for("1h") @notify("floor") forbid (principal, action == Action::"transfer", resource)
     unless { context.approvals.contains("cashier") };`,
  )
  const before = (await bank.engine.self(bank.operator, NEVER)).queues.outbox
  assert.equal(before, 2) // the deposit that opened the account
  const outcome = await bank.do('deposit', { account: 'a', amount: 1 })
  assert.ok(outcome.kind === 'committed')
  const { line } = await recordOf(bank, outcome.operation)
  assert.equal(line.match(/"effect":"plinth.notify"/g)?.length, 2)
  const held = (await bank.do('transfer', { from: 'a', to: 'a', amount: 1 })) as Held
  assert.equal(held.kind, 'held', JSON.stringify(held))
  assert.deepEqual(held.requires, ['cashier'])
  assert.match((await recordOf(bank, held.operation)).line, /"effect":"plinth.notify"/)
  const { items } = await bank.engine.effects(bank.operator, {}, { after: null, limit: 200 }, NEVER)
  assert.deepEqual([...new Set(items.map(({ state }) => state))], ['ready'], 'they wait for no witness')
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
})

test('degrade: the caller learns that it was done, and not what came of it', async (t) => {
  const bank = await withPolicies(
    t,
    `@id("quiet") @degrade("receipt-only") permit (principal in Role::"agent", action == Action::"deposit", resource);`,
  )
  const outcome = await bank.do('deposit', { account: 'a', amount: 1 })
  assert.ok(outcome.kind === 'committed' && outcome.result === null, JSON.stringify(outcome))
})

test('an obligation that nobody knows denies where its rule determines the verdict, and is named before it is signed', async (t) => {
  const unknown = `@id("sms") @text_message("+1") permit (principal in Role::"agent", action == Action::"deposit", resource);`
  const policies = await bankPolicies(t, { 'more.cedar': unknown })
  await assert.rejects(openBank(t, { policies }), {
    code: 'authority-change-refused',
    detail: /no obligation `@text_message`/,
  })
  const bank = await withPolicies(t, '')
  await applyPolicies(bank, policies) // by somebody who does not look
  const outcome = await bank.do('deposit', { account: 'a', amount: 1 })
  assert.ok(outcome.kind === 'denied' && outcome.rules.includes('sms'), JSON.stringify(outcome))
  assert.equal((await bank.do('open_account', { account: 'b', owner: 'bob' })).kind, 'committed')
})

test('a rule that observes does nothing, and what it would have done is recorded and listed', async (t) => {
  const bank = await withPolicies(
    t,
    `@id("cap") @mode("observe") forbid (principal, action == Action::"deposit", resource) when { context.input.amount > 100 };
     @id("look") @mode("observe") @hold("cashier") forbid (principal, action == Action::"transfer", resource)
     unless { context.approvals.contains("cashier") };`,
    {
      ...limits({
        deposits: { of: ['deposit'], per: ['principal'], window: { fixed: '1d' }, max: 2, mode: 'observe' },
      }),
    },
  )
  const outcomes = [
    await bank.do('deposit', { account: 'a', amount: 1 }),
    await bank.do('deposit', { account: 'a', amount: 101 }),
    await bank.do('transfer', { from: 'a', to: 'a', amount: 1 }),
  ]
  assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['committed']))
  const { items } = await bank.engine.operations(
    bank.operator,
    { observed: 'differs' },
    { after: null, limit: 50 },
    NEVER,
  )
  assert.deepEqual(
    items.map(({ action, observed }) => [action, observed]),
    [
      ['transfer', { kind: 'held', rules: ['look'], requires: ['cashier'] }],
      ['deposit', { kind: 'denied', rules: ['cap', 'limit:deposits'] }],
      ['deposit', { kind: 'denied', rules: ['cap'] }],
    ],
  )
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
})

test('a folder of policies can observe as a whole, and a permit among them lets nothing through', async (t) => {
  const policies = await bankPolicies(t, {})
  const { mkdir, writeFile } = await import('node:fs/promises')
  await mkdir(`${policies}/observe`)
  await writeFile(
    `${policies}/observe/new.cedar`,
    `@id("operators-too") permit (principal in Role::"operator", action in Action::"commands", resource);
     @id("nobody") forbid (principal, action == Action::"open_account", resource);`,
  )
  const bank = await openBank(t, { policies })
  assert.equal((await bank.do('open_account', { account: 'a', owner: 'ann' })).kind, 'committed')
  await assert.rejects(bank.do('open_account', { account: 'b', owner: 'bob' }, { as: bank.operator }), {
    code: 'no-such-command',
  })
})

test('a rule of scope that observes hides nothing, and what it would have hidden is recorded and listed', async (t) => {
  const scope = `@id("less") @mode("observe") forbid (principal in Role::"agent", action == Action::"deposit", resource);
    @id("more") @mode("observe") permit (principal in Role::"operator", action == Action::"deposit", resource);`
  const policies = await bankPolicies(t, { 'scope/observed.cedar': scope })
  const bank = await openBank(t, { policies })
  assert.equal((await bank.do('open_account', { account: 'a', owner: 'ann' })).kind, 'committed')
  assert.equal((await bank.do('deposit', { account: 'a', amount: 1 })).kind, 'committed')
  assert.ok((await bank.engine.surface(bank.agent, NEVER)).commands.includes('deposit'))
  await assert.rejects(bank.do('deposit', { account: 'a', amount: 1 }, { as: bank.operator }), {
    code: 'no-such-command',
  })
  const { items } = await bank.engine.operations(
    bank.operator,
    { observed: 'differs' },
    { after: null, limit: 50 },
    NEVER,
  )
  assert.deepEqual(
    items.map(({ action, observed }) => [action, observed]),
    [['deposit', { kind: 'out-of-scope', rules: ['less'] }]],
  )
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
  await bank.close()
  const audited = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(audited.disagreed, [])
})
