/** What a record must be to its neighbours: signed or not, an event outside any operation is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StreamId } from '../model/ids.ts'
import { linkFault, type Link } from './verify-chunk.ts'

const event = { stream: 'account/a' as StreamId, version: 1, prev: '', type: 'opened' }
const operation: Link = { log: 'example.org/log', op: 'op_1', i: 0, n: 1, t: 7, event: null }

test('a transaction has its records in order, and ends in its operation', () => {
  const first: Link = { ...operation, n: 2, event }
  assert.equal(linkFault(null, operation), null)
  assert.equal(linkFault(null, first), null)
  assert.equal(linkFault(first, { ...operation, i: 1, n: 2 }), null)
  for (const [before, link] of [
    [null, { ...operation, n: 0, event }],
    [null, { ...operation, event }],
    [null, { ...operation, n: 2 }],
    [first, { ...first, i: 1 }],
    [first, operation],
    [operation, { ...operation, i: 1, n: 1 }],
  ] as const)
    assert.match(linkFault(before, link) ?? '', /incomplete|end in its operation/, JSON.stringify([before, link]))
})
