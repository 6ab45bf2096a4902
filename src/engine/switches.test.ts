import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decideAsOperator } from '../../test/support/approve.ts'
import { VAULT } from '../../test/support/vault-system.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { changeAuthority } from '../../test/support/authority.ts'
import { systemClock } from '../host/clock.ts'
import { Problem } from '../model/problems.ts'
import type { SwitchEntry } from '../warden/authority.ts'
import type { ChangeDocument } from '../warden/change-document.ts'

const LEDGER = fileURLToPath(new URL('../../test/support/ledger/', import.meta.url))
let count = 0
const off = (kind: SwitchEntry['scope']['kind'], value: string, action: SwitchEntry['action']) => ({
  ...{ id: `sw-${++count}`, action, reason: 'it does too much' },
  scope: { kind, value },
})
const switchOn = (one: ReturnType<typeof off>): ChangeDocument => ({ change: 'switch-on', switch: one })
const switchOff = (id: string): ChangeDocument => ({ change: 'switch-off', id })
const fails = (code: string) => (error: unknown) =>
  error instanceof Problem && error.code === code && error.detail === 'it does too much'
const deposit = (bank: Bank) => bank.do('deposit', { account: 'a1', amount: 1 })
const balance = (bank: Bank) => bank.ask('balance_of', { account: 'a1' })

for (const [scope, value] of [
  ['global', '*'],
  ['application', 'bank'],
  ['principal', 'agent'],
  ['principal', 'operator'],
  ['command', 'deposit'],
] as const)
  test(`a switch on ${scope} ${value} refuses with its reason, and off again lets work in`, async (t) => {
    const bank = await openBank(t, { pauseWaitMs: 0 })
    await bank.do('open_account', { account: 'a1', owner: 'ann' })
    for (const [action, code] of [
      ['pause', 'switched-paused'],
      ['contain', 'switched-contained'],
      ['stop', 'switched-stopped'],
    ] as const) {
      const one = off(scope, value, action)
      await changeAuthority(bank, switchOn(one))
      await assert.rejects(deposit(bank), fails(code))
      if (scope !== 'command') {
        if (action === 'contain') assert.equal((await balance(bank)).kind, 'answered')
        else await assert.rejects(balance(bank), fails(code))
      }
      const [shown] = (await bank.engine.self(bank.operator, NEVER)).switches
      assert.deepEqual(shown, { ...one, by: 'operator', atMs: shown?.atMs })
      await changeAuthority(bank, switchOff(one.id))
      assert.equal((await deposit(bank)).kind, 'committed')
    }
  })

test('what a switch does not reach goes on', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  for (const one of [
    off('application', 'shop', 'stop'),
    off('tenant', 'elsewhere', 'stop'),
    off('run', 'run-1', 'stop'),
    off('command', 'withdraw', 'stop'),
    off('effect', 'mail', 'stop'),
    off('policy-set', 'f'.repeat(64), 'stop'),
    off('global', '*', 'freeze'),
  ])
    await changeAuthority(bank, switchOn(one))
  assert.equal((await deposit(bank)).kind, 'committed')
  await assert.rejects(
    bank.do('deposit', { account: 'a1', amount: 1 }, { run: 'run-1' }),
    fails('switched-stopped'),
    'the run that it names does not',
  )
})

test('a stop under load ends what runs, and reports what became of each; nothing lands afterwards', async (t) => {
  const bank = await openBank(t)
  for (let i = 0; i < 8; i++) await bank.do('open_account', { account: `a${i}`, owner: 'ann' })
  let going = true
  let refusals = 0
  const committed: number[] = []
  const load = Array.from({ length: 8 }, async (_, i) => {
    while (going) {
      try {
        const outcome = await bank.do('deposit', { account: `a${i}`, amount: 1 })
        if (outcome.kind === 'committed') committed.push(outcome.position)
      } catch (error) {
        assert.ok(fails('switched-stopped')(error), String(error))
        refusals += 1
        return
      }
    }
  })
  while (committed.length < 20) await new Promise((resolve) => setTimeout(resolve, 5))
  const one = off('principal', 'agent', 'stop')
  await changeAuthority(bank, switchOn(one))
  const { position } = await bank.engine.self(bank.operator, NEVER)
  await Promise.all(load)
  going = false
  assert.equal(refusals, 8)
  assert.ok(
    committed.every((at) => at <= position),
    'nothing lands once the switch is in force',
  )
  const report = await reported(bank, one.id)
  const { stopped, alreadyDone, outcomeUnknown } = report.counts
  assert.equal(report.operations.length, stopped + alreadyDone + outcomeUnknown)
  assert.equal(outcomeUnknown, 0)
  for (const { operation, became } of report.operations) {
    const landed = (await bank.engine.operations(bank.operator, {}, { after: null, limit: 200 }, NEVER)).items.some(
      (item) => item.operation === operation && item.state === 'committed',
    )
    assert.equal(landed, became === 'already-done')
  }
  const again = await bank.again()
  assert.deepEqual(await reported(again, one.id), report, 'a restart tells the same')
  await assert.rejects(again.do('deposit', { account: 'a1', amount: 1 }), fails('switched-stopped'))
})

