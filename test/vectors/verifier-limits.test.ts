/** The stand-alone verifier counts limits again, and holds what was done against the switches that were on record by then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PrincipalId } from '../../src/model/ids.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import type { ChangeDocument } from '../../src/warden/change-document.ts'
import { verifyBundleWhole, type Report } from '../../verifier/verify.ts'
import { changeAuthority } from '../support/authority.ts'
import { applyPolicies, bankPolicies, limits } from '../support/bank-policies.ts'
import { openBank, type Bank } from '../support/bank-system.ts'
import { verifyBytes } from './bundle/forge.ts'
import { again, insiderOf, lastOf, rewritten, type Insider, type Record } from './bundle/insider.ts'

const PER_DAY = { of: ['deposit'], per: ['principal'], window: { fixed: '1d' } }
const NOON = Date.UTC(2026, 5, 1, 12)
const AT_NOON = { clock: { nowMs: () => NOON, monotonicUs: () => performance.now() * 1000 } }

const found = ({ findings }: Report): string => findings.map(({ what }) => what).join('\n')
async function verdictOf({ forged, trust }: Insider, change: (records: Record[]) => void): Promise<string> {
  const report = verifyBytes(await forged(change), trust)
  if (report.findings.length > 0) assert.equal(report.verdict, 'INVALID')
  return found(report)
}
async function isSound({ sound, trust }: Insider): Promise<Report> {
  const report = verifyBytes(sound, trust)
  assert.deepEqual([report.findings, report.verdict], [[], 'VALID_UNWITNESSED'])
  assert.ok(!report.notChecked.some((what) => /history were taken|limit/.test(what)), report.notChecked.join('\n'))
  return report
}
const deposits = async (bank: Bank, count: number, amount = 1): Promise<void> => {
  for (let i = 0; i < count; i++) assert.equal((await bank.do('deposit', { account: 'a', amount })).kind, 'committed')
}
const operationOf = (transaction: readonly Record[]): Record => transaction.at(-1) as Record
/** What an operation was shown of its limits, and what is on record of that. */
const shown = (payload: JsonObject) => {
  const { request, history } = payload as { request: { context: { history: { [name: string]: Json } } }; history?: { entries: { [name: string]: Json }[] } }
  return { history: request.context.history, entries: history?.entries ?? [] }
}

test('nothing that was committed goes beyond a limit: counts, sums, each counter by itself', async (context) => {
  const entries = {
    deposits: { ...PER_DAY, max: 3 },
    paid_in: { ...PER_DAY, per: ['entity', 'tenant', 'run', 'for', 'owner', 'command'], sum: 'input.amount', window: { sliding: '2h' }, max: 30 },
    everything: { per: ['tenant'], window: { fixed: '1d' }, max: 100 },
  }
  const bank = await openBank(context, { ...AT_NOON, policies: await bankPolicies(context, limits(entries)) })
  for (const account of ['a', 'b']) await bank.do('open_account', { account, owner: 'ann' })
  await deposits(bank, 3, 10)
  assert.equal((await bank.do('deposit', { account: 'b', amount: 1 })).kind, 'denied')
  const insider = await insiderOf(context, bank)
  await isSound(insider)
  const once = await verdictOf(insider, (records) => again(lastOf(records, 'deposit'), records))
  assert.match(once, /beyond the limit `deposits`, which is 3/)
  // Another account's count is the same, and its sum another.
  const elsewhere = await verdictOf(insider, (records) => {
    const other = lastOf(records, 'deposit')
    rewritten(operationOf(other), (payload) => {
      const { history, entries: on } = shown(payload)
      history['deposits'] = 0
      for (const entry of on) if (entry['limit'] === 'deposits') entry['value'] = 0
    })
    again(other, records)
  })
  assert.match(elsewhere, /beyond the limit `deposits`/)
})

