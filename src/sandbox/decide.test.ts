/** What a decision is made of: reads, events, states, rows, invariants, refusals. Runs in real cells, without a jail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CellDecision } from '../model/decision.ts'
import { openSandbox } from './open-sandbox.ts'
import type { CellAnswer, Sandbox } from './sandbox.ts'
import { callOf, NEVER, readsOf, SHOP, TEST_RELEASE } from './testing/bundles.ts'

let sandbox: Sandbox
before(async () => {
  sandbox = await openSandbox({ jail: 'plain', cells: 1 })
  await sandbox.load(TEST_RELEASE, SHOP)
})
after(() => sandbox.close())

const PENDING = { status: 'pending', total: 30, items: [{ id: 'a', price: 10 }] }

async function decide(name: string, input: unknown = {}, reads = readsOf()): Promise<CellAnswer<CellDecision>> {
  return sandbox.decide(callOf(name, input), reads, NEVER)
}
/** The answer without its usage, which differs from run to run. */
async function decided(name: string, input: unknown = {}, reads = readsOf()): Promise<unknown> {
  const { usage: _, ...answer } = await decide(name, input, reads)
  return answer
}

test('an accepted decision carries result, events, effects, states and row changes', async () => {
  const reads = readsOf({ 'order/#1': PENDING })
  const answer = await decided('cancel', { orderId: '#1', reason: 'changed mind' }, reads)
  assert.deepEqual(answer, {
    kind: 'accepted',
    result: { was: 'pending' },
    facts: null,
    events: [{ entity: 'order', id: '#1', type: 'cancelled', data: { reason: 'changed mind' } }],
    effects: [{ effect: 'refund', payload: { orderId: '#1', amount: 30 }, pins: [{ fact: 'payment', hash: 'ab' }] }],
    states: [{ entity: 'order', id: '#1', state: { ...PENDING, status: 'cancelled', reason: 'changed mind' } }],
    rows: [
      { model: 'orders', id: '#1', key: '', row: { status: 'cancelled', total: 30 } },
      { model: 'items', id: '#1', key: 'a', row: null },
    ],
  })
  assert.deepEqual(reads.gets, ['order/#1'])
})

test('a prefetched state is not asked for again', async () => {
  const reads = readsOf()
  const prefetched = [{ entity: 'order', id: '#1', version: 4, state: JSON.stringify(PENDING) }]
  const call = callOf('cancel', { orderId: '#1', reason: 'x' }, { prefetched })
  const answer = await sandbox.decide(call, reads, NEVER)
  assert.equal(answer.kind, 'accepted')
  assert.deepEqual(reads.gets, [])
  assert.equal(answer.usage.reads, 1)
})

test('rows that stay the same are not changes; rows of a new stream are', async () => {
  const reads = readsOf({ 'order/#1': PENDING })
  const discounted = (await decide('discount', { orderId: '#1', by: 5 }, reads)) as CellDecision
  assert.ok(discounted.kind === 'accepted')
  assert.deepEqual(discounted.rows, [{ model: 'orders', id: '#1', key: '', row: { status: 'pending', total: 25 } }])
  const placed = (await decide('place', { orderId: '#2', total: 1, items: [{ id: 'b', price: 1 }] })) as CellDecision
  assert.ok(placed.kind === 'accepted')
  assert.deepEqual(
    placed.rows.map(({ model, key }) => [model, key]),
    [
      ['orders', ''],
      ['items', 'b'],
    ],
  )
})

test('reads after an append see it, and changing what was read changes nothing', async () => {
  const answer = (await decide('readYourWrites', { orderId: '#9' })) as CellDecision
  assert.ok(answer.kind === 'accepted')
  assert.deepEqual(answer.result, { first: 100, second: 5, missing: true, placed: 'pending' })
  assert.deepEqual(answer.states, [
    { entity: 'counter', id: 'a', state: { count: 5 } },
    { entity: 'order', id: '#9', state: { total: 1, status: 'pending' } },
  ])
})

test('streams that are only appended to are read at the end', async () => {
  const reads = readsOf({ 'order/#1': PENDING })
  assert.equal((await decide('cancelBlindly', { orderId: '#1' }, reads)).kind, 'accepted')
  assert.deepEqual(reads.gets, ['order/#1'])
})

