/** Wrong uses of the transaction that must not compile, and what its reads are typed as. */
import { command, query } from 'plinth'
import type { FoundRow } from 'plinth'
import { z } from 'zod'
import { same } from './same.ts'
import { counter, lines, mail, order, orders, refund } from './shop.ts'

const describe = ''
const input = z.object({ orderId: order.id(), at: z.int().optional() })

command('reads', {
  describe,
  input,
  async decide(tx, { orderId, at }) {
    same<typeof at, number | undefined>()
    const got = await tx.get(order, orderId)
    same<typeof got, { userId: string; status: 'pending' | 'cancelled'; total: number }>()
    const looked = await tx.lookup(counter, orderId)
    same<typeof looked, { count: number } | undefined>()
    const found = await tx.find(lines, { where: { status: 'pending' } })
    same<typeof found, readonly FoundRow<{ status: string }>[]>()
    // @ts-expect-error: an order has no `price`
    void got.price
    // @ts-expect-error: it may be missing
    void looked.count
    // @ts-expect-error: reads are promises: this one was not awaited
    void tx.get(order, orderId).total
    // @ts-expect-error: the input has no `order`
    await tx.get(order, (await tx.get(order, orderId)).order)
    // @ts-expect-error: an id is a string
    await tx.get(order, at)
    // @ts-expect-error: state is read only by declared entities
    await tx.get('order', orderId)
  },
})

command('appends', {
  describe,
  input,
  decide(tx, { orderId }) {
    tx.append(order, orderId, 'cancelled', { reason: '' })
    // @ts-expect-error: `appends` is left out, so only what the input names can be appended to
    tx.append(counter, orderId, 'counted', { by: 1 })
    // @ts-expect-error: an order has no such event
    tx.append(order, orderId, 'deleted', {})
    // @ts-expect-error: that is another event's data
    tx.append(order, orderId, 'cancelled', { total: 1 })
    // @ts-expect-error: `reason` is a string
    tx.append(order, orderId, 'cancelled', { reason: 1 })
    // @ts-expect-error: the data has no `by`
    tx.append(order, orderId, 'cancelled', { reason: '', by: 'me' })
    // @ts-expect-error: no effect is declared, so none can be asked for
    tx.effect(refund, { orderId, amount: 1 })
    // @ts-expect-error: no facts are declared, so none can be stated
    tx.facts({ total: 1 })
  },
})

command('names-by-options', {
  describe,
  input: z.object({ a: order.id().describe('its id').optional(), b: counter.id().nullable(), c: z.string() }),
  decide(tx) {
    tx.append(order, '1', 'cancelled', { reason: '' })
    tx.append(counter, '1', 'counted', { by: 1 })
  },
})
command('names-nothing', {
  describe,
  input: z.object({ c: z.string() }),
  decide(tx) {
    // @ts-expect-error: neither `appends` nor the input names any entity
    tx.append(order, '1', 'cancelled', { reason: '' })
  },
})

command('declared', {
  describe,
  input,
  appends: [order],
  effects: [refund],
  facts: z.object({ total: z.int() }),
  decide(tx, { orderId }) {
    // @ts-expect-error: `appends` lists orders only
    tx.append(counter, orderId, 'counted', { by: 1 })
    // @ts-expect-error: `effects` lists refunds only
    tx.effect(mail, { to: '' })
    // @ts-expect-error: the payload has no such amount
    tx.effect(refund, { orderId, amount: '1' })
    // @ts-expect-error: a pin names a fact and its hash
    tx.effect(refund, { orderId, amount: 1 }, { pins: ['payment'] })
    // @ts-expect-error: facts fit their schema
    tx.facts({ total: '1' })
    tx.facts({ total: 1 })
  },
})

query('finds', {
  describe,
  input,
  async read(tx) {
    await tx.find(orders, { where: {} })
    await tx.find(orders, { where: { userId: 'u' } })
    await tx.find(orders, { where: { userId: 'u', status: 'pending', total: 1 }, limit: 1 })
    await tx.find(orders, { where: { userId: 'u' }, order: ['status', 'total'] })
    await tx.find(orders, { where: {}, order: ['status'], after: { id: '1', key: '' } })
    // @ts-expect-error: `note` is in no index
    await tx.find(orders, { where: { note: '' } })
    // @ts-expect-error: `total` begins no index
    await tx.find(orders, { where: { total: 1 } })
    // @ts-expect-error: `userId` and `total` skip `status`
    await tx.find(orders, { where: { userId: 'u', total: 1 } })
    // @ts-expect-error: `status` is a string
    await tx.find(orders, { where: { status: 1 } })
    // @ts-expect-error: order goes on where the equality ends
    await tx.find(orders, { where: { userId: 'u' }, order: ['total'] })
    // @ts-expect-error: there is no such column
    await tx.find(orders, { where: { user: 'u' } })
    // @ts-expect-error: rows are found by a declared read model
    await tx.find(order, { where: {} })
    // @ts-expect-error: a query does not append
    tx.append(order, '1', 'cancelled', { reason: '' })
    // @ts-expect-error: a query asks for no effects
    tx.effect(mail, { to: '' })
  },
})

command('refuses', {
  describe,
  input,
  refusals: { late: 'it is too late' },
  decide(tx, { orderId }) {
    if (orderId === 'a') return tx.refuse('not-found')
    // @ts-expect-error: a detail is JSON
    if (orderId === 'b') return tx.refuse('late', { when: new Date() })
    // @ts-expect-error: only declared codes
    if (orderId === 'c') return tx.refuse('early')
    return tx.refuse('late', { orderId, at: undefined })
  },
})

command('answers', {
  describe,
  input,
  output: z.object({ total: z.int() }),
  // @ts-expect-error: the output must fit its schema
  decide: () => ({ total: '1' }),
})
command('answers', {
  describe,
  input,
  output: z.object({ total: z.int() }),
  // @ts-expect-error: an output is declared, so falling off the end is not an answer
  decide: async (tx, { orderId }) => {
    if (orderId === '') return tx.refuse('empty')
  },
})
command('undoes', {
  describe,
  input,
  decide: () => ({ n: 1 }),
  undo(tx, done) {
    same<typeof done.result, { n: number }>()
    // @ts-expect-error: the input has no `reason`
    tx.append(order, done.input.orderId, 'cancelled', { reason: done.input.reason })
  },
})
