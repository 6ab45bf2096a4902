/** The shop, through its front door: a real system on a data directory that is thrown away. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startForTest, type TestSystem } from 'plinth/testing'

let system: TestSystem
before(async () => {
  system = await startForTest(import.meta.dirname)
})
after(() => system.close())

/** Sends a command as the agent. */
async function send(command: string, key: string, input: unknown) {
  const response = await fetch(`${system.url}/v1/commands/${command}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${system.agentKey}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify(input),
  })
  return (await response.json()) as { kind: string; code?: string; result?: unknown; rules?: string[] }
}

test('what is on the shelf can be sold until it is gone', async () => {
  await send('add_product', 'add', { productId: 'tea', name: 'Tea', price: 450, stock: 3 })
  const sold = await send('sell', 'sell-2', { productId: 'tea', count: 2 })
  assert.deepEqual([sold.kind, sold.result], ['committed', { left: 1 }])
  const more = await send('sell', 'sell-2-more', { productId: 'tea', count: 2 })
  assert.deepEqual([more.kind, more.code], ['refused', 'out-of-stock'])
})

test('the same key is the same sale', async () => {
  await send('add_product', 'add-mugs', { productId: 'mug', name: 'Mug', price: 900, stock: 5 })
  await send('sell', 'sell-a-mug', { productId: 'mug', count: 1 })
  const again = await send('sell', 'sell-a-mug', { productId: 'mug', count: 1 })
  assert.deepEqual(again.result, { left: 4 })
})

test('a large sale waits for a person', async () => {
  await send('add_product', 'add-pens', { productId: 'pen', name: 'Pen', price: 120, stock: 500 })
  const asked = await send('sell', 'sell-many', { productId: 'pen', count: 100 })
  assert.deepEqual([asked.kind, asked.rules], ['held', ['large-sales-need-a-person']])
})
