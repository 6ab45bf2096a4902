import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { Problem } from '../model/problems.ts'

const fails = (code: string, what: RegExp) => (error: unknown) =>
  error instanceof Problem && error.code === code && what.test(error.detail)
const record = (i: number) => ({ id: `i${i}`, owner: `o${i % 7}`, cents: i })
async function* some(from: number, to: number) {
  for (let i = from; i < to; i++) yield record(i)
}

test('an import goes on where it stopped, with more records, in other batches, and changes nothing that is there', async (t) => {
  const bank = await openBank(t)
  const load = (records: AsyncIterable<ReturnType<typeof record>>, as = bank.operator) =>
    bank.engine.importRecords(as, 'accounts', records, () => {}, NEVER)
  async function* broken() {
    yield* some(0, 250)
    throw new Error('the file ended')
  }
  await assert.rejects(load(broken()), /the file ended/)
  assert.equal((await load(some(0, 330))).imported, 330)
  assert.equal((await load(some(30, 340))).imported, 310)
  const page = await bank.engine.operations(
    bank.operator,
    { action: 'plinth.import' },
    { after: null, limit: 50 },
    NEVER,
  )
  assert.equal(page.items.length, 4)
  for (const i of [0, 199, 200, 329, 339]) {
    const { version, state } = await bank.engine.state(bank.operator, 'account', `i${i}`, null, NEVER)
    assert.deepEqual([version, (state as { balance: number }).balance], [1, i])
  }
  async function* other() {
    yield { ...record(5), cents: 999 }
  }
  await assert.rejects(load(other()), fails('invalid-input', /`account\/i5` is there already/))
  async function* twice() {
    yield record(900)
    yield record(900)
  }
  await assert.rejects(load(twice()), fails('invalid-input', /record 2 .* once more/))
  await assert.rejects(load(some(950, 951), bank.agent), fails('forbidden', /plinth\.import/))
  assert.deepEqual((await bank.engine.verify(() => {}, NEVER)).findings, [])
})