test('what may begin a stream is enforced', async () => {
  const none = { kind: 'refused', facts: null, detail: { entity: 'order', id: '#1' } }
  assert.deepEqual(await decided('cancelBlindly', { orderId: '#1' }), { ...none, code: 'not-found' })
  const reads = readsOf({ 'order/#1': PENDING })
  assert.deepEqual(await decided('place', { orderId: '#1', total: 1 }, reads), { ...none, code: 'already-exists' })
})

test('a missing entity refuses by itself, and catching that does not help', async () => {
  const refused = { kind: 'refused', code: 'not-found', detail: { entity: 'order', id: '#1' }, facts: null }
  assert.deepEqual(await decided('cancel', { orderId: '#1' }), refused)
  assert.deepEqual(await decided('swallow', { orderId: '#1' }), refused)
})

test('a broken invariant refuses, naming it', async () => {
  const reads = readsOf({ 'order/#1': PENDING })
  assert.deepEqual(await decided('discount', { orderId: '#1', by: 31 }, reads), {
    kind: 'refused',
    code: 'invariant-violated',
    detail: { invariant: 'positive', entity: 'order', id: '#1' },
    facts: null,
  })
})

test('refusals are returned or thrown, and their codes must be declared', async () => {
  const reads = readsOf({ 'order/#1': { ...PENDING, status: 'delivered' } })
  assert.deepEqual(await decided('cancel', { orderId: '#1' }, reads), {
    kind: 'refused',
    code: 'order-not-pending',
    detail: { status: 'delivered' },
    facts: null,
  })
  assert.deepEqual(await decided('throwsRefusal'), { kind: 'refused', code: 'thrown', detail: { a: 1 }, facts: null })
  const wrong = await decide('wrongRefusal')
  assert.ok(wrong.kind === 'failed' && wrong.code === 'application-failed')
  assert.match(wrong.detail, /`unknown`, which it does not declare/)
})

test('declared facts must be stated before an answer counts', async () => {
  const silent = await decide('facts', { state: false })
  assert.ok(silent.kind === 'failed' && /tx\.facts/.test(silent.detail))
  const stated = (await decide('facts', { state: true })) as CellDecision
  assert.deepEqual(stated.facts, { amount: 3 })
  const refused = (await decide('facts', { state: 'refuse' })) as CellDecision
  assert.deepEqual([refused.kind, refused.facts], ['refused', { amount: 3 }])
})

test('an error of the code is its own, with its text and place', async () => {
  const answer = await decide('throws')
  assert.ok(answer.kind === 'failed' && answer.code === 'application-failed')
  assert.match(answer.detail, /^RangeError: no such size\nat .*release:bundle/)
})

test('code that waits for nothing that comes has failed, and a read nobody waits for does no harm', async () => {
  const waits = await decide('waits')
  assert.ok(waits.kind === 'failed' && /never comes/.test(waits.detail))
  assert.equal((await decide('forgets', { orderId: '#1' })).kind, 'accepted')
})

test('the transaction takes nothing after the decision has ended', async () => {
  const answer = (await decide('late')) as CellDecision
  assert.ok(answer.kind === 'accepted')
  assert.deepEqual(answer.events, [])
  const sneaking = await decide('sneaks')
  assert.ok(sneaking.kind === 'failed' && /the decision has ended/.test(sneaking.detail))
})

test('time, randomness and ids come from the call alone', async () => {
  const [first, second] = [await decided('ambient'), await decided('ambient')]
  assert.deepEqual(first, second)
  const { result } = first as unknown as { result: Record<string, unknown> }
  assert.equal(result['now'], 1_700_000_000_000)
  assert.equal(result['date'], '2023-11-14T22:13:20.000Z')
  assert.deepEqual(result['ids'], ['a_abcdefghijklmnopqrstuvwxyz', 'a_abcdefghijklmnopqrstuvwxyz-2'])
  assert.deepEqual(result['principal'], { id: 'ada', kind: 'agent', onBehalfOf: null })
  const other = await sandbox.decide(callOf('ambient', {}, { seed: 'op_b' }), readsOf(), NEVER)
  assert.ok(other.kind === 'accepted')
  assert.notDeepEqual((other.result as Record<string, unknown>)['random'], result['random'])
})

