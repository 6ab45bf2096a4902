/** Requests with the same text here get the same verdict, however values are compared: so a verdict may be remembered under it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { parseSchema } from './cedar.ts'
import { cedarRequest } from './request.ts'
import { schemaOf } from './schema.ts'

import { asking, manifest } from './testing/fixture.ts'
import { compileSet } from './verdict.ts'

const schema = schemaOf(manifest)
const parsed = { admission: parseSchema(schema.admission), scope: parseSchema(schema.scope) }

const numeral = fc.constantFrom('0', '1', '3', '5')
const longs = fc.constantFrom('context.input.amount', 'context.impact.streams')
const words = fc.constantFrom('context.input.orderId', 'context.input.note', 'context.attested.userId')
const word = fc.constantFrom('"a"', '"b"')
const joined = (...parts: readonly fc.Arbitrary<string>[]) => fc.tuple(...parts).map((texts) => texts.join(' '))
const order = fc.constantFrom('<', '<=', '>', '>=', '==', '!=')
const sameness = fc.constantFrom('==', '!=')
const comparison = fc.oneof(
  joined(longs, order, numeral),
  joined(numeral, order, longs),
  joined(longs, order, longs),
  joined(words, sameness, word),
  joined(words, sameness, words),
  fc.tuple(fc.array(word, { minLength: 1 }), words).map(([set, path]) => `[${set.join(', ')}].contains(${path})`),
)
const condition = fc
  .array(comparison, { minLength: 1, maxLength: 3 })
  .chain((parts) => fc.constantFrom(' && ', ' || ').map((operator) => parts.map((part) => `(${part})`).join(operator)))
const text = fc.constantFrom('a', 'b', 'c', 'd')
const request = fc
  .record({ orderId: text, note: text, userId: text, amount: fc.integer({ min: -1, max: 6 }), streams: fc.nat(4) })
  .map(({ userId, streams, ...input }) =>
    asking({
      input,
      attested: { userId },
      impact: {
        events: [],
        effects: [],
        irreversible: false,
        streams: Array.from({ length: streams }, (_, i) => `order/${i}`) as never,
      },
    }),
  )

test('whatever is compared with whatever, memory and evaluation agree', () => {
  fc.assert(
    fc.property(condition, fc.array(request, { minLength: 25, maxLength: 25 }), (given, requests) => {
      const when = `context.input has note && context.attested has userId && (${given})`
      const set = compileSet(
        { 'a.cedar': `@id("p") permit (principal, action, resource) when { ${when} };` },
        schema,
        parsed,
      )
      assert.deepEqual(set.faults, [])
      for (const asked of requests) {
        const full = cedarRequest(schema, asked)
        assert.deepEqual(set.verdict(full, 'commands'), set.plainVerdict(full, 'commands'), given)
      }
      set.release()
    }),
    { numRuns: 60 },
  )
})
