import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/support/property.ts'
import { canonicalJson } from '../../model/json.ts'
import { Problem } from '../../model/problems.ts'
import { readJson, readJsonBytes } from './strict-json.ts'

const RUNS = { numRuns: 400 }

/** What the reader takes, or the code it refuses with. Anything else thrown is a failure of the test. */
function read(bytes: Buffer): { readonly value: unknown } | { readonly code: string } {
  try {
    return { value: readJsonBytes(bytes) }
  } catch (error) {
    assert.ok(error instanceof Problem, `threw ${String(error)}`)
    return { code: error.code }
  }
}

test('any value that JSON can hold exactly is read back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, 4), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      const exact = !/-0(?![.0-9])|[0-9]{16}|[eE]/.test(text) && !text.includes('__proto__') && text.isWellFormed()
      if (exact && !/\\ud[89a-f]/i.test(text)) assert.deepEqual(readJson(text), JSON.parse(text))
    }),
    RUNS,
  )
})

test('any bytes are either read as JSON.parse reads them, or refused with a problem', () => {
  const text = fc.oneof(
    fc.json(),
    fc.string({ unit: 'binary' }),
    fc
      .array(
        fc.constantFrom(
          '{',
          '}',
          '[',
          ']',
          ':',
          ',',
          '"',
          '\\',
          'u',
          'd800',
          '0',
          '-',
          '.',
          'e',
          '1',
          'true',
          'null',
          ' ',
          '"a"',
          '"a":',
          '\t',
        ),
        { maxLength: 24 },
      )
      .map((parts) => parts.join('')),
  )
  const bytes = fc.oneof(
    text.map((each) => Buffer.from(each)),
    fc.uint8Array({ maxLength: 64 }).map((each) => Buffer.from(each)),
  )
  fc.assert(
    fc.property(bytes, (input) => {
      const result = read(input)
      if ('code' in result) return assert.equal(result.code, 'malformed-json')
      assert.equal(canonicalJson(result.value), canonicalJson(JSON.parse(input.toString('utf8'))))
    }),
    { numRuns: 2_000 },
  )
})

test('one changed byte of a good text never gets past as another shape of the same bytes', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.nat(), fc.nat(255), (text, at, byte) => {
      const bytes = Buffer.from(text)
      if (bytes.length === 0) return
      bytes[at % bytes.length] = byte
      const result = read(bytes)
      if ('value' in result)
        assert.equal(canonicalJson(result.value), canonicalJson(JSON.parse(bytes.toString('utf8'))))
    }),
    RUNS,
  )
})
