import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { z } from 'zod'
import { generate } from './generate.ts'
import { orderRecord, productRecord, userRecord } from './records.ts'

test('the generated shop is the same bytes every time, on every machine', () => {
  const bytes = JSON.stringify(generate())
  assert.equal(JSON.stringify(generate()), bytes)
  assert.equal(
    createHash('sha256').update(bytes).digest('hex'),
    'a7a9fe62bc32232a5d25b54f1e4accddf18eb6749a48a0bacbe534315acdeab3',
  )
})

test('the generated shop has its size, fits the records’ forms, and its references lead somewhere', () => {
  const { users, products, orders } = generate()
  assert.deepEqual([users.length, products.length, orders.length], [500, 50, 1_000])
  z.array(userRecord).parse(users.map(({ value }) => value))
  z.array(productRecord).parse(products.map(({ value }) => value))
  z.array(orderRecord).parse(orders.map(({ value }) => value))
  const userById = new Map(users.map(({ id, value }) => [id, value]))
  const productById = new Map(products.map(({ id, value }) => [id, value]))
  for (const { id, value } of orders) {
    const owner = userById.get(value.user_id)
    assert.ok(owner?.orders.includes(id), id)
    for (const { payment_method_id } of value.payment_history) assert.ok(owner?.payment_methods[payment_method_id], id)
    for (const { product_id, item_id, price } of value.items)
      assert.equal(productById.get(product_id)?.variants[item_id]?.price, price)
    const total = value.items.reduce((cents, { price }) => cents + Math.round(price * 100), 0)
    assert.equal(Math.round((value.payment_history[0]?.amount ?? 0) * 100), total)
  }
})
