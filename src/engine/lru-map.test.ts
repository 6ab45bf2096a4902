import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LruMap } from './lru-map.ts'

test('what was used longest ago goes first, and the bound holds', () => {
  const map = new LruMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  assert.equal(map.get('a'), 1)
  map.set('c', 3)
  assert.deepEqual([map.get('a'), map.get('b'), map.get('c'), map.size], [1, undefined, 3, 2])
  map.set('a', 4)
  assert.deepEqual([map.get('a'), map.size], [4, 2])
  map.delete('a')
  assert.deepEqual([map.has('a'), map.size], [false, 1])
})
