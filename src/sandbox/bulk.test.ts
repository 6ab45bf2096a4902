/** Folding, importing, loading and describing. Runs in real cells, without a jail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ReleaseId } from '../model/ids.ts'
import { openSandbox } from './open-sandbox.ts'
import type { Sandbox } from './sandbox.ts'
import { callOf, commandsBundle, NEVER, readsOf, SHOP, TEST_RELEASE } from './testing/bundles.ts'

let sandbox: Sandbox
before(async () => {
  sandbox = await openSandbox({ jail: 'plain', cells: 1 })
  await sandbox.load(TEST_RELEASE, SHOP)
})
after(() => sandbox.close())

const event = (type: string, data: unknown) => ({ type, data: JSON.stringify(data) })

test('several streams are folded in one call, from the beginning or from a state', async () => {
  const folded = await sandbox.fold(
    TEST_RELEASE,
    [
      {
        entity: 'order',
        id: '#1',
        state: null,
        events: [event('placed', { total: 9 }), event('discounted', { by: 2 })],
      },
      {
        entity: 'order',
        id: '#2',
        state: '{"total":5,"status":"pending"}',
        events: [event('cancelled', { reason: 'x' })],
      },
      { entity: 'counter', id: 'a', state: null, events: [event('added', { by: 4 })] },
      { entity: 'order', id: '#3', state: null, events: [] },
    ],
    true,
    NEVER,
  )
  assert.ok(folded.kind === 'folded')
  assert.deepEqual(folded.folded, [
    {
      state: '{"total":7,"status":"pending"}',
      rows: [{ model: 'orders', id: '#1', key: '', row: { status: 'pending', total: 7 } }],
    },
    {
      state: '{"total":5,"status":"cancelled","reason":"x"}',
      rows: [{ model: 'orders', id: '#2', key: '', row: { status: 'cancelled', total: 5 } }],
    },
    { state: '{"count":4}', rows: [] },
    { state: null, rows: [] },
  ])
})

test('a live decision and a fold of its events give the same bytes, even where evolve leaves members undefined', async () => {
  const prefetched = [{ entity: 'order', id: '#1', version: 1, state: '{"total":1,"status":"pending"}' }]
  const call = callOf('cancel', { orderId: '#1' }, { prefetched })
  const live = await sandbox.decide(call, readsOf(), NEVER)
  assert.ok(live.kind === 'accepted')
  const events = [
    event('placed', { total: 1 }),
    event('cancelled', live.events[0]?.data),
    event('discounted', { by: 0 }),
  ]
  const folded = await sandbox.fold(TEST_RELEASE, [{ entity: 'order', id: '#1', state: null, events }], false, NEVER)
  const [, , last] = events
  const stepped = await sandbox.fold(
    TEST_RELEASE,
    [
      {
        entity: 'order',
        id: '#1',
        state: JSON.stringify(live.states[0]?.state),
        events: last === undefined ? [] : [last],
      },
    ],
    false,
    NEVER,
  )
  assert.ok(folded.kind === 'folded' && stepped.kind === 'folded')
  assert.equal(folded.folded[0]?.state, stepped.folded[0]?.state)
})

test('a fold that fails says which event', async () => {
  const events = [event('placed', {}), event('nothing', {})]
  const answer = await sandbox.fold(TEST_RELEASE, [{ entity: 'order', id: '1', state: null, events }], true, NEVER)
  assert.ok(answer.kind === 'failed' && answer.code === 'application-failed')
  assert.match(answer.detail, /`order` declares no event `nothing`/)
})

test('records are mapped to opening events, with state and rows', async () => {
  const answer = await sandbox.mapRecords(
    TEST_RELEASE,
    'orders',
    [{ number: '#7', total: 3 }, { number: '#8' }],
    40,
    NEVER,
  )
  assert.ok(answer.kind === 'mapped')
  assert.deepEqual(answer.mapped[0], {
    id: '#7',
    data: { total: 3, ordinal: 40 },
    state: { total: 3, ordinal: 40, status: 'pending' },
    rows: [{ model: 'orders', id: '#7', key: '', row: { status: 'pending', total: 3 } }],
  })
  assert.deepEqual(answer.mapped[1]?.data, { ordinal: 41 })
  const wrong = await sandbox.mapRecords(TEST_RELEASE, 'orders', [{ number: 7 }], 0, NEVER)
  assert.ok(wrong.kind === 'failed' && /gave record 0 no id/.test(wrong.detail))
})

test('a bundle that does not evaluate is refused, with the reason, and the others go on', async () => {
  const bundles = {
    'not JavaScript': 'const = 1',
    throws: '(() => { throw new Error("not today") })',
    'no application': '(() => 7)',
    'no function': '42',
    'runs for ever': '(() => { for (;;); })',
    'keeps a variable': 'let count = 0; (() => ({ kind: "application", count: count++ }))',
    'writes a global': 'var count = 0; (() => ({ kind: "application" }))',
    'looks at the clock': '(() => ({ kind: "application", at: Date.now() }))',
  }
  for (const [name, bundle] of Object.entries(bundles))
    await assert.rejects(sandbox.load(name as ReleaseId, bundle), { code: 'release-invalid' }, name)
  assert.equal((await sandbox.decide(callOf('late'), readsOf(), NEVER)).kind, 'accepted')
})

test('releases are apart from each other, and can be unloaded', async () => {
  const other = 'rel_other' as ReleaseId
  await sandbox.load(other, commandsBundle({ late: 'return "other"' }))
  const answer = await sandbox.decide(callOf('late', {}, { release: other }), readsOf(), NEVER)
  assert.ok(answer.kind === 'accepted' && answer.result === 'other')
  await sandbox.unload(other)
  await assert.rejects(sandbox.decide(callOf('late', {}, { release: other }), readsOf(), NEVER), { code: 'bug' })
  const first = await sandbox.decide(callOf('late'), readsOf(), NEVER)
  assert.ok(first.kind === 'accepted' && first.result === 'early')
})

test('a describing bundle gives a manifest, in a process of its own', async () => {
  const manifest = await sandbox.describe('(() => JSON.stringify({ format: 1, name: "shop" }))')
  assert.deepEqual(manifest, { format: 1, name: 'shop' })
  const faults: Readonly<Record<string, RegExp>> = {
    '(() => 7)': /no text/,
    '(() => "{")': /not JSON/,
    '(() => "{\\"__proto__\\":1}")': /__proto__/,
    '(() => { throw new Error("order has no state") })': /order has no state/,
    '(() => typeof process + typeof require + new (() => {}).constructor("return 1"))': /./,
  }
  for (const [bundle, detail] of Object.entries(faults))
    await assert.rejects(sandbox.describe(bundle), (error: { code?: string; message?: string }) => {
      assert.equal(error.code, 'release-invalid', bundle)
      assert.match(String(error.message), detail)
      return true
    })
})
