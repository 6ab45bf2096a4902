/** What a cell wrote is read exactly as JSON.parse reads it, or refused for a reason that a slow look at the value confirms. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/support/property.ts'
import { readJson } from './read-json.ts'

const DEPTH_MAX = 5

function depthIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthIn))
}
function hasFault(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed()
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, member]) => name === '__proto__' || hasFault(name) || hasFault(member))
}

const strings = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', '\\', '"', '[{', '}]', '\ud800', '\\u0041'),
)
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 9, withCrossShrink: true },
    strings,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(strings, tie('value'), { maxKeys: 3 }),
  ),
})).value

test('every JSON value is read or refused as its depth and names say', () => {
  fc.assert(
    fc.property(values, fc.boolean(), (value, escaped) => {
      const plain = JSON.stringify(value)
      const text = escaped ? plain.replaceAll('_', '\\u005f') : plain
      const parsed: unknown = JSON.parse(text)
      const read = readJson(text, DEPTH_MAX)
      const deep = depthIn(parsed) > DEPTH_MAX
      assert.equal(read.ok, !deep && !hasFault(parsed), text)
      if (read.ok) assert.deepEqual(read.value, parsed)
      else assert.equal(read.limit, deep ? 'result_depth' : null)
    }),
    { numRuns: 2_000 },
  )
})

test('what is not JSON is refused, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      let parses = true
      try {
        JSON.parse(text)
      } catch {
        parses = false
      }
      const read = readJson(text, 64)
      assert.ok(read.ok ? parses : true)
      if (!parses) assert.equal(read.ok, false)
    }),
  )
  for (const text of ['', '"', '"\\', '[', '{"a":', '\ufeff1', '[1,]']) assert.equal(readJson(text, 64).ok, false, text)
})
