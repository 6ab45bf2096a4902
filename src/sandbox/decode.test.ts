/** Answers of a shape that the envelope never makes are lies; answers that are merely unusable are failures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../model/json.ts'
import { asFolded, asMapped, asWanted, readAnswer } from './decode.ts'
import { CellLied } from './task.ts'

const row = { model: 'm', id: 'i', key: '', row: { a: 1 } }

test('folded streams are cut out of the texts by their lengths', () => {
  const folded = asFolded(
    [
      [7, [row]],
      [-1, []],
      [2, []],
    ],
    '{"a":1}{}',
    3,
    64,
  )
  assert.deepEqual(folded, [
    { state: '{"a":1}', rows: [row] },
    { state: null, rows: [] },
    { state: '{}', rows: [] },
  ])
})

test('folded streams of another shape are lies', () => {
  const lies: readonly (readonly [Json, string])[] = [
    [{}, ''],
    [[], ''],
    [
      [
        [2, []],
        [2, []],
      ],
      '{}{}',
    ],
    [[[3, []]], '{}'],
    [[[1, []]], '11'],
    [[['2', []]], '{}'],
    [[[-2, []]], ''],
    [[[1.5, []]], '{}'],
    [[[1e300, []]], '{}'],
    [[[2, {}]], '{}'],
    [[[2, [{ ...row, row: [] }]]], '{}'],
    [[[2, [{ ...row, key: 1 }]]], '{}'],
    [[2], '{}'],
  ]
  for (const [value, states] of lies)
    assert.throws(() => asFolded(value, states, 1, 64), CellLied, JSON.stringify(value))
})

test('a state that is not usable JSON is a failure', () => {
  for (const state of ['{', '{"__proto__":1}', '"\\ud800"', `${'['.repeat(65)}${']'.repeat(65)}`]) {
    const folded = asFolded([[state.length, []]], state, 1, 64)
    assert.ok('kind' in folded && folded.kind === 'failed', state)
  }
})

test('mapped records must be as many as were sent, and whole', () => {
  const good = { id: 'a', data: 1, state: 2, rows: [row] }
  assert.deepEqual(asMapped([good], 1), [good])
  const lies: readonly Json[] = [[], [good, good], [{ ...good, id: 1 }], [{ id: 'a', data: 1, rows: [] }], [[]], 'x']
  for (const value of lies) assert.throws(() => asMapped(value, 1), CellLied, JSON.stringify(value))
})

test('reads that are asked for have a number and an aim', () => {
  const find = { model: 'm', where: {}, order: ['a'], limit: 1, after: { id: 'a', key: '' } }
  const wanted = [
    { ticket: 0, entity: 'order', id: '#1' },
    { ticket: 1, find },
  ]
  assert.deepEqual(asWanted(JSON.stringify(wanted), 64), wanted)
  const lies: readonly Json[] = [
    { ticket: 1 },
    [{ ticket: -0.5, entity: 'a', id: 'b' }],
    [{ ticket: 1, entity: 'a' }],
    [{ ticket: 1, find: { ...find, model: 1 } }],
    [{ ticket: 1, find: { ...find, where: [] } }],
    [{ ticket: 1, find: { ...find, order: [1] } }],
    [{ ticket: 1, find: { ...find, limit: 0 } }],
    [{ ticket: 1, find: { ...find, limit: 1_001 } }],
    [{ ticket: 1, find: { ...find, after: { id: 'a' } } }],
  ]
  for (const value of lies) assert.throws(() => asWanted(JSON.stringify(value), 64), CellLied, JSON.stringify(value))
})

test('an answer is bounded in bytes, counted as UTF-8', () => {
  assert.deepEqual(readAnswer('"éé"', 6, 64), { value: 'éé' })
  const answer = readAnswer('"éé"', 5, 64)
  assert.ok('kind' in answer && answer.limit === 'output_size')
})
