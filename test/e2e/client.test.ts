/** The typed client against a running system: what it gets is what its types say. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { client, ClientProblem } from 'plinth/client'
import type { Client } from 'plinth/client'
import { startForTest } from 'plinth/testing'
import type { TestSystem } from 'plinth/testing'
import type app from '../../examples/starter/index.ts'

let system: TestSystem
let shop: Client<typeof app>
before(async () => {
  system = await startForTest(join(import.meta.dirname, '..', '..', 'examples', 'starter'))
  shop = client<typeof app>(system.url, { token: system.agentKey })
})
after(() => system.close())

const code = (expected: string) => (error: unknown) => error instanceof ClientProblem && error.code === expected

test('commands commit once for each key, and refuse with their own codes', async () => {
  const input = { productId: 'tea', name: 'Tea', price: 250, stock: 3 }
  const added = await shop.commands.add_product(input, { key: 'add-tea', run: 'r-1' })
  assert.ok(added.kind === 'committed')
  assert.deepEqual([added.result, added.replayed], [{ productId: 'tea' }, false])
  assert.equal(added.receipt.index, added.position)
  const again = await shop.commands.add_product(input, { key: 'add-tea', run: 'r-1' })
  assert.deepEqual(again, { ...added, replayed: true })
  assert.deepEqual(await shop.outcome(added.operation), added)

  const sold = await shop.commands.sell({ productId: 'tea', count: 9 })
  assert.ok(sold.kind === 'refused' && sold.code === 'out-of-stock')
  assert.deepEqual(sold.detail, { stock: 3 })
  const absent = await shop.commands.sell({ productId: 'coffee', count: 1 })
  assert.ok(absent.kind === 'refused' && absent.code === 'not-found')
})

test('queries answer as of now and as of before', async () => {
  await shop.commands.add_product({ productId: 'milk', name: 'Milk', price: 90, stock: 1 })
  const now = await shop.queries.find_product({ name: 'Milk' })
  assert.ok(now.kind === 'answered')
  assert.deepEqual(now.result, [{ productId: 'milk', name: 'Milk', stock: 1 }])
  const before = await shop.queries.find_product({ name: 'Milk' }, { at: 0 })
  assert.ok(before.kind === 'answered')
  assert.deepEqual(before.result, [])
  await assert.rejects(shop.queries.find_product({ name: 'Milk' }, { at: 1e9 }), code('invalid-position'))
})

test('faults have the code of the registry', async () => {
  const count = 'one' as unknown as number
  await assert.rejects(shop.commands.sell({ productId: 'tea', count }), code('invalid-input'))
  await assert.rejects(
    shop.commands.sell({ productId: 'tea', count: 1 }, { key: 'add-tea' }),
    code('idempotency-key-reused'),
  )
  const stranger = client<typeof app>(system.url, { token: 'plk_unknown' })
  await assert.rejects(stranger.commands.sell({ productId: 'tea', count: 1 }), code('credentials-invalid'))
  const other = shop as unknown as { commands: Record<string, (input: unknown) => Promise<unknown>> }
  await assert.rejects(async () => other.commands['close_shop']?.({}), code('no-such-command'))
})
