import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { Problem } from '../model/problems.ts'

const part = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.maxSafeInteger(), fc.constant(null))

test('a cursor gives back its place, to its own list and width alone', () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (place) => {
      const after = encodeCursor('rows', place)
      assert.deepEqual(decodeCursor('rows', { after, limit: 1 }, place.length), place)
      assert.throws(() => decodeCursor('states', { after, limit: 1 }, place.length), /invalid-cursor/)
      assert.throws(() => decodeCursor('rows', { after, limit: 1 }, place.length + 1), /invalid-cursor/)
    }),
  )
})

test('any text is a cursor or refused as one', () => {
  const text = fc.oneof(
    fc.string(),
    fc.json().map((json) => Buffer.from(json).toString('base64url')),
  )
  fc.assert(
    fc.property(text, (after) => {
      try {
        decodeCursor('rows', { after, limit: 1 }, 1)
      } catch (error) {
        assert.ok(error instanceof Problem && error.code === 'invalid-cursor')
      }
    }),
  )
})
