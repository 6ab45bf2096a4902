/** The shop's support desk, whole: a started system on generated records, an agent over MCP, a front door. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startForTest } from '../../src/main/testing.ts'
import type { TestSystem } from '../../src/main/testing.ts'
import { Conversation } from '../support/conversation.ts'
import { generate } from './generate.ts'
import type { OrderRecord } from './records.ts'

const shop = generate()
const users = new Map(shop.users.map(({ id, value }) => [id, value]))
const paidBy = (order: OrderRecord) =>
  users.get(order.user_id)?.payment_methods[order.payment_history[0]?.payment_method_id ?? '']
/** A pending order that was paid by gift card. */
const pending = shop.orders.find(
  ({ value }) => value.status === 'pending' && paidBy(value)?.source === 'gift_card',
)!.value
const method = paidBy(pending)!

let system: TestSystem
before(async () => void (system = await startForTest(import.meta.dirname)))
after(() => system.close())

test('an agent sees the sixteen tools of the desk', async () => {
  await using agent = await Conversation.begin(system, 'tools')
  const tools = await agent.tools()
  for (const tool of ['find_user_id_by_email', 'cancel_pending_order', 'exchange_delivered_order_items', 'calculate'])
    assert.ok(tools.includes(tool), tool)
  assert.equal(tools.filter((tool) => !tool.startsWith('plinth_')).length, 16)
})

test('nobody’s order is shown before the front door has said who is being served, nor to somebody else', async () => {
  await using agent = await Conversation.begin(system, 'strangers')
  const input = { order_id: pending.order_id }
  const before = await agent.call('get_order_details', input)
  assert.deepEqual([before.kind, before.rules], ['denied', ['owner:not-the-users']])
  const other = shop.users.find(({ id }) => id !== pending.user_id)!.id
  await agent.attest({ user_id: other, confirmed: true })
  const stranger = await agent.call('get_order_details', input)
  assert.deepEqual([stranger.kind, stranger.rules], ['denied', ['owner:not-the-users']])
})

test('cancelling an order: held until the customer has said yes, then done, refunded and readable as it was', async () => {
  await using agent = await Conversation.begin(system, 'cancelling')
  const owner = users.get(pending.user_id)!
  const found = await agent.call('find_user_id_by_email', { email: owner.email.toUpperCase() })
  assert.equal(found.result, owner.user_id)
  await agent.attest({ user_id: owner.user_id })
  assert.deepEqual((await agent.call('get_order_details', { order_id: pending.order_id })).result, pending)

  const cancel = { order_id: pending.order_id, reason: 'no longer needed' }
  const held = await agent.call('cancel_pending_order', cancel)
  assert.deepEqual([held.kind, held.rules], ['held', ['confirm:first']])

  await agent.attest({ confirmed: true })
  const done = await agent.call('cancel_pending_order', cancel)
  assert.equal(done.kind, 'committed')
  const [payment] = pending.payment_history
  assert.deepEqual(done.result, {
    ...pending,
    status: 'cancelled',
    cancel_reason: 'no longer needed',
    payment_history: [payment, { ...payment, transaction_type: 'refund' }],
  })

  const after = (await agent.call('get_user_details', { user_id: owner.user_id })).result as unknown as typeof owner
  const balance = (of: typeof owner) => {
    const card = of.payment_methods[method.id]
    return card?.source === 'gift_card' ? card.balance : Number.NaN
  }
  assert.equal(Math.round((balance(after) - balance(owner)) * 100), Math.round(payment!.amount * 100))

  const now = await agent.stateAt('order', pending.order_id, done.position!)
  const earlier = await agent.stateAt(
    'order',
    pending.order_id,
    shop.users.length + shop.products.length + shop.orders.length,
  )
  assert.deepEqual([earlier['status'], now['status']], ['pending', 'cancelled'])

  const again = await agent.call('cancel_pending_order', cancel)
  assert.equal(again.kind, 'denied') // `cancel:not-pending` forbids it, and a denial goes before the command's own refusal
})
