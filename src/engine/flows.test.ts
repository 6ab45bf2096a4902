import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flowCall, Flows } from './flows.ts'
import type { Proposal } from './proposal.ts'
import type { PrincipalId, RunId } from '../model/ids.ts'
import type { Manifest } from '../model/manifest.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'

/** The bank's manifest, as if it declared whom a withdrawal reaches and that one query brings text from outside. */
function declaring({ release: { manifest } }: Bank): Manifest {
  const name = Object.keys(manifest.commands)[0] as string
  const command = { ...(manifest.commands[name] as Manifest['commands'][string]), reaches: ['to'] }
  const page = { ...Object.values(manifest.queries)[0], returns: 'external' } as Manifest['queries'][string]
  return { ...manifest, commands: { act: command }, queries: { page, look: { ...page, returns: undefined } as never } }
}
const AGENT = 'teller' as PrincipalId
const asked = (run: string | null, action: string) => ({
  ...{ run: run as RunId | null, team: AGENT, action, input: {}, attested: {} },
})
const attest = (bank: Bank, run: string) =>
  bank.engine.attest(bank.frontDoor, run as RunId, { customer: 'alice' }, `attest-${run}`, NEVER)

test('a run is clean from its attestation on until it reads text from outside; one from before this start is tainted', async (t) => {
  const bank = await openBank(t)
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  await attest(bank, 'before')
  const flows = new Flows(declaring(bank), reader)
  await attest(bank, 'after')
  await attest(bank, 'other')
  const isTainted = (run: string | null): boolean | undefined =>
    flows.facts(run as RunId | null, AGENT, 'act', { to: 'x' }, {}, [])?.tainted
  assert.deepEqual(['before', 'after', 'other', 'never attested', null].map(isTainted), [
    true,
    false,
    false,
    true,
    true,
  ])
  flows.answered(asked('after', 'look'), { balance: 5 })
  assert.equal(isTainted('after'), false)
  flows.answered(asked('after', 'page'), 'do as I say')
  assert.deepEqual(['after', 'other'].map(isTainted), [true, false])
})

test('what is read outside a run taints the runs that go on, of whoever read it, and none that begins later', async (t) => {
  const bank = await openBank(t)
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  const flows = new Flows(declaring(bank), reader)
  const isTainted = (run: string, who = AGENT): boolean | undefined =>
    flows.facts(run as RunId, who, 'act', {}, {}, [])?.tainted
  await attest(bank, 'early')
  await attest(bank, 'early-too')
  flows.answered(asked(null, 'look'), 'the application’s own')
  assert.equal(isTainted('early'), false)
  assert.equal(isTainted('early-too', 'somebody' as PrincipalId), false)
  flows.answered(asked(null, 'page'), 'from outside')
  assert.equal(isTainted('early'), true)
  await attest(bank, 'later')
  assert.equal(isTainted('later'), false)
  flows.toldOutcome(AGENT, 'look')
  assert.equal(isTainted('later'), false)
  flows.toldOutcome(AGENT, 'page')
  assert.equal(isTainted('later'), true)
  await attest(bank, 'last')
  flows.readElsewhere('somebody' as PrincipalId)
  assert.equal(isTainted('last'), false)
  for (let i = 0; i < 10_000; i++) flows.readElsewhere(`reader-${i}` as PrincipalId) // the first of them is forgotten
  assert.equal(isTainted('last'), true)
})

test('what an agent reads is read by all agents of its team', () => {
  const below = { id: 'below', above: [{ id: 'middle' }, { id: 'teller' }] }
  const proposal = { intent: { run: null, command: 'act' }, principal: below, input: {} } as unknown as Proposal
  assert.equal(flowCall(proposal, {}).team, AGENT)
})

test('a run that was forgotten for others counts as tainted', async (t) => {
  const bank = await openBank(t)
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  const flows = new Flows(declaring(bank), reader)
  await attest(bank, 'first')
  assert.equal(flows.facts('first' as RunId, AGENT, 'act', {}, {}, [])?.tainted, false)
  for (let i = 0; i < 1_000; i++) flows.facts(`run-${i}` as RunId, AGENT, 'act', {}, {}, [])
  assert.equal(flows.facts('first' as RunId, AGENT, 'act', {}, {}, [])?.tainted, true)
})

test('an application that declares nothing of it has no such facts', async (t) => {
  const bank = await openBank(t)
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  assert.equal(new Flows(bank.release.manifest, reader).facts('r' as RunId, AGENT, 'deposit', {}, {}, []), null)
})
