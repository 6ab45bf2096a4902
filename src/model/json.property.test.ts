import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { canonicalJson } from './json.ts'

/** RFC 8785 said plainly: sort, then print. */
function plainly(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainly).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${plainly(member)}`).join(',')}}`
}

test('the canonical text is the sorted text, and reads back as the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = canonicalJson(value)
      assert.equal(text, plainly(value))
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('members sort by UTF-16 code units; undefined members are left out', () => {
  assert.equal(
    canonicalJson({ '\u{10000}': 1, '\uffff': 2, b: undefined, a: [undefined, 3] }),
    '{"a":[null,3],"\u{10000}":1,"\uffff":2}',
  )
})

test('what has no JSON form is refused', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, undefined])
    assert.throws(() => canonicalJson(value), TypeError)
})
