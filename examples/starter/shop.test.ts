/** The shop, through its front door: a real system on a data directory that is thrown away. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { client, type Client } from 'plinth/client'
import { startForTest, type TestSystem } from 'plinth/testing'
import type shop from './index.ts'

let system: TestSystem
let agent: Client<typeof shop>['commands']
before(async () => {
  system = await startForTest(import.meta.dirname)
  agent = client<typeof shop>(system.url, { token: system.agentKey }).commands
})
after(() => system.close())

test('what is on the shelf can be sold until it is gone', async () => {
  await agent.add_product({ productId: 'tea', name: 'Tea', price: 450, stock: 3 })
  const sold = await agent.sell({ productId: 'tea', count: 2 })
  assert.ok(sold.kind === 'committed')
  assert.equal(sold.result.left, 1)
  const more = await agent.sell({ productId: 'tea', count: 2 })
  assert.ok(more.kind === 'refused')
  assert.equal(more.code, 'out-of-stock')
})

test('the same key is the same sale', async () => {
  await agent.add_product({ productId: 'mug', name: 'Mug', price: 900, stock: 5 })
  const sale = { productId: 'mug', count: 1 }
  await agent.sell(sale, { key: 'order-17' })
  const again = await agent.sell(sale, { key: 'order-17' })
  assert.ok(again.kind === 'committed')
  assert.deepEqual([again.replayed, again.result.left], [true, 4])
})

test('a large sale waits for a person', async () => {
  await agent.add_product({ productId: 'pen', name: 'Pen', price: 120, stock: 500 })
  const asked = await agent.sell({ productId: 'pen', count: 100 })
  assert.ok(asked.kind === 'held')
  assert.deepEqual(asked.rules, ['large-sales-need-a-person'])
})
