import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planFind } from './find-index.ts'

const model = { indexes: [['status', 'total'], ['owner'], ['owner', 'status', 'total']] }
const plan = (where: readonly string[], order: readonly string[] = []) =>
  planFind(model, { where: Object.fromEntries(where.map((column) => [column, 1])), order })

test('a find goes by the first index that begins with its columns, in any order', () => {
  assert.deepEqual(plan(['status']), { index: 0, equal: ['status'], order: ['total'] })
  assert.deepEqual(plan(['total', 'status']), { index: 0, equal: ['status', 'total'], order: [] })
  assert.deepEqual(plan(['owner']), { index: 1, equal: ['owner'], order: [] })
  assert.deepEqual(plan(['owner'], ['status']), { index: 2, equal: ['owner'], order: ['status', 'total'] })
  assert.deepEqual(plan([], ['status', 'total']), { index: 0, equal: [], order: ['status', 'total'] })
})

test('a find that names no column goes by entity id and key', () => {
  assert.deepEqual(plan([]), { index: -1, equal: [], order: [] })
})

test('what no index begins with cannot be asked', () => {
  assert.equal(plan(['total']), null)
  assert.equal(plan(['status', 'owner', 'total', 'more']), null)
  assert.equal(plan(['owner'], ['total']), null)
  assert.equal(plan([], ['total']), null)
  assert.equal(plan(['status'], ['total', 'status']), null)
  assert.equal(planFind({ indexes: [] }, { where: { status: 1 }, order: [] }), null)
})