test('a freeze keeps the release that is active; once it is off, the other one comes in', async (t) => {
  const now = await openBank(t, { application: join(LEDGER, 'before.ts') })
  await now.do('count', { on: 'c1', by: 1 })
  const one = off('application', now.release.manifest.name, 'freeze')
  await changeAuthority(now, switchOn(one))
  assert.equal((await now.do('count', { on: 'c1', by: 1 })).kind, 'committed')
  await now.close()
  await assert.rejects(openBank(t, { application: LEDGER, dir: now.dir }), fails('switched-frozen'))
  const same = await openBank(t, { application: join(LEDGER, 'before.ts'), dir: now.dir })
  await changeAuthority(same, switchOff(one.id))
  await same.close()
  const next = await openBank(t, { application: LEDGER, dir: now.dir })
  assert.notEqual(next.release.id, now.release.id)
})

test('past the lease nothing changes, reads go on, and the state says so; a sign of life ends it', async (t) => {
  const offset = { ms: 0 }
  const clock = { ...systemClock, nowMs: () => Date.now() + offset.ms }
  const bank = await openBank(t, { clock })
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  await changeAuthority(bank, { change: 'set-lease', leaseMs: 60_000 })
  assert.equal((await deposit(bank)).kind, 'committed')
  offset.ms = 120_000
  const expired = (error: unknown): boolean => error instanceof Problem && error.code === 'authority-expired'
  await assert.rejects(bank.do('deposit', { account: 'a1', amount: 1 }, { key: 'late' }), expired)
  assert.equal((await balance(bank)).kind, 'answered')
  const { degraded, authority } = await bank.engine.self(bank.operator, NEVER)
  assert.deepEqual(degraded, [{ state: 'read-only', code: 'authority-expired', sinceMs: authority.leaseUntilMs }])
  offset.ms = 0
  assert.equal((await bank.do('deposit', { account: 'a1', amount: 1 }, { key: 'late' })).kind, 'committed')
  assert.deepEqual((await bank.engine.self(bank.operator, NEVER)).degraded, [])
})

test('what is held while a pause is on waits for its end; under a stop it ends', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  await bank.do('deposit', { account: 'a1', amount: 900_000 })
  for (const [action, state] of [
    ['pause', 'held'],
    ['stop', 'refused'],
  ] as const) {
    const held = await bank.do('withdraw', { account: 'a1', amount: 200_000 })
    assert.ok(held.kind === 'held', JSON.stringify(held))
    const one = off('principal', 'agent', action)
    await changeAuthority(bank, switchOn(one))
    const outcome = await decideAsOperator(bank, held.approval)
    assert.equal(outcome.kind, state, JSON.stringify(outcome))
    if (outcome.kind === 'refused') assert.equal(outcome.code, 'switched-stopped')
    await changeAuthority(bank, switchOff(one.id))
    if (action === 'stop') continue
    const after = await bank.engine.outcome(bank.agent, held.operation, 10_000, NEVER)
    assert.equal(after.kind, 'committed', 'once it is off, what was approved is done')
  }
})

