import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STATES_CACHED_MAX } from './bounds.ts'
import { States } from './states.ts'
import type { Position, StreamId } from '../model/ids.ts'

const SIGNAL = new AbortController().signal
const KNOWN = 'x/known' as StreamId

test('asking for what does not exist drives nothing out of memory', async () => {
  let lookups = 0
  const reader = {
    head: () => ({ position: 9 }),
    streamHead: () => ((lookups += 1), { version: 0, position: -1, leaf: '' }),
  }
  const states = new States(reader as never, {} as never, {} as never, 'rel' as never)
  states.committed(KNOWN, { version: 1, position: 3 as Position, leaf: 'l', state: '1' })
  for (let i = 0; i <= STATES_CACHED_MAX; i++) await states.at(`x/${i}` as StreamId, 9 as Position, SIGNAL)
  assert.equal(lookups, STATES_CACHED_MAX + 1)
  assert.equal(states.cached(KNOWN, 9 as Position)?.state, '1')
})

test('an entry is not shown before its position, and an older one never replaces a newer', () => {
  const reader = { head: () => ({ position: 2 }) }
  const states = new States(reader as never, {} as never, {} as never, 'rel' as never)
  states.committed(KNOWN, { version: 2, position: 5 as Position, leaf: 'l', state: '2' })
  states.committed(KNOWN, { version: 1, position: 3 as Position, leaf: 'k', state: '1' })
  assert.equal(states.cached(KNOWN, 4 as Position), undefined)
  assert.equal(states.cached(KNOWN, 5 as Position)?.state, '2')
  states.advance(5 as Position)
  states.advance(4 as Position)
  assert.equal(states.visible, 5)
})

test('a snapshot that names another event than the log holds is not used', async () => {
  const snapshot = { stream: KNOWN, version: 3, position: 7, leaf: 'forged', release: 'rel', state: '"forged"' }
  const head = { version: 3, position: 7, leaf: 'true' }
  const reader = { head: () => ({ position: 9 }), streamHead: () => head, snapshot: () => snapshot, events: () => [] }
  const states = new States(reader as never, {} as never, {} as never, 'rel' as never)
  assert.equal((await states.at(KNOWN, 9 as Position, SIGNAL)).state, null)
  head.leaf = 'forged'
  const others = new States(reader as never, {} as never, {} as never, 'rel' as never)
  assert.equal((await others.at(KNOWN, 9 as Position, SIGNAL)).state, '"forged"')
})
