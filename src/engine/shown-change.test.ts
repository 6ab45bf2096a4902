import assert from 'node:assert/strict'
import { test } from 'node:test'
import { amountsIn } from './shown-change.ts'

test('every amount of a change is shown: of facts, events and effects, and what stands in one place several times is summed', () => {
  const amounts = amountsIn([
    ['facts', { total: 700, count: 3, owner: 'ann' }],
    ['account.withdrawn', { amount: 5, note: 'rent' }],
    ['refund', { amount: 300, orderId: 'o' }],
    ['refund', { amount: 400, orderId: 'o' }],
    ['nothing', null],
  ])
  assert.deepEqual(amounts, {
    'facts.total': 700,
    'account.withdrawn.amount': 5,
    'refund.amount (2 times, together)': 700,
  })
})
