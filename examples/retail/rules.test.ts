/** The shop's rules, one by one: what its commands refuse, and what its policies deny or hold. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { JsonObject } from '../../src/model/json.ts'
import { Desk } from '../support/desk.ts'
import retail from './index.ts'
import type { OrderRecord, ProductRecord, UserRecord } from './records.ts'

const address = { address1: '1 Quay', address2: '', city: 'Denver', country: 'USA', state: 'CO', zip: '80014' }
const mia: UserRecord = {
  user_id: 'mia',
  name: { first_name: 'Mia', last_name: 'Okafor' },
  address,
  email: 'Mia@example.org',
  payment_methods: {
    card: { source: 'credit_card', id: 'card', brand: 'visa', last_four: '1234' },
    gift: { source: 'gift_card', id: 'gift', balance: 20.5 },
    paypal: { source: 'paypal', id: 'paypal' },
  },
  orders: ['#P', '#D', '#S', '#C'],
}
const lamp: ProductRecord = {
  name: 'Lamp',
  product_id: 'lamp',
  variants: {
    red: { item_id: 'red', options: { color: 'red' }, available: true, price: 10.1 },
    blue: { item_id: 'blue', options: { color: 'blue' }, available: true, price: 12.35 },
    gold: { item_id: 'gold', options: { color: 'gold' }, available: true, price: 99.99 },
    grey: { item_id: 'grey', options: { color: 'grey' }, available: false, price: 9 },
  },
}
const desk: ProductRecord = {
  name: 'Desk',
  product_id: 'desk',
  variants: { oak: { item_id: 'oak', options: { wood: 'oak' }, available: true, price: 200 } },
}
const order = (order_id: string, status: OrderRecord['status']): OrderRecord => ({
  order_id,
  user_id: 'mia',
  address,
  items: ['red', 'red', 'oak'].map((item_id) => ({
    name: item_id === 'oak' ? 'Desk' : 'Lamp',
    product_id: item_id === 'oak' ? 'desk' : 'lamp',
    item_id,
    price: item_id === 'oak' ? 200 : 10.1,
    options: item_id === 'oak' ? { wood: 'oak' } : { color: 'red' },
  })),
  status,
  fulfillments: [],
  payment_history: [{ transaction_type: 'payment', amount: 220.2, payment_method_id: 'card' }],
})

const opened = new Desk(retail, join(import.meta.dirname, 'policies'))
after(() => opened[Symbol.dispose]())

function shop(): Desk {
  const lines = <T>(id: (value: T) => string, values: readonly T[]) => values.map((value) => ({ id: id(value), value }))
  const other = { ...mia, user_id: 'noa', email: 'noa@example.org', orders: [] }
  opened
    .reset()
    .import(
      'users',
      lines((user) => user.user_id, [mia, other]),
    )
    .import(
      'products',
      lines((product) => product.product_id, [lamp, desk]),
    )
    .import(
      'orders',
      lines(
        (one) => one.order_id,
        [order('#P', 'pending'), order('#D', 'delivered'), order('#S', 'processed'), order('#C', 'cancelled')],
      ),
    )
  return opened
}

const SERVED = { user_id: 'mia', confirmed: true }
const cancel = { order_id: '#P', reason: 'no longer needed' }
const change = { order_id: '#P', item_ids: ['red'], new_item_ids: ['blue'], payment_method_id: 'card' }
const exchange = { ...change, order_id: '#D' }
const giveBack = { order_id: '#D', item_ids: ['red'], payment_method_id: 'card' }
const pay = { order_id: '#P', payment_method_id: 'paypal' }
const move = { order_id: '#P', ...address }

type Case = readonly [tool: string, input: JsonObject, attested: JsonObject, verdict: string, rule: string]
const CASES: readonly Case[] = [
  // whose it is
  ['get_user_details', { user_id: 'mia' }, SERVED, 'admitted', 'profile:read'],
  ['get_user_details', { user_id: 'mia' }, { user_id: 'noa' }, 'denied', 'owner:not-the-users'],
  ['get_user_details', { user_id: 'mia' }, {}, 'denied', 'owner:not-the-users'],
  ['get_order_details', { order_id: '#P' }, { user_id: 'noa' }, 'denied', 'owner:not-the-users'],
  ['cancel_pending_order', cancel, { ...SERVED, user_id: 'noa' }, 'denied', 'owner:not-the-users'],
  [
    'cancel_pending_order',
    { ...cancel, order_id: '#S' },
    { ...SERVED, user_id: 'noa' },
    'refused',
    'owner:not-the-users',
  ],
  [
    'modify_user_address',
    { user_id: 'mia', ...address },
    { ...SERVED, user_id: 'noa' },
    'denied',
    'owner:not-the-users',
  ],
  ['list_all_product_types', {}, {}, 'admitted', 'catalogue:read'],
  ['find_user_id_by_email', { email: 'mia@EXAMPLE.org' }, {}, 'admitted', 'customer:identify'],
  ['transfer_to_human_agents', { summary: 'lost' }, {}, 'admitted', 'colleague:call'],
  // whether they said yes
  ['cancel_pending_order', cancel, { user_id: 'mia' }, 'held', 'confirm:first'],
  ['cancel_pending_order', cancel, { user_id: 'mia', confirmed: false }, 'held', 'confirm:first'],
  ['modify_user_address', { user_id: 'mia', ...address }, { user_id: 'mia' }, 'held', 'confirm:first'],
  ['return_delivered_order_items', giveBack, { user_id: 'mia' }, 'held', 'confirm:first'],
  // pending orders
  ['cancel_pending_order', cancel, SERVED, 'admitted', 'cancel:allowed'],
  ['cancel_pending_order', { ...cancel, reason: 'found it cheaper' }, SERVED, 'denied', 'cancel:reason'],
  ['cancel_pending_order', { ...cancel, order_id: '#S' }, SERVED, 'refused', 'cancel:not-pending'],
  ['cancel_pending_order', { ...cancel, order_id: '#C' }, SERVED, 'refused', 'cancel:not-pending'],
  ['modify_pending_order_address', move, SERVED, 'admitted', 'address:allowed'],
  ['modify_pending_order_address', { ...move, order_id: '#D' }, SERVED, 'refused', 'address:not-pending'],
  ['modify_pending_order_payment', pay, SERVED, 'admitted', 'payment:allowed'],
  ['modify_pending_order_payment', { ...pay, payment_method_id: 'card' }, SERVED, 'refused', 'payment:same'],
  [
    'modify_pending_order_payment',
    { ...pay, payment_method_id: 'gift' },
    SERVED,
    'refused',
    'payment:gift-card-balance',
  ],
  ['modify_pending_order_payment', { ...pay, payment_method_id: 'none' }, SERVED, 'refused', 'payment:not-in-profile'],
  ['modify_pending_order_payment', { ...pay, order_id: '#S' }, SERVED, 'refused', 'payment:not-pending'],
  ['modify_pending_order_items', change, SERVED, 'admitted', 'change:allowed'],
  ['modify_pending_order_items', { ...change, new_item_ids: ['oak'] }, SERVED, 'refused', 'change:other-product'],
  ['modify_pending_order_items', { ...change, new_item_ids: ['grey'] }, SERVED, 'refused', 'change:unavailable'],
  ['modify_pending_order_items', { ...change, new_item_ids: ['red'] }, SERVED, 'refused', 'change:same-item'],
  ['modify_pending_order_items', { ...change, new_item_ids: [] }, SERVED, 'refused', 'change:items'],
  ['modify_pending_order_items', { ...change, payment_method_id: 'none' }, SERVED, 'refused', 'change:payment-method'],
  [
    'modify_pending_order_items',
    { ...change, new_item_ids: ['gold'], payment_method_id: 'gift' },
    SERVED,
    'refused',
    'change:gift-card-balance',
  ],
  // delivered orders
  ['exchange_delivered_order_items', exchange, SERVED, 'admitted', 'change:allowed'],
  ['exchange_delivered_order_items', { ...exchange, order_id: '#P' }, SERVED, 'refused', 'change:not-delivered'],
  ['exchange_delivered_order_items', { ...exchange, item_ids: ['oak'] }, SERVED, 'refused', 'change:other-product'],
  [
    'exchange_delivered_order_items',
    { ...exchange, item_ids: ['red', 'red', 'red'], new_item_ids: ['blue', 'blue', 'blue'] },
    SERVED,
    'refused',
    'change:items',
  ],
  ['return_delivered_order_items', giveBack, SERVED, 'admitted', 'return:allowed'],
  ['return_delivered_order_items', { ...giveBack, payment_method_id: 'gift' }, SERVED, 'admitted', 'return:allowed'],
  [
    'return_delivered_order_items',
    { ...giveBack, payment_method_id: 'paypal' },
    SERVED,
    'refused',
    'return:payment-method',
  ],
  [
    'return_delivered_order_items',
    { ...giveBack, payment_method_id: 'none' },
    SERVED,
    'refused',
    'return:payment-method',
  ],
  ['return_delivered_order_items', { ...giveBack, order_id: '#P' }, SERVED, 'refused', 'return:not-delivered'],
]

test('the policies fit the application', () => {
  const opened = shop()
  assert.deepEqual(opened.faults(), [])
})

for (const [tool, input, attested, verdict, rule] of CASES)
  test(`${tool} ${JSON.stringify(input)} for ${JSON.stringify(attested)}: ${verdict} by ${rule}`, async () => {
    const opened = shop()
    const { kind, rules, errors } = await opened.ask(tool, input, { attested })
    assert.deepEqual([kind, errors], [verdict, []])
    assert.ok(rules.includes(rule), rules.join(' '))
  })

test('a supervisor may say yes in the customer’s place, but not for somebody else’s order', async () => {
  const opened = shop()
  const approvals = ['supervisor']
  assert.equal((await opened.ask('cancel_pending_order', cancel, { attested: {}, approvals })).kind, 'denied')
  const attested = { user_id: 'mia' }
  assert.equal((await opened.ask('cancel_pending_order', cancel, { attested, approvals })).kind, 'admitted')
})

test('changing several items: each line takes the price and options of its own new variant', async () => {
  const opened = shop()
  const input = { ...change, item_ids: ['red', 'red'], new_item_ids: ['blue', 'gold'], payment_method_id: 'paypal' }
  const { decided } = await opened.ask('modify_pending_order_items', input, { attested: SERVED })
  const { items, payment_history, status } = decided.result as OrderRecord
  assert.deepEqual(
    items.map(({ item_id, price, options }) => [item_id, price, options]),
    [
      ['blue', 12.35, { color: 'blue' }],
      ['gold', 99.99, { color: 'gold' }],
      ['oak', 200, { wood: 'oak' }],
    ],
  )
  assert.equal(status, 'pending (item modified)')
  assert.deepEqual(payment_history.at(-1), { transaction_type: 'payment', amount: 92.14, payment_method_id: 'paypal' })
  assert.deepEqual(decided.effects, [
    { effect: 'charge', payload: { orderId: '#P', methodId: 'paypal', amount: 92_14 } },
  ])
})

test('items are changed once: after that nothing of the order can be', async () => {
  const opened = shop()
  await opened.ask('modify_pending_order_items', change, { attested: SERVED })
  const cancelled = await opened.ask('cancel_pending_order', cancel, { attested: SERVED })
  const changed = await opened.ask('modify_pending_order_items', change, { attested: SERVED })
  const moved = await opened.ask('modify_pending_order_address', move, { attested: SERVED })
  assert.deepEqual(
    [cancelled, changed, moved].map(({ kind, rules }) => [kind, ...rules]),
    [
      ['refused', 'cancel:not-pending'],
      ['refused', 'change:not-pending'],
      ['denied', 'address:not-pending'],
    ],
  )
})

test('moving a payment to and from a gift card moves its balance by the exact amount', async () => {
  const opened = shop()
  const small = {
    ...order('#G', 'pending'),
    payment_history: [{ transaction_type: 'payment' as const, amount: 20.45, payment_method_id: 'card' }],
  }
  opened.world.import('orders', [{ id: '#G', value: small }])
  const { decided } = await opened.ask(
    'modify_pending_order_payment',
    { order_id: '#G', payment_method_id: 'gift' },
    { attested: SERVED },
  )
  assert.deepEqual(decided.effects, [{ effect: 'refund', payload: { orderId: '#G', methodId: 'card', amount: 20_45 } }])
  const profile = await opened.ask('get_user_details', { user_id: 'mia' }, { attested: SERVED })
  assert.deepEqual((profile.decided.result as UserRecord).payment_methods['gift'], {
    source: 'gift_card',
    id: 'gift',
    balance: 0.05,
  })
})

for (const [tool, input] of [
  ['cancel_pending_order', cancel],
  ['modify_pending_order_payment', pay],
  ['return_delivered_order_items', giveBack],
  ['exchange_delivered_order_items', exchange],
] as const)
  test(`${tool}: its undo leads back to the state before`, async () => {
    const opened = shop()
    const before = [opened.world.state('order', input.order_id), opened.world.state('user', 'mia')]
    const { decided } = await opened.ask(tool, input, { attested: SERVED })
    assert.notDeepEqual(opened.world.state('order', input.order_id), before[0])
    const undone = await opened.world.undo(tool, { input, result: decided.result })
    assert.deepEqual([opened.world.state('order', input.order_id), opened.world.state('user', 'mia')], before)
    const net = (all: readonly { effect: string }[]) => all.map(({ effect }) => effect).sort()
    if (tool === 'cancel_pending_order')
      assert.deepEqual([net(decided.effects), net(undone.effects)], [['refund'], ['charge']])
  })

test('cancelling an order whose payment was moved is undone as far as the move, and no further', async () => {
  const opened = shop()
  await opened.ask('modify_pending_order_payment', pay, { attested: SERVED })
  const before = [opened.world.state('order', '#P'), opened.world.state('user', 'mia')]
  const { decided } = await opened.ask('cancel_pending_order', cancel, { attested: SERVED })
  assert.equal((decided.result as OrderRecord).payment_history.length, 6)
  await opened.world.undo('cancel_pending_order', { input: cancel, result: decided.result })
  assert.deepEqual([opened.world.state('order', '#P'), opened.world.state('user', 'mia')], before)
})
