import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Aside, boundedBody } from './aside.ts'
import type { OperationPayload } from './operation-payload.ts'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { writtenBeside } from '../../test/support/beside.ts'
import type { OperationId } from '../model/ids.ts'
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
  aside.record('failed', ann, operation, payload({ attempts: 1 }))
  stored.push({ ...(written[0] as SideRecord), id: 1 })
  assert.equal(aside.find(operation)?.ref, 'side:1')
  aside.record('refused', ann, operation, payload({ attempts: 2 }))
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
