import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Aside, boundedBody } from './aside.ts'
import type { OperationPayload } from './operation-payload.ts'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { writtenBeside } from '../../test/support/beside.ts'
import type { OperationId, ReleaseId } from '../model/ids.ts'
import type { Principal } from '../model/principal.ts'
import { SIDE_BODY_BYTES_MAX, type SideRecord } from '../storage/storage.ts'

const payload = (change: Partial<OperationPayload>): OperationPayload => ({
  command: 'withdraw',
  input: {},
  intentHash: 'a'.repeat(64) as OperationPayload['intentHash'],
  principal: { kind: 'agent', roles: ['agent'] },
  reads: null,
  facts: null,
  attested: {},
  impact: null,
  authority: null,
  request: null,
  usage: null,
  attempts: 1,
  hold: null,
  outcome: { kind: 'denied', rules: ['no'] },
  ...change,
})

test('a side record fits its bound in bytes and keeps verdict and identity, whatever is long in it', () => {
  const long = 'ж'.repeat(SIDE_BODY_BYTES_MAX / 2)
  const rules = Array.from({ length: 500 }, (_, i) => `${'r'.repeat(120)}${i}`)
  for (const change of [
    { input: { text: long } },
    { input: { text: long }, attested: { note: long } },
    { outcome: { kind: 'denied', rules } },
    { outcome: { kind: 'refused', code: 'no', title: 'no', detail: { text: long } } },
    { principal: { kind: 'agent', roles: rules } },
  ] as const) {
    const body = boundedBody(payload(change))
    assert.ok(Buffer.byteLength(body) <= SIDE_BODY_BYTES_MAX)
    const read = JSON.parse(body) as OperationPayload
    assert.equal(read.outcome.kind, change === undefined ? '' : payload(change).outcome.kind)
    assert.equal(read.intentHash, 'a'.repeat(64))
  }
})

test('the latest record of an operation counts, also before it is on disk', () => {
  const stored: (SideRecord & { id: number })[] = []
  const written: SideRecord[] = []
  const reader = { sideRecords: () => [...stored].reverse() }
  const clock = { nowMs: () => 1, monotonicUs: () => 1 }
  const aside = new Aside(reader, { writeSide: (records) => void written.push(...records) }, clock)
  const ann = { id: 'ann' } as unknown as Principal
  const operation = 'op_1' as OperationId
  const where = { release: 'rel_1' as ReleaseId, run: null }
  aside.record('failed', ann, operation, payload({ attempts: 1 }), where)
  stored.push({ ...(written[0] as SideRecord), id: 1 })
  assert.equal(aside.find(operation)?.ref, 'side:1')
  aside.record('refused', ann, operation, payload({ attempts: 2 }), where)
  assert.deepEqual([aside.find(operation)?.record.kind, aside.find(operation)?.ref], ['refused', 'side:new'])
  stored.push({ ...(written[1] as SideRecord), id: 2 })
  assert.deepEqual([aside.find(operation)?.record.kind, aside.find(operation)?.ref], ['refused', 'side:2'])
})

test('a long refused request does not hide the others, and its retry finds its refusal', async (t) => {
  const bank = await openBank(t)
  const account = 'ж'.repeat(7_000)
  const first = await bank.do('deposit', { account, amount: 1 }, { key: 'long' })
  assert.ok(first.kind === 'refused' && first.code === 'not-found')
  await writtenBeside(bank.dir, first.operation) // where the bound is enforced
  const page = await bank.engine.operations(bank.operator, {}, { after: null, limit: 10 }, NEVER)
  assert.ok(page.items.some(({ operation, state }) => operation === first.operation && state === 'refused'))
  const again = await (await bank.again()).do('deposit', { account, amount: 1 }, { key: 'long' })
  assert.ok(again.kind === 'refused' && again.replayed)
})

test('what was refused, denied or read names its run, for whom, its owners and the release, in the list and in `why`', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a1', owner: 'ann' }, { run: 'one' })
  const refused = await bank.do('deposit', { account: 'nobody', amount: 1 }, { run: 'one' })
  await bank.do('deposit', { account: 'nobody', amount: 1 }, { run: 'two' })
  const denied = await bank.do('withdraw', { account: 'a1', amount: 5_000_000_00 }, { run: 'one' })
  const asked = await bank.ask('balance_of', { account: 'a1' }, { run: 'one' })
  await writtenBeside(bank.dir, asked.operation)
  const page = await bank.engine.operations(bank.operator, { run: 'one' }, { after: null, limit: 10 }, NEVER)
  assert.ok(page.items.every(({ run }) => run === 'one'))
  assert.deepEqual(
    page.items.map(({ state }) => state).toSorted(),
    ['committed', denied.kind, 'read', 'refused'].toSorted(),
  )
  const { lines } = await bank.engine.why(bank.operator, refused.operation, NEVER)
  const value = (label: string): unknown => lines.find((line) => line.label === label)?.value
  assert.deepEqual(['actor', 'for', 'owner chain', 'run', 'release'].map(value), [
    'agent (agent)',
    null,
    ['agent (epoch 1)', 'operator (epoch 1)'],
    'one',
    bank.release.id,
  ])
})
