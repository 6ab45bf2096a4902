import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { decideAsOperator } from '../../../test/support/approve.ts'
import { applyPolicies, bankPolicies } from '../../../test/support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../../test/support/bank-system.ts'
import { releaseOf } from '../../application/release.ts'
import { systemClock } from '../../host/clock.ts'
import { audit } from '../../main/audit.ts'
import type { Json } from '../../model/json.ts'
import { Problem } from '../../model/problems.ts'

const BREAKERS = {
  refusing: {
    of: ['withdraw'],
    per: ['principal', 'command'],
    when: { refusals: 0.5, ofLast: 4 },
    open: '1h',
    probes: 1,
  },
  moving: { of: ['deposit'], when: { sum: 'input.amount', over: 100, within: '1h' }, open: '10m' },
}
let nowMs = 0
const clock = { ...systemClock, nowMs: () => nowMs }

const file = (breakers: Json) => ({ 'breakers.json': { format: 1, breakers } })

async function bankWithBreakers(t: TestContext, breakers: Json = BREAKERS, cedar = ''): Promise<Bank> {
  nowMs = Date.now()
  const bank = await openBank(t, { policies: await bankPolicies(t, { ...file(breakers), 'more.cedar': cedar }), clock })
  for (const account of ['a', 'b']) await bank.do('open_account', { account, owner: account })
  return bank
}
const isOpen = (breaker: string) => (error: unknown) =>
  error instanceof Problem && error.code === 'breaker-open' && error.members['breaker'] === breaker
const withdraw = (bank: Bank, amount: number) => bank.do('withdraw', { account: 'a', amount })

