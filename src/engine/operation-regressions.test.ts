/**
 * Failures that others were bitten by, each as a test of ours: those about who acts, stopping it, waiting for approval, and what is on record. The whole
 * list, with where each code is tested or what it waits for: docs/reference/attacks.md.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { decideAsOperator, signedDecision, type Held } from '../../test/support/approve.ts'
import { addPrincipalWithKey, changeAuthority } from '../../test/support/authority.ts'
import { applyPolicies, bankPolicies } from '../../test/support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import type { OperationId } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'

const refusedAs = (code: string) => (error: unknown) => error instanceof Problem && error.code === code
const PAGE = { after: null, limit: 50 }

async function richBank(bank: Bank): Promise<void> {
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 900_000 })
}
const valueOf = async (bank: Bank, operation: OperationId, label: string): Promise<unknown> =>
  (await bank.engine.why(bank.operator, operation, NEVER)).lines.find((line) => line.label === label)?.value

test('A8: whoever is revoked stops at once: with each of its keys, in what it owns, in what runs and in what waits', async (t) => {
  const bank = await openBank(t)
  await richBank(bank)
  const second = await addPrincipalWithKey(bank, { id: 'second', kind: 'agent', roles: ['agent'], tenant: 'default' })
  assert.equal((await bank.do('deposit', { account: 'a', amount: 1 }, { as: second })).kind, 'committed')
  const held = (await bank.do('withdraw', { account: 'a', amount: 200_000 }, { as: second })) as Held
  assert.equal(held.kind, 'held')
  const runs = bank.do('hang', {}, { as: second })
  runs.catch(() => {})
  await changeAuthority(bank, { change: 'revoke', principal: 'second' })
  await assert.rejects(runs, Problem)
  const isStopped = async (system: Bank) => {
    const more = system.do('deposit', { account: 'a', amount: 1 }, { as: second })
    await assert.rejects(more, refusedAs('principal-revoked'))
    const ended = await system.engine.outcome(system.operator, held.operation, 10_000, NEVER)
    assert.ok(ended.kind === 'refused' && ended.code === 'principal-revoked', JSON.stringify(ended))
  }
  await decideAsOperator(bank, held.approval)
  await isStopped(bank)
  await isStopped(await bank.again())
})

test('A9: a stop that stops nothing says so, and one that stops something says what', async (t) => {
  const sandbox = await openSandbox({ limits: { entryMs: 60_000 } }) // what hangs does so until it is stopped
  const bank = await openBank(t, { sandbox })
  t.after(() => sandbox.close())
  const stop = async (id: string) => {
    const scope = { kind: 'principal', value: 'agent' } as const
    await changeAuthority(bank, { change: 'switch-on', switch: { id, scope, action: 'stop', reason: 'looking' } })
    for (;;)
      try {
        return await bank.engine.stopReport(bank.operator, id, NEVER)
      } catch (error) {
        if (!refusedAs('no-such-switch')(error)) throw error
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
  }
  const nothing = await stop('sw-nothing')
  assert.deepEqual(nothing.counts, { stopped: 0, alreadyDone: 0, outcomeUnknown: 0 })
  assert.deepEqual(nothing.operations, [])
  await changeAuthority(bank, { change: 'switch-off', id: 'sw-nothing' })
  const runs = assert.rejects(bank.do('hang', {}), Problem)
  while ((await bank.engine.self(bank.operator, NEVER)).queues.running === 0)
    await new Promise((resolve) => setTimeout(resolve, 5))
  const something = await stop('sw-something')
  assert.deepEqual(
    something.operations.map(({ command, became }) => [command, became]),
    [['hang', 'stopped']],
  )
  await runs
  assert.equal((await bank.engine.self(bank.operator, NEVER)).queues.running, 0)
})

test('A10: who asked, for whom and under whom is in the record of each operation', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  const done = await bank.do(
    'deposit',
    { account: 'a', amount: 5 },
    { as: { ...bank.agent, onBehalfOf: 'ann' }, run: 'talk-1' },
  )
  assert.ok(done.kind === 'committed')
  const { items } = await bank.engine.records(bank.operator, done.position, 1, NEVER)
  const { actor, chain, for: forWhom, run } = JSON.parse(items[0]?.line ?? '{}') as Record<string, unknown>
  assert.deepEqual([actor, forWhom, run], ['agent', 'ann', 'talk-1'])
  assert.deepEqual(
    (chain as readonly { principal: string }[]).map(({ principal }) => principal),
    ['agent', 'operator'],
  )
})

test('B6: what is held has a handle, is decided elsewhere, is asked of policy again, and is done at most once', async (t) => {
  const bank = await openBank(t)
  await richBank(bank)
  const held = (await bank.do('withdraw', { account: 'a', amount: 200_000 }, { key: 'pay' })) as Held
  const polls = Array.from({ length: 20 }, () => bank.engine.outcome(bank.agent, held.operation, 20_000, NEVER))
  const signed = await signedDecision(bank, held.approval)
  const decide = () => bank.engine.decideApproval(bank.operator, signed.decision, signed.signature, NEVER, signed.card)
  await Promise.all([decide(), decide(), decide()])
  for (const outcome of [
    ...(await Promise.all(polls)),
    await bank.do('withdraw', { account: 'a', amount: 200_000 }, { key: 'pay' }),
  ])
    // prettier-ignore
    assert.deepEqual([outcome.kind, outcome.operation], ['committed', held.operation])
  assert.equal((await bank.engine.self(bank.operator, NEVER)).queues.outbox, 1)

  const late = (await bank.do('withdraw', { account: 'a', amount: 300_000 })) as Held
  const no = '@id("closed") forbid (principal, action == Action::"withdraw", resource);'
  await applyPolicies(bank, await bankPolicies(t, { 'more.cedar': no }))
  assert.notEqual((await decideAsOperator(bank, late.approval)).kind, 'committed')
  assert.equal((await bank.engine.self(bank.operator, NEVER)).queues.outbox, 1)
})

test('C1: what beside the log finds no room is counted and shown, never just gone', async (t) => {
  const bank = await openBank(t)
  assert.equal((await bank.engine.self(bank.operator, NEVER)).queues.lost, 0)
  // All in one turn of this thread: nothing can be written meanwhile.
  const looks = Array.from({ length: 6_000 }, () => bank.engine.approvals(bank.operator, {}, PAGE, NEVER))
  await Promise.all(looks)
  for (;;) {
    const { lost } = (await bank.engine.self(bank.operator, NEVER)).queues
    if (lost > 0) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

test('C2: what is recorded of a call is what was sent, to the last character, or says how much is left out', async (t) => {
  const bank = await openBank(t)
  const account = `${'ж€𝄞'.repeat(250)}.`
  const done = await bank.do('open_account', { account, owner: 'ann' })
  assert.equal(done.kind, 'committed', JSON.stringify(done).slice(0, 500))
  const recorded = await valueOf(bank, done.operation, 'input')
  assert.ok(isDeepStrictEqual(recorded, { account, owner: 'ann' }))
  const input = { account: account.repeat(80), amount: 1 } // beside the log, where there is a bound
  const refused = await bank.do('deposit', input)
  assert.equal(refused.kind, 'refused')
  assert.deepEqual(await valueOf(bank, refused.operation, 'input'), {
    omittedCharacters: JSON.stringify(input).length,
  })
})

test('C6: who has lost the ids of its operations has them found by its name, those that wait as well', async (t) => {
  const bank = await openBank(t)
  await richBank(bank)
  const { operation } = await bank.do('withdraw', { account: 'a', amount: 200_000 })
  const { items } = await bank.engine.operations(bank.operator, { actor: 'agent', state: 'held' }, PAGE, NEVER)
  assert.deepEqual(
    items.map((item) => item.operation),
    [operation],
  )
  const all = await bank.engine.operations(bank.operator, { actor: 'agent' }, PAGE, NEVER)
  assert.equal(all.items.length, 3)
})
