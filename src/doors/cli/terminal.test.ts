import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/support/property.ts'
import { table } from './table.ts'
import { printable, shown } from './terminal.ts'

test('an escape sequence inside a value is shown, not obeyed', () => {
  assert.equal(printable('\u001b[2Jgone\u202e'), '\\u001b[2Jgone\\u202e')
  assert.equal(printable('ann\u200b\u{e0041}'), 'ann\\u200b\\u{e0041}')
})

test('nothing that is printed as a value holds a control character', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()), (value) => {
      assert.doesNotMatch(shown(value), /[\p{Cc}\p{Cf}\u2028\u2029]/u)
    }),
  )
})

test('a table keeps one line a row, whatever a cell holds', () => {
  const lines = table(
    ['A', 'B'],
    [
      ['x\ny', 'z'.repeat(100)],
      [null, { deep: true }],
    ],
  ).split('\n')
  assert.equal(lines.length, 3)
  assert.ok(lines.every((line) => line.length < 80))
})