test('an effect that a switch reaches stays in the outbox, by its name or by who asked for it', async (t) => {
  const vault = await openBank(t, { application: VAULT })
  assert.equal((await vault.do('send', { box: 'a' })).kind, 'committed')
  const states = async () => {
    const { items } = await vault.engine.effects(vault.operator, {}, { after: null, limit: 10 }, NEVER)
    return items.map(({ effect, state }) => `${effect} ${state}`)
  }
  assert.deepEqual(await states(), ['mail ready', 'wire awaiting-witness'])
  for (const [kind, value, expected] of [
    ['effect', 'mail', ['mail switched-off', 'wire awaiting-witness']],
    ['principal', 'operator', ['mail switched-off', 'wire switched-off']],
    ['command', 'other', ['mail ready', 'wire awaiting-witness']],
  ] as const) {
    const one = off(kind, value, 'pause')
    await changeAuthority(vault, switchOn(one))
    assert.deepEqual(await states(), expected, `${kind} ${value}`)
    await changeAuthority(vault, switchOff(one.id))
  }
  const one = off('effect', 'mail', 'stop')
  await changeAuthority(vault, switchOn(one))
  await assert.rejects(vault.do('send', { box: 'b' }), fails('switched-stopped'), 'and no more of it is asked for')
})

test('an effect of somebody who was revoked never leaves, whatever happens later; the report counts what it keeps', async (t) => {
  const vault = await openBank(t, { application: VAULT })
  assert.equal((await vault.do('send', { box: 'a' })).kind, 'committed')
  const states = async (state?: string) => {
    const filter = state === undefined ? {} : { state }
    const { items } = await vault.engine.effects(vault.operator, filter, { after: null, limit: 10 }, NEVER)
    return items.map(({ effect, state: is }) => `${effect} ${is}`)
  }
  const off1 = off('principal', 'agent', 'stop')
  await changeAuthority(vault, switchOn(off1))
  assert.deepEqual((await reported(vault, off1.id)).effects, { heldBack: 2, complete: true })
  await changeAuthority(vault, switchOff(off1.id))
  assert.deepEqual(await states(), ['mail ready', 'wire awaiting-witness'])
  const number = await changeAuthority(vault, { change: 'revoke', principal: 'agent' })
  assert.deepEqual(await states('revoked'), ['mail revoked', 'wire revoked'])
  assert.deepEqual((await reported(vault, `revoke-agent-${number}`)).effects, { heldBack: 2, complete: true })
  await changeAuthority(vault, { change: 'reinstate', principal: 'agent' })
  assert.deepEqual(await states(), ['mail revoked', 'wire revoked'], 'the epoch stays raised')
  assert.equal((await vault.do('send', { box: 'b' })).kind, 'committed')
  assert.deepEqual(await states('ready'), ['mail ready'], 'what it asks for now leaves')
  const ops = await vault.engine.operations(vault.operator, { action: 'send' }, { after: null, limit: 2 }, NEVER)
  assert.deepEqual(
    ops.items.map(({ effects }) => effects),
    ['awaiting-witness', 'revoked'],
  )
  await changeAuthority(
    vault,
    switchOn(off('policy-set', ops.items[0] === undefined ? '' : await setOf(vault), 'stop')),
  )
  assert.deepEqual(await states('ready'), [], 'nor what a set of policies admitted that is stopped')
})
const setOf = async (bank: Bank) => (await bank.engine.self(bank.operator, NEVER)).authority.policySet

test('revoking whom it acts for stops what runs for them', async (t) => {
  const bank = await openBank(t)
  await changeAuthority(bank, {
    change: 'add-principal',
    principal: { id: 'ann', kind: 'human', owner: null, roles: [] },
  })
  await bank.do('open_account', { account: 'a1', owner: 'ann' })
  const forAnn = { ...bank.agent, onBehalfOf: 'ann' }
  const load = Array.from({ length: 4 }, async () => {
    for (;;) await bank.do('deposit', { account: 'a1', amount: 1 }, { as: forAnn })
  })
  const settled = Promise.allSettled(load)
  await new Promise((resolve) => setTimeout(resolve, 100))
  await changeAuthority(bank, { change: 'revoke', principal: 'ann' })
  const { position } = await bank.engine.self(bank.operator, NEVER)
  for (const one of await settled)
    assert.ok(
      one.status === 'rejected' &&
        one.reason instanceof Problem &&
        ['principal-revoked', 'delegation-refused'].includes(one.reason.code),
    )
  const after = await bank.engine.self(bank.operator, NEVER)
  assert.ok(after.position >= position)
  assert.equal((await deposit(bank)).kind, 'committed', 'the agent itself goes on')
})

async function reported(bank: Bank, id: string) {
  for (;;) {
    try {
      return await bank.engine.stopReport(bank.operator, id, NEVER)
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'no-such-switch') throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
