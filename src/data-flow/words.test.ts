import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { standsIn, textsIn, wordsOf } from './words.ts'

test('words are lower case, without their punctuation; addresses stay whole, other compounds are their parts', () => {
  assert.deepEqual(wordsOf("Write to Bob's brother (bob@example.com), re: grocery-list_today!"), [
    ...['write', 'to', 'bob', 'brother', 'bob@example.com', 're', 'grocery', 'list', 'today'],
  ])
  assert.deepEqual(wordsOf('Straße — 42, 東京'), ['straße', '—', '42', '東京'])
})

test('a value stands in a text only as a whole word or number', () => {
  assert.equal(standsIn('34', 'delete message 34, please'), true)
  assert.equal(standsIn('34', 'on the 1340th day'), false)
  assert.equal(standsIn('bob', 'Bobby came'), false)
  assert.equal(standsIn('BOB', 'ask bob.'), true)
  assert.equal(standsIn('bob', 'bobby and bob'), true)
  assert.equal(standsIn('doe@example.com', 'john.doe@example.com'), false)
  assert.equal(standsIn('@example.com', 'john.doe@example.com'), false)
  assert.equal(standsIn('www.example.com', 'see www.example.com.It says'), true)
  assert.equal(standsIn('www.example.com', 'see www.example.com/it'), false)
  assert.equal(standsIn('a  b', 'x a\nb'), true)
  assert.equal(standsIn('ab1', 'AB1'), false) // a key in another case is another key
  assert.equal(standsIn(' ', 'a b'), false)
})

test('any text stands in itself between other words, and never when it is cut', () => {
  const word = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => /^[\p{L}\p{N}]+$/u.test(text))
  fc.assert(
    fc.property(word, word, (value, other) => {
      assert.equal(standsIn(value, `(${other}) ${value}, ${other}`), true)
      assert.equal(standsIn(value, `q${value}q`), false)
    }),
  )
})

test('texts of a value are its strings and numbers, wherever they are', () => {
  assert.deepEqual([...textsIn({ a: ['x', 1, null, { b: 'y' }], c: true })], ['x', '1', 'y'])
})
