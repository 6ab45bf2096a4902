import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { table } from './table.ts'
import { printable, shown } from './terminal.ts'

test('an escape sequence inside a value is shown, not obeyed', () => {
  assert.equal(printable('\u001b[2Jgone\u202e'), '\\u001b[2Jgone\\u202e')
})

test('nothing that is printed as a value holds a control character', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()), (value) => {
      assert.doesNotMatch(shown(value), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
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
