/** Limits, through a whole system: what races, what fails, what restarts, and what spends nothing. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { applyPolicies, bankPolicies, limits } from '../../../test/support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../../test/support/bank-system.ts'
import type { Json } from '../../model/json.ts'
import type { OperationId } from '../../model/ids.ts'
import type { Outcome } from '../../model/operation.ts'

const DEPOSITS = { of: ['deposit'], per: ['principal'], window: { fixed: '1d' } } as const

async function limited(t: TestContext, entries: Json, cedar = '', clock?: () => number): Promise<Bank> {
  const policies = await bankPolicies(t, { ...limits(entries), 'more.cedar': cedar })
  const bank = await openBank(t, {
    policies,
    ...(clock === undefined ? {} : { clock: { nowMs: clock, monotonicUs: () => performance.now() * 1000 } }),
  })
  for (const account of ['a', 'b', 'c', 'd']) await bank.do('open_account', { account, owner: 'ann' })
  return bank
}
const deposit = (bank: Bank, account: string, amount: number, run?: string): Promise<Outcome> =>
  bank.do('deposit', { account, amount }, run === undefined ? {} : { run })
const kinds = (outcomes: readonly Outcome[], kind: Outcome['kind']): number =>
  outcomes.filter((outcome) => outcome.kind === kind).length
const deniedBy = (outcome: Outcome): readonly string[] => (outcome.kind === 'denied' ? outcome.rules : [outcome.kind])
/** A time in the middle of a day, that stands still unless told. */
const NOON = Date.UTC(2026, 5, 1, 12)

test('A1: of racing calls exactly as many land as fit under a count, in every window', async (t) => {
  let nowMs = NOON
  const bank = await limited(t, { deposits: { ...DEPOSITS, max: 50 } }, '', () => nowMs)
  for (let window = 0; window < 2; window++) {
    const calls = Array.from({ length: 200 }, (_, i) => deposit(bank, 'abcd'.charAt(i % 4), 1))
    const outcomes = await Promise.all(calls)
    assert.equal(kinds(outcomes, 'committed'), 50)
    assert.equal(kinds(outcomes, 'denied'), 150)
    assert.deepEqual(new Set(outcomes.flatMap(deniedBy)), new Set(['committed', 'limit:deposits']))
    nowMs += 86_400_000
  }
})

test('a sum counts amounts, of the fact or the input that it names', async (t) => {
  const bank = await limited(t, { paid_in: { ...DEPOSITS, sum: 'input.amount', max: 100 } }, '', () => NOON)
  const outcomes = await Promise.all(Array.from({ length: 30 }, () => deposit(bank, 'a', 7)))
  assert.equal(kinds(outcomes, 'committed'), 14)
  assert.equal((await deposit(bank, 'a', 2)).kind, 'committed')
  assert.deepEqual(deniedBy(await deposit(bank, 'a', 1)), ['limit:paid_in'])
})

test('a sliding window lets go of what is older, and of nothing younger', async (t) => {
  let nowMs = NOON
  const bank = await limited(t, { rate: { ...DEPOSITS, window: { sliding: '1m' }, max: 2 } }, '', () => nowMs)
  assert.equal((await deposit(bank, 'a', 1)).kind, 'committed')
  nowMs += 30_000
  assert.equal((await deposit(bank, 'a', 1)).kind, 'committed')
  nowMs += 29_999
  assert.equal((await deposit(bank, 'a', 1)).kind, 'denied')
  nowMs += 2_000
  assert.equal((await deposit(bank, 'a', 1)).kind, 'committed')
  assert.equal((await deposit(bank, 'a', 1)).kind, 'denied')
})

test('each run, entity and principal has a counter of its own; no run is one, too', async (t) => {
  const bank = await limited(
    t,
    {
      of_run: { ...DEPOSITS, per: ['run'], max: 1 },
      of_account: { ...DEPOSITS, per: ['entity'], max: 2 },
    },
    '',
    () => NOON,
  )
  assert.equal((await deposit(bank, 'a', 1, 'r1')).kind, 'committed')
  assert.deepEqual(deniedBy(await deposit(bank, 'b', 1, 'r1')), ['limit:of_run'])
  assert.equal((await deposit(bank, 'a', 1)).kind, 'committed')
  assert.deepEqual(deniedBy(await deposit(bank, 'b', 1)), ['limit:of_run'])
  assert.deepEqual(deniedBy(await deposit(bank, 'a', 1, 'r2')), ['limit:of_account'])
})