test('refusals trip a breaker for who caused them; it stays open over a restart, half opens by time, and closes when it goes well', async (t) => {
  const bank = await bankWithBreakers(t)
  await bank.do('deposit', { account: 'a', amount: 10 })
  assert.equal((await withdraw(bank, 1)).kind, 'committed')
  for (let i = 0; i < 3; i++) assert.equal((await withdraw(bank, 1_000)).kind, 'refused')
  await assert.rejects(withdraw(bank, 1), isOpen('refusing'))
  const [open] = (await bank.engine.self(bank.operator, NEVER)).breakers
  assert.deepEqual(
    [open?.breaker, open?.principal, open?.command, open?.state],
    ['refusing', 'agent', 'withdraw', 'open'],
  )
  const again = await bank.again()
  await assert.rejects(withdraw(again, 1), isOpen('refusing'))
  nowMs += 3_600_000
  assert.equal((await withdraw(again, 1)).kind, 'committed')
  assert.equal((await withdraw(again, 1)).kind, 'committed')
  assert.deepEqual((await again.engine.self(again.operator, NEVER)).breakers, [])
  const { items } = await again.engine.records(again.operator, 0 as never, 200, NEVER)
  const changes = items.map(({ line }) => JSON.parse(line) as { stream?: string; type?: string })
  assert.deepEqual(
    changes.filter(({ stream }) => stream?.startsWith('plinth.breaker/')).map(({ type }) => type),
    ['open', 'half-open', 'closed'],
  )
  assert.deepEqual((await again.engine.verify(() => {}, NEVER)).findings, [])
  await again.close()
  assert.deepEqual(
    (await audit({ dir: again.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)).disagreed,
    [],
  )
})

test('a sum that is moved too fast trips it for everybody whom the rule does not tell apart, and for nothing else', async (t) => {
  const bank = await bankWithBreakers(t)
  for (const amount of [60, 60]) assert.equal((await bank.do('deposit', { account: 'a', amount })).kind, 'committed')
  await assert.rejects(bank.do('deposit', { account: 'b', amount: 1 }), isOpen('moving'))
  assert.equal((await withdraw(bank, 1)).kind, 'committed')
})

test('what a rule takes out of the answer counts towards the sum all the same', async (t) => {
  const moving = { of: ['deposit'], when: { sum: 'result.balance', over: 100, within: '1h' }, open: '10m' }
  const receipts = '@id("receipts") @degrade("receipt-only") permit (principal, action == Action::"deposit", resource);'
  const bank = await bankWithBreakers(t, { moving }, receipts)
  const done = await bank.do('deposit', { account: 'a', amount: 60 })
  assert.ok(done.kind === 'committed' && JSON.stringify(done.result) !== '{"balance":60}', JSON.stringify(done))
  assert.equal((await bank.do('deposit', { account: 'a', amount: 1 })).kind, 'committed')
  await assert.rejects(bank.do('deposit', { account: 'a', amount: 1 }), isOpen('moving'))
})

test('a release is told apart where the rule says so: the next one begins anew, and the one before finds its own again', async (t) => {
  const tripping = { of: ['withdraw'], when: { refusals: 0.5, ofLast: 2 }, open: '1h' }
  const bank = await bankWithBreakers(t, {
    of_release: { ...tripping, per: ['release'] },
    of_all: { ...tripping, of: ['close_account'] },
  })
  for (let i = 0; i < 2; i++) assert.equal((await withdraw(bank, 1_000)).kind, 'refused')
  await assert.rejects(withdraw(bank, 1), isOpen('of_release'))
  const { manifest, bundle, id } = bank.engine.release
  assert.equal((await bank.engine.self(bank.operator, NEVER)).breakers[0]?.release, id)
  const next = await bank.again({ release: releaseOf({ ...manifest, describe: 'The next one.' }, bundle) })
  assert.notEqual(next.engine.release.id, id)
  assert.deepEqual((await next.engine.self(next.operator, NEVER)).breakers, [])
  assert.equal((await withdraw(next, 1_000)).kind, 'refused')
  const back = await next.again({ release: bank.engine.release })
  await assert.rejects(withdraw(back, 1), isOpen('of_release'))
})

test('published with other numbers, a breaker begins anew at once, and so after a restart', async (t) => {
  const tripping = { of: ['withdraw'], when: { refusals: 0.5, ofLast: 2 }, open: '1h' }
  const bank = await bankWithBreakers(t, { refusing: tripping })
  await bank.do('deposit', { account: 'a', amount: 10 })
  for (let i = 0; i < 2; i++) assert.equal((await withdraw(bank, 1_000)).kind, 'refused')
  await assert.rejects(withdraw(bank, 1), isOpen('refusing'))
  const looser = { ...tripping, when: { refusals: 0.9, ofLast: 20 } }
  await applyPolicies(bank, await bankPolicies(t, file({ refusing: looser })))
  assert.deepEqual((await bank.engine.self(bank.operator, NEVER)).breakers, [])
  assert.equal((await withdraw(bank, 1)).kind, 'committed')
  const again = await bank.again()
  assert.equal((await withdraw(again, 1)).kind, 'committed')
})

test('what is approved while a breaker is open waits for it, and goes on when it half opens', async (t) => {
  const rich = await bankWithBreakers(t, { refusing: { ...BREAKERS.refusing, open: '10m' } })
  await rich.do('deposit', { account: 'a', amount: 500_000 })
  const held = await withdraw(rich, 200_000)
  assert.ok(held.kind === 'held')
  for (let i = 0; i < 4; i++) assert.equal((await withdraw(rich, 99_999_999)).kind, 'refused')
  await assert.rejects(withdraw(rich, 1), isOpen('refusing'))
  const approved = await decideAsOperator(rich, held.approval)
  assert.equal(approved.kind, 'held')
  assert.equal((await rich.engine.self(rich.operator, NEVER)).queues.held, 1)
  nowMs += 600_000 // the approval is good for an hour
  const outcome = await rich.engine.outcome(rich.agent, held.operation, 10_000, NEVER)
  assert.equal(outcome.kind, 'committed', JSON.stringify(outcome))
  // The breaker hears of it a moment after the caller.
  while ((await rich.engine.self(rich.operator, NEVER)).breakers.length > 0) await sleep(5)
})
