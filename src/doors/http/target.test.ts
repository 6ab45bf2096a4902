import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../model/problems.ts'
import { readTarget } from './target.ts'

const refuses = (target: string) =>
  assert.throws(
    () => readTarget(target, 64),
    (error) => error instanceof Problem && error.code === 'malformed-request',
    target,
  )

test('decodes segments one by one: an encoded slash stays inside its segment', () => {
  assert.deepEqual(readTarget('/v1/entities/order/%23W1%2F2', 64).segments, ['v1', 'entities', 'order', '#W1/2'])
})

test('decodes the query', () => {
  const { query } = readTarget('/x?at=12&where=%7B%22a%22%3A+1%7D&empty&=nameless', 64)
  assert.deepEqual(
    [...query],
    [
      ['at', '12'],
      ['where', '{"a": 1}'],
      ['empty', ''],
      ['', 'nameless'],
    ],
  )
})

test('dots are names like others: nothing is resolved', () => {
  assert.deepEqual(readTarget('/v1/../self', 64).segments, ['v1', '..', 'self'])
  assert.deepEqual(readTarget('//v1', 64).segments, ['', 'v1'])
})

test('refuses other forms, bad escapes, repeated members, fragments and length', () => {
  for (const target of [
    '',
    '*',
    'http://other/v1/self',
    '/a%',
    '/a%zz',
    '/%ff',
    '/x?a=1&a=2',
    '/x?a=%',
    '/x#y',
    `/${'a'.repeat(64)}`,
  ])
    refuses(target)
  refuses(`/x?${Array.from({ length: 20 }, (_, index) => `m${index}`).join('&')}`)
})