test('policies see the value before, with what is under way: `context.history`', async (t) => {
  const bank = await limited(
    t,
    { deposits: DEPOSITS },
    `@id("three-are-enough") forbid (principal, action == Action::"deposit", resource) when { context.history.deposits >= 3 };
     @id("first-deposit-is-small") forbid (principal, action == Action::"deposit", resource)
     when { context.history.deposits == 0 && context.input.amount > 10 };`,
    () => NOON,
  )
  assert.deepEqual(deniedBy(await deposit(bank, 'a', 11)), ['first-deposit-is-small'])
  const outcomes = await Promise.all(Array.from({ length: 40 }, (_, i) => deposit(bank, 'abcd'.charAt(i % 4), 1)))
  assert.equal(kinds(outcomes, 'committed'), 3)
  const committed = outcomes.flatMap((outcome) => (outcome.kind === 'committed' ? [outcome.operation] : []))
  const values = await Promise.all(committed.map((operation) => relied(bank, operation)))
  assert.deepEqual(values.sort(), [0, 1, 2])
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
})

async function relied(bank: Bank, operation: OperationId): Promise<unknown> {
  const { lines } = await bank.engine.why(bank.operator, operation, NEVER)
  const entries = lines.find(({ label }) => label === 'history')?.value as readonly { readonly value: number }[]
  return entries[0]?.value
}

test('A6, A7: what is refused, denied or held spends nothing', async (t) => {
  const bank = await limited(
    t,
    { payouts: { of: ['withdraw'], per: ['principal'], window: { fixed: '1d' }, sum: 'facts.amount', max: 300_000 } },
    '',
    () => NOON,
  )
  await deposit(bank, 'a', 5_000_000)
  const withdraw = (amount: number): Promise<Outcome> => bank.do('withdraw', { account: 'a', amount })
  assert.equal((await bank.do('withdraw', { account: 'b', amount: 300_000 })).kind, 'refused')
  assert.equal((await withdraw(250_000)).kind, 'held')
  assert.equal((await withdraw(250_000)).kind, 'held')
  for (let i = 0; i < 3; i++) assert.equal((await withdraw(100_000)).kind, 'committed')
  assert.deepEqual(deniedBy(await withdraw(1)), ['limit:payouts'])
})

test('counters come back after a restart, and are read from the log for a limit that is new', async (t) => {
  const bank = await limited(t, { deposits: { ...DEPOSITS, max: 5 } }, '', () => NOON)
  for (let i = 0; i < 3; i++) await deposit(bank, 'a', 10)
  const again = await bank.again()
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => deposit(again, 'b', 10)))
  assert.equal(kinds(outcomes, 'committed'), 2)
  await applyPolicies(again, await bankPolicies(t, limits({ paid_in: { ...DEPOSITS, sum: 'input.amount', max: 60 } })))
  assert.equal((await deposit(again, 'c', 10)).kind, 'committed')
  assert.deepEqual(deniedBy(await deposit(again, 'c', 1)), ['limit:paid_in'])
})

test('A10: an amount that is not stated is a denial that says so, not a crash and not a nothing', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await deposit(bank, 'a', 5)
  const sums = limits({ sums: { ...DEPOSITS, of: ['transfer'], sum: 'facts.amount', max: 10 } })
  const policies = await bankPolicies(t, sums)
  await assert.rejects(openBank(t, { policies }), { code: 'authority-change-refused' }) // named before it is signed
  await applyPolicies(bank, policies) // by somebody who does not look
  await bank.do('open_account', { account: 'b', owner: 'ann' })
  const outcome = await bank.do('transfer', { from: 'a', to: 'b', amount: 1 })
  assert.deepEqual(deniedBy(outcome), [])
  assert.equal((await deposit(bank, 'a', 5)).kind, 'committed')
})
