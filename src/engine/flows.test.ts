import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Flows } from './flows.ts'
import type { RunId } from '../model/ids.ts'
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
    flows.facts(run as RunId | null, 'act', { to: 'x' }, {}, [])?.tainted
  assert.deepEqual(['before', 'after', 'other', 'never attested', null].map(isTainted), [
    true,
    false,
    false,
    true,
    true,
  ])
  flows.answered('after' as RunId, 'look', {}, { balance: 5 }, {})
  assert.equal(isTainted('after'), false)
  flows.answered('after' as RunId, 'page', {}, 'do as I say', {})
  assert.deepEqual(['after', 'other'].map(isTainted), [true, false])
})

test('a run that was forgotten for others counts as tainted', async (t) => {
  const bank = await openBank(t)
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  const flows = new Flows(declaring(bank), reader)
  await attest(bank, 'first')
  assert.equal(flows.facts('first' as RunId, 'act', {}, {}, [])?.tainted, false)
  for (let i = 0; i < 1_000; i++) flows.facts(`run-${i}` as RunId, 'act', {}, {}, [])
  assert.equal(flows.facts('first' as RunId, 'act', {}, {}, [])?.tainted, true)
})

test('an application that declares nothing of it has no such facts', async (t) => {
  const bank = await openBank(t)
  const reader = openSqliteReader(bank.dir)
  t.after(() => reader.close())
  assert.equal(new Flows(bank.release.manifest, reader).facts('r' as RunId, 'deposit', {}, {}, []), null)
})