test('what a policy has seen of a limit is what the records before add up to', async (context) => {
  const cedar = '@id("few-withdrawals-after-many-deposits")\nforbid (principal, action == Action::"deposit", resource) when { context.history.deposits >= 3 };\n'
  const policies = await bankPolicies(context, { ...limits({ deposits: PER_DAY }), 'more.cedar': cedar })
  const bank = await openBank(context, { ...AT_NOON, policies })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await deposits(bank, 3)
  const insider = await insiderOf(context, bank)
  await isSound(insider)
  const lied = (records: Record[], change: (payload: { [member: string]: Json }) => void): void => {
    const last = lastOf(records, 'deposit').map((record) => ({ ...record }))
    rewritten(operationOf(last), change)
    again(last, records)
  }
  assert.match(await verdictOf(insider, (records) => again(lastOf(records, 'deposit'), records)), /rests on 2 .* add up to 3/)
  const asIf = (value: number, exact: boolean) => (payload: { [member: string]: Json }) => {
    const { history, entries } = shown(payload)
    history['deposits'] = value
    Object.assign(entries[0] as object, { value, exact })
  }
  assert.match(await verdictOf(insider, (records) => lied(records, asIf(1, true))), /rests on 1 .* add up to 3/)
  assert.match(await verdictOf(insider, (records) => lied(records, asIf(1, false))), /counted again, policy says denied/)
  assert.match(await verdictOf(insider, (records) => lied(records, (payload) => { delete payload['history'] })), /counted again, policy says denied/)
  const entry = (change: object) => (payload: { [member: string]: Json }) => void Object.assign(shown(payload).entries[0] as object, change)
  for (const [change, why] of [
    [{ value: 0 }, /another value of the limit/],
    [{ adding: 0 }, /counted otherwise/],
    [{ key: 'operator' }, /counted otherwise/],
    [{ max: 9 }, /counted otherwise/],
    [{ counts: '0'.repeat(64) }, /counted otherwise/],
    [{ limit: 'withdrawals' }, /a limit that there is not/],
    [{ limit: 7 }, /a limit that there is not/],
  ] as const)
    assert.match(await verdictOf(insider, (records) => lied(records, entry(change))), why)
  const atAnotherTime = (payload: { [member: string]: Json }): void => void Object.assign(payload['history'] as object, { atMs: NOON - 86_400_000 })
  assert.match(await verdictOf(insider, (records) => lied(records, atAnotherTime)), /another step/)
})

test('a limit that comes up late is counted from the first record on', async (context) => {
  const bank = await openBank(context, AT_NOON)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await deposits(bank, 130)
  await applyPolicies(bank, await bankPolicies(context, limits({ deposits: { ...PER_DAY, max: 132 } })))
  await deposits(bank, 2)
  assert.equal((await bank.do('deposit', { account: 'a', amount: 1 })).kind, 'denied')
  const { sound, trust } = await insiderOf(context, bank)
  const once = verifyBytes(sound, trust)
  assert.deepEqual(once.findings, [])
  assert.ok(once.notChecked.some((what) => what.includes('the window of the limit `deposits` holds what could not be counted')))
  const whole = verifyBundleWhole(() => {
    let at = 0
    return (into) => {
      const copied = sound.copy(into, 0, at)
      at += copied
      return copied
    }
  }, trust)
  assert.deepEqual([whole.findings, whole.verdict], [[], 'VALID_UNWITNESSED'])
  assert.ok(!whole.notChecked.some((what) => what.includes('limit')), whole.notChecked.join('\n'))
})

const switchOn = (id: string, action: string, kind: string, value: string) =>
  ({ change: 'switch-on', switch: { id, scope: { kind, value }, action, reason: 'enough' } }) as unknown as ChangeDocument
const switchOff = (id: string) => ({ change: 'switch-off', id }) as unknown as ChangeDocument