test('evolve may change its argument, but has no clock', async () => {
  const reads = readsOf({ 'order/#1': PENDING })
  const mutated = (await decide('mutates', { orderId: '#1' }, reads)) as CellDecision
  assert.ok(mutated.kind === 'accepted')
  assert.deepEqual(mutated.rows[0]?.row, { status: 'mutated', total: 30 })
  const timed = await decide('timed', { orderId: '#1' }, reads)
  assert.ok(timed.kind === 'failed' && /there is no clock here/.test(timed.detail))
})

test('reads asked for together are served together', async () => {
  const states = Object.fromEntries(['a', 'b', 'c'].map((id, index) => [`order/${id}`, { total: index }]))
  const reads = readsOf(states)
  const answer = (await decide('many', { ids: ['a', 'b', 'missing', 'c', 'a'] }, reads)) as CellDecision
  assert.ok(answer.kind === 'accepted')
  assert.deepEqual(answer.result, [0, 1, null, 2, 0])
  assert.deepEqual(reads.gets, ['order/a', 'order/b', 'order/missing', 'order/c'])
})

test('many executions wait for reads in one cell at once', async () => {
  const states = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`order/${index}`, { total: index }]))
  const ids = Object.keys(states).map((stream) => stream.slice('order/'.length))
  const answers = await Promise.all(Array.from({ length: 40 }, () => decide('oneByOne', { ids }, readsOf(states))))
  for (const answer of answers) assert.ok(answer.kind === 'accepted' && answer.result === 190)
})

test('an error of the engine while it serves a read is thrown, not blamed on the code', async () => {
  const fault = new Error('storage is silent')
  const reads = { get: () => Promise.reject(fault), find: () => Promise.reject(fault) }
  await assert.rejects(sandbox.decide(callOf('cancel', { orderId: '#1' }), reads, NEVER), fault)
  assert.equal((await decide('late')).kind, 'accepted')
})

test('more reads than allowed end the execution', async () => {
  const ids = Array.from({ length: 1_001 }, (_, index) => String(index))
  const reads = readsOf()
  const answer = await decide('many', { ids }, reads)
  assert.ok(answer.kind === 'failed' && answer.code === 'limit-exceeded' && answer.limit === 'read_count')
  assert.ok(reads.gets.length <= 1_000)
})

test('an aborted call is answered at once, wherever it is', async () => {
  const before = AbortSignal.abort()
  const early = await sandbox.decide(callOf('late'), readsOf(), before)
  assert.ok(early.kind === 'failed' && early.code === 'cancelled')
  const controller = new AbortController()
  const reads = { ...readsOf(), get: () => new Promise<never>(() => controller.abort()) }
  const waiting = await sandbox.decide(callOf('cancel', { orderId: '#1' }), reads, controller.signal)
  assert.ok(waiting.kind === 'failed' && waiting.code === 'cancelled')
  assert.equal((await decide('late')).kind, 'accepted')
})

test('an undeclared command is an error of the release', async () => {
  for (const name of ['nothing', 'toString', '__proto__']) {
    const answer = await decide(name)
    assert.ok(answer.kind === 'failed' && /declares no command/.test(answer.detail))
  }
})

test('a query reads, finds and refuses, and cannot write', async () => {
  const rows = [{ id: '#1', key: '', row: { status: 'pending', total: 3 } }]
  const reads = readsOf({ 'order/#1': PENDING }, rows)
  const found = await sandbox.read(callOf('pending', { limit: 10 }), reads, NEVER)
  assert.ok(found.kind === 'answered')
  assert.deepEqual(found.result, [['#1', 3]])
  assert.deepEqual(reads.finds, [
    { model: 'orders', where: { status: 'pending' }, order: ['total'], limit: 10, after: null },
  ])
  const shown = await sandbox.read(callOf('show', { orderId: '#1' }), reads, NEVER)
  assert.ok(shown.kind === 'answered')
  assert.deepEqual(shown.result, PENDING)
  const missing = await sandbox.read(callOf('show', { orderId: '#2' }), reads, NEVER)
  assert.ok(missing.kind === 'refused' && missing.code === 'not-found')
  const wrote = await sandbox.read(callOf('writes'), reads, NEVER)
  assert.ok(wrote.kind === 'failed' && wrote.code === 'application-failed')
  for (const limit of [0, 1_001, 1.5, 'all']) {
    const answer = await sandbox.read(callOf('pending', { limit }), reads, NEVER)
    assert.ok(answer.kind === 'failed' && /limit/.test(answer.detail), String(limit))
  }
})
