import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamEnds } from './stream-ends.ts'
import { sha256Hex, type StreamId } from '../model/ids.ts'

test('as many streams as there are, each with its last end', () => {
  const ends = new StreamEnds()
  const name = (i: number) => `s/${i}` as StreamId
  for (const round of [1, 2])
    for (let i = 0; i < 5_000; i += round) ends.set(name(i), round * 2 ** 40 + i, sha256Hex(`${round} ${i}`))
  assert.equal(ends.get('s/none' as StreamId), undefined)
  for (let i = 0; i < 5_000; i++) {
    const round = i % 2 === 0 ? 2 : 1
    assert.deepEqual(ends.get(name(i)), { version: round * 2 ** 40 + i, leaf: sha256Hex(`${round} ${i}`) })
  }
  assert.equal([...ends].length, 5_000)
  assert.deepEqual([...ends][1], [name(1), ends.get(name(1))])
})
