/** A pause holds work back: it waits within bounds, is looked at anew when the pause is over, and is refused with the reason where it may not wait. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { adoptionRecorded, changeAuthority, withPolicies } from '../../test/support/authority.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import type { RunId } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import type { SwitchEntry } from '../warden/authority.ts'
import type { ChangeDocument } from '../warden/change-document.ts'

const on = (action: SwitchEntry['action'], id: string = action): ChangeDocument => ({
  change: 'switch-on',
  switch: { id, action, reason: 'back at noon', scope: { kind: 'principal', value: 'agent' } },
})
const off = (id: string): ChangeDocument => ({ change: 'switch-off', id })
const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code
const deposit = (bank: Bank, key: string, account = 'a1') => bank.do('deposit', { account, amount: 1 }, { key })
const paused = async (bank: Bank) => (await bank.engine.self(bank.operator, NEVER)).queues.paused
const untilPaused = async (bank: Bank, count: number) => {
  while ((await paused(bank)) < count) await sleep(5)
}
const ops = async (bank: Bank, state: string) =>
  (await bank.engine.operations(bank.operator, { state, action: 'deposit' }, { after: null, limit: 200 }, NEVER)).items
const balance = async (bank: Bank) => {
  const answer = await bank.ask('balance_of', { account: 'a1' })
  return answer.kind === 'answered' && answer.result
}

async function opened(t: Parameters<typeof openBank>[0], options: Parameters<typeof openBank>[1] = {}): Promise<Bank> {
  const bank = await openBank(t, options)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  return bank
}

test('what is asked under a pause waits, changes and reads alike, and goes on once when it is over', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 60_000 })
  await adoptionRecorded(bank, await changeAuthority(bank, on('pause')))
  const asked = [deposit(bank, 'one'), deposit(bank, 'two'), deposit(bank, 'one')]
  const read = balance(bank)
  await untilPaused(bank, 4)
  const { position } = await bank.engine.self(bank.operator, NEVER)
  await sleep(100)
  assert.equal((await bank.engine.self(bank.operator, NEVER)).position, position, 'nothing is done meanwhile')
  await changeAuthority(bank, off('pause'))
  const outcomes = await Promise.all(asked)
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['committed', 'committed', 'committed'],
  )
  assert.equal(outcomes[0]?.operation, outcomes[2]?.operation)
  assert.match(JSON.stringify(await read), /balance/)
  assert.deepEqual(await balance(bank), { balance: 2 })
  assert.deepEqual([await paused(bank), (await ops(bank, 'failed')).length], [0, 0], 'it has not failed: it waited')
})

test('what was decided before the pause and turned down by it waits as well: under load nobody is refused', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 60_000 })
  let going = true
  let committed = 0
  const load = Array.from({ length: 8 }, async (_, i) => {
    for (let n = 0; going; n++) {
      assert.equal((await deposit(bank, `${i}-${n}`)).kind, 'committed')
      committed += 1
    }
  })
  while (committed < 10) await sleep(5)
  for (let round = 0; round < 3; round++) {
    await changeAuthority(bank, on('pause', `pause-${round}`))
    await untilPaused(bank, 8)
    const before = committed
    await sleep(50)
    assert.equal(committed, before)
    await changeAuthority(bank, off(`pause-${round}`))
    while (committed < before + 8) await sleep(5)
  }
  going = false
  await Promise.all(load)
  assert.deepEqual(await balance(bank), { balance: committed })
  assert.deepEqual((await bank.engine.verify(() => {}, NEVER)).findings, [])
})

test('after so long it is refused with the reason and on record; the same key does it later', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 100 })
  await changeAuthority(bank, on('pause'))
  await assert.rejects(deposit(bank, 'late'), { code: 'switched-paused', detail: 'back at noon' })
  while ((await ops(bank, 'failed')).length === 0) await sleep(5) // written behind the answer
  assert.equal((await ops(bank, 'failed'))[0]?.rules[0], 'switched-paused')
  await changeAuthority(bank, off('pause'))
  assert.equal((await deposit(bank, 'late')).kind, 'committed')
})

test('more than there is room for is refused at once, others are not', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 60_000 })
  await changeAuthority(bank, on('pause'))
  let refused = 0
  const asked = Array.from({ length: 205 }, (_, i) =>
    deposit(bank, `k${i}`).catch((error: unknown) => {
      assert.ok(fails('switched-paused')(error), String(error))
      refused += 1
    }),
  )
  while (refused < 5) await sleep(5)
  assert.deepEqual([refused, await paused(bank)], [5, 200])
  await changeAuthority(bank, off('pause'))
  await Promise.all(asked)
  assert.deepEqual(await balance(bank), { balance: 200 })
})

test('whoever leaves is forgotten: what he asked for is not done', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 60_000 })
  await changeAuthority(bank, on('pause'))
  const leaving = new AbortController()
  const intent = {
    ...{ command: 'deposit', input: { account: 'a1', amount: 1 }, idempotencyKey: 'gone', run: null as RunId | null },
    ...{ correlation: null, causation: null },
  }
  const asked = bank.engine.submit(bank.agent, intent, leaving.signal)
  await untilPaused(bank, 1)
  leaving.abort(new Problem('cancelled', 'he left'))
  await assert.rejects(asked, fails('cancelled'))
  assert.equal(await paused(bank), 0)
  await changeAuthority(bank, off('pause'))
  assert.deepEqual(await balance(bank), { balance: 0 })
})

test('a stop and a revocation end what waits, and report it as stopped', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 60_000 })
  for (const [change, code, report] of [
    [on('stop'), 'switched-stopped', () => 'stop'],
    [{ change: 'revoke', principal: 'agent' }, 'principal-revoked', (snapshot: number) => `revoke-agent-${snapshot}`],
  ] as const) {
    await changeAuthority(bank, on('pause'))
    const asked = deposit(bank, code)
    await untilPaused(bank, 1)
    const refused = assert.rejects(asked, fails(code))
    const snapshot = await changeAuthority(bank, change)
    await refused
    const { counts, operations } = await reported(bank, report(snapshot))
    assert.deepEqual(counts, { stopped: 1, alreadyDone: 0, outcomeUnknown: 0 })
    assert.deepEqual([operations[0]?.command, operations[0]?.became], ['deposit', 'stopped'])
    await changeAuthority(bank, off('pause'))
    if (code === 'switched-stopped') await changeAuthority(bank, off('stop'))
  }
})

test('what waited is looked at anew: policy, scope and input as they are when it goes on', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 60_000 })
  await changeAuthority(bank, on('pause'))
  const asked = deposit(bank, 'anew')
  await untilPaused(bank, 1)
  const forbid = '@id("no-deposits") forbid (principal, action == Action::"deposit", resource);'
  await changeAuthority(bank, await withPolicies(bank.dir, { 'no-deposits.cedar': forbid }), off('pause'))
  const outcome = await asked
  assert.ok(outcome.kind === 'denied' && outcome.rules.includes('no-deposits'), JSON.stringify(outcome))
})

test('a system that stops lets those go who wait', async (t) => {
  const bank = await opened(t, { pauseWaitMs: 60_000 })
  await changeAuthority(bank, on('pause'))
  const asked = assert.rejects(deposit(bank, 'waiting'), { code: 'switched-paused', detail: 'back at noon' })
  await untilPaused(bank, 1)
  const again = await bank.again()
  await asked
  await changeAuthority(again, off('pause'))
  assert.equal((await deposit(again, 'waiting')).kind, 'committed')
})

async function reported(bank: Bank, id: string) {
  for (;;) {
    try {
      return await bank.engine.stopReport(bank.operator, id, NEVER)
    } catch (error) {
      if (!fails('no-such-switch')(error)) throw error
      await sleep(10)
    }
  }
}
