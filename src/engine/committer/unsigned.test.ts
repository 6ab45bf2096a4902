import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Position } from '../../model/ids.ts'
import { positionOf, UNSIGNED_BATCHES_MAX, UnsignedAnswers, type Unsigned, type Written } from './unsigned.ts'

const commit = (number: number, position: number, sinceUs = 0): Unsigned => ({
  ...{ kind: 'commit', number, sinceUs },
  written: { position: position as Position } as Written,
})
const numbers = (taken: readonly Unsigned[]): number[] => taken.map(({ number }) => number)

test('what a signature covers is taken once, in order, whatever kind it is', () => {
  const unsigned = new UnsignedAnswers()
  unsigned.addBatch(4, [commit(1, 1), commit(2, 3)])
  unsigned.addBatch(6, [commit(3, 5)])
  unsigned.add({ kind: 'receipt', number: 4, sinceUs: 0, position: 3 as Position, line: '' })
  unsigned.add({ kind: 'checkpoint-over', number: 5, sinceUs: 0, position: 5 as Position, line: '' })
  assert.deepEqual(numbers(unsigned.takeSigned(0)), [])
  const signed = unsigned.takeSigned(4)
  assert.deepEqual(
    [numbers(signed), signed.map(positionOf)],
    [
      [1, 2, 4],
      [1, 3, 3],
    ],
  )
  assert.deepEqual(numbers(unsigned.takeSigned(4)), [])
  assert.deepEqual(numbers(unsigned.takeSigned(6)), [3, 5])
  assert.equal(unsigned.count, 0)
})

test('it is full at its bound of batches, and no more once one is signed', () => {
  const unsigned = new UnsignedAnswers()
  for (let batch = 1; batch <= UNSIGNED_BATCHES_MAX; batch++) {
    assert.equal(unsigned.isFull, false)
    unsigned.addBatch(batch, [commit(batch, batch - 1)])
  }
  assert.equal(unsigned.isFull, true)
  unsigned.takeLate(Infinity)
  assert.equal(unsigned.isFull, true, 'nobody waits any more, but it is not signed')
  unsigned.takeSigned(1)
  assert.equal(unsigned.isFull, false)
})

test('who has waited too long is taken, and nobody else', () => {
  const unsigned = new UnsignedAnswers()
  unsigned.addBatch(3, [commit(1, 0, 100), commit(2, 1, 200), commit(3, 2, 300)])
  assert.deepEqual(numbers(unsigned.takeLate(200)), [1])
  assert.deepEqual(numbers(unsigned.takeSigned(3)), [2, 3])
})