test('what stands behind the record of a switch or a revocation that reaches it is found', async (context) => {
  for (const [kind, value, action] of [['application', 'bank', 'stop'], ['principal', 'operator', 'contain'], ['command', 'deposit', 'pause']] as const) {
    const bank = await openBank(context, AT_NOON)
    await bank.do('open_account', { account: 'a', owner: 'ann' })
    await deposits(bank, 1)
    await changeAuthority(bank, switchOn('sw-1', action, kind, value))
    await assert.rejects(bank.do('deposit', { account: 'a', amount: 1 }))
    const insider = await insiderOf(context, bank)
    await isSound(insider)
    const forged = await verdictOf(insider, (records) => again(lastOf(records, 'deposit'), records))
    assert.match(forged, /the switch `sw-1` of snapshot 2 forbade it/)
  }
})

test('a switch that reaches others, or freezes, or is off again, forbids nothing', async (context) => {
  const bank = await openBank(context, AT_NOON)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await deposits(bank, 1)
  await changeAuthority(bank, switchOn('sw-1', 'stop', 'command', 'withdraw'), switchOn('sw-2', 'stop', 'tenant', 'other'), switchOn('sw-3', 'freeze', 'global', '*'))
  await deposits(bank, 1)
  await changeAuthority(bank, switchOn('sw-4', 'stop', 'global', '*'))
  await changeAuthority(bank, switchOff('sw-4'))
  await deposits(bank, 1)
  const insider = await insiderOf(context, bank)
  await isSound(insider)
  assert.equal(await verdictOf(insider, (records) => again(lastOf(records, 'deposit'), records)), '')
  // Behind the record of the stop, and long before the operators made the snapshot that ended it.
  const between = await verdictOf(insider, (records) => {
    const stop = records.findLastIndex(({ line, payload }) => line.kind === 'event' && line.stream === 'plinth.authority/snapshots' && payload['snapshot'] === 3)
    const head = records.slice(0, stop + 2)
    again(lastOf(head, 'deposit'), head)
    records.splice(0, stop + 2, ...head)
  })
  assert.match(between, /the switch `sw-4` of snapshot 3 forbade it/)
})

test('what was done in the minute before a switch was off again may have been done behind it', async (context) => {
  const bank = await openBank(context)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await deposits(bank, 1)
  await changeAuthority(bank, switchOn('sw-1', 'stop', 'global', '*'))
  await changeAuthority(bank, switchOff('sw-1'))
  const insider = await insiderOf(context, bank)
  const between = await verdictOf(insider, (records) => {
    const stop = records.findLastIndex(({ line, payload }) => line.kind === 'event' && line.stream === 'plinth.authority/snapshots' && payload['snapshot'] === 2)
    const head = records.slice(0, stop + 2)
    again(lastOf(head, 'deposit'), head)
    records.splice(0, stop + 2, ...head)
  })
  assert.equal(between, '')
})

test('whoever was revoked by then, or may not act for whom, has done nothing', async (context) => {
  const bank = await openBank(context, AT_NOON)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await deposits(bank, 1)
  await changeAuthority(bank, { change: 'revoke', principal: 'agent' as PrincipalId })
  const insider = await insiderOf(context, bank)
  await isSound(insider)
  assert.match(await verdictOf(insider, (records) => again(lastOf(records, 'deposit'), records)), /`agent` was not who it had been, under snapshot 2/)
})

test('nobody acts for whom the operators have not let it act for', async (context) => {
  const bank = await openBank(context, AT_NOON)
  await changeAuthority(bank, { change: 'set-may-act-for', principal: 'agent' as PrincipalId, mayActFor: ['ann'] })
  const opened = await bank.do('open_account', { account: 'a', owner: 'ann' }, { as: { ...bank.agent, onBehalfOf: 'ann' } })
  assert.equal(opened.kind, 'committed')
  const insider = await insiderOf(context, bank)
  await isSound(insider)
  const forged = await verdictOf(insider, (records) => {
    const transaction = lastOf(records, 'open_account')
    for (const record of transaction) record.line = { ...record.line, for: 'bob' }
    rewritten(operationOf(transaction), (payload) => void Object.assign(payload['authority'] as object, { onBehalfOf: 'bob' }))
  })
  assert.match(forged, /may not act for the one it acts for/)
})
