import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from '../../test/support/property.ts'
import { sha256Hex } from './ids.ts'
import type { OperationState } from './operation.ts'
import { LineSketcher, lineComposer, parseRecord, sharedParts, sketchLine, type CommonFields } from './record-line.ts'

const text = fc.string({ unit: 'binary', maxLength: 12 })
const half = fc.constantFrom(
  '\ud800',
  'a\udfffb',
  '\0',
  '\u001f',
  '\u007f',
  '"',
  '\\',
  '\u2028',
  '</script>',
  '__proto__',
)
const any = fc.oneof(text, half)
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const hash = text.map((value) => sha256Hex(value))
const payload = fc.record({ hash, bytes: count }, { noNullPrototype: true })
const common = fc.record({
  ...{ log: any, op: any, n: fc.integer({ min: 1, max: 2_000 }), t: count, actor: any, tenant: any, gate: any },
  chain: fc.array(fc.record({ principal: any, epoch: count }, { noNullPrototype: true }), { maxLength: 3 }),
  ...{ for: fc.option(any), run: fc.option(any), corr: fc.option(any), cause: fc.option(any), release: fc.option(any) },
}) as unknown as fc.Arbitrary<CommonFields>
const state = fc.constantFrom<OperationState>('held', 'committed', 'denied', 'expired')
const effects = fc.array(fc.record({ effect: any, hash }, { noNullPrototype: true }), { maxLength: 3 })

describe('the line of a record', () => {
  test('an event: what is composed parses to its fields, and prints back to the same bytes', () => {
    fc.assert(
      fc.property(
        common,
        any,
        count,
        fc.option(hash, { nil: '' }),
        any,
        payload,
        (fields, stream, n, prev, type, hashed) => {
          const { n: size, ...shared } = fields
          const line = lineComposer(fields).event(0, stream as never, n, prev, type, hashed)
          const { v: _, ...record } = JSON.parse(line) as { v: number }
          assert.deepEqual(record, {
            ...{ log: shared.log, op: shared.op, tx: { i: 0, n: size }, t: shared.t, actor: shared.actor },
            ...{ chain: shared.chain, for: shared.for, tenant: shared.tenant, run: shared.run, corr: shared.corr },
            ...{ cause: shared.cause, release: shared.release, gate: shared.gate, payload: hashed, kind: 'event' },
            ...{ stream, n, prev, type },
          })
          assert.equal(JSON.stringify(parseRecord(line)), line)
          const sketch = sketchLine(line)
          assert.deepEqual(sketch?.event, { stream, version: n, prev, type })
          assert.deepEqual([sketch?.log, sketch?.op, sketch?.t], [shared.log, shared.op, shared.t])
          assert.deepEqual([sketch?.payloadHash, sketch?.payloadBytes], [hashed.hash, hashed.bytes])
        },
      ),
    )
  })

  test('an operation: the same', () => {
    fc.assert(
      fc.property(common, any, state, effects, payload, (fields, action, reached, listed, hashed) => {
        const line = lineComposer(fields).operation(action, reached, listed, hashed)
        const record = parseRecord(line)
        assert(record?.kind === 'operation')
        assert.deepEqual([record.action, record.state, record.effects], [action, reached, listed])
        assert.deepEqual(record.tx, { i: fields.n - 1, n: fields.n })
        assert.equal(JSON.stringify(record), line)
        assert.deepEqual([sketchLine(line)?.state, sketchLine(line)?.event], [reached, null])
      }),
    )
  })

  test('a line that differs in any one character is another record, or none', () => {
    fc.assert(
      fc.property(common, payload, fc.nat(), fc.string({ maxLength: 2 }), (fields, hashed, place, inserted) => {
        const line = lineComposer(fields).event(0, 'order/1' as never, 1, '', 'made', hashed)
        const at = place % line.length
        const changed = line.slice(0, at) + inserted + line.slice(at + 1)
        const parsed = parseRecord(changed)
        assert.equal(parsed === null, sketchLine(changed) === null)
        if (parsed !== null) assert.equal(JSON.stringify(parsed), changed)
      }),
      { numRuns: 500 },
    )
  })

  test('lines one after the other, some of them damaged, are sketched as each by itself', () => {
    const damage = fc.option(fc.record({ at: fc.nat(), insert: fc.string({ maxLength: 2 }) }), { freq: 2 })
    const commit = fc.record({ common, from: fc.nat({ max: 1_200_000 }), lines: fc.array(damage, { maxLength: 5 }) })
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 4 }), any, payload, (commits, stream, hashed) => {
        const sketcher = new LineSketcher()
        for (const { common: fields, from, lines } of commits) {
          const composer = lineComposer(fields)
          for (const [i, damaged] of lines.entries()) {
            const whole =
              i === lines.length - 1
                ? composer.operation('do', 'committed', [], hashed)
                : composer.event(from + i, stream as never, i + 1, hashed.hash, 'made', hashed)
            const at = damaged === null ? 0 : damaged.at % whole.length
            const line = damaged === null ? whole : whole.slice(0, at) + damaged.insert + whole.slice(at + 1)
            assert.deepEqual(sketcher.sketch(line), sketchLine(line))
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  const line = lineComposer({
    ...{ log: 'l', op: 'o' as never, n: 1, t: 1, actor: 'a' as never, chain: [], for: null, tenant: 't' },
    ...{ run: null, corr: null, cause: null, release: null, gate: '' },
  }).operation('do', 'committed', [], { hash: sha256Hex(''), bytes: 0 })
  for (const [name, other] of Object.entries({
    'white space': line.replace('"t":1', '"t": 1'),
    'another version': line.replace('"v":1', '"v":2'),
    'a state that is none': line.replace('"committed"', '"done"'),
    'a state from the prototype': line.replace('"committed"', '"constructor"'),
    'an unneeded escape': line.replace('"do"', '"\\u0064o"'),
    'an escape in upper case': line.replace('"do"', '"\\u001F"'),
    'an escape that has a shorter form': line.replace('"do"', '"\\u000a"'),
    'an escaped pair': line.replace('"do"', '"\\ud83d\\ude00"'),
    'half a pair, unescaped': line.replace('"do"', '"\ud800"'),
    'a member twice': line.replace('"t":1', '"t":1,"t":1'),
    'a member more': `${line.slice(0, -1)},"x":1}`,
    'a leading zero': line.replace('"t":1', '"t":01'),
    'a fraction': line.replace('"t":1', '"t":1.5'),
    'a hash in upper case': line.replace(sha256Hex(''), sha256Hex('').toUpperCase()),
    'a newline at the end': `${line}\n`,
    nothing: '',
  }))
    test(`refuses ${name}`, () => {
      assert.notEqual(other, line)
      assert.equal(parseRecord(other), null)
      assert.equal(sketchLine(other), null)
    })

  test('lines of one commit share all but their place and what follows the payload', () => {
    const parts = sharedParts(line)
    assert(parts !== null && line.startsWith(`${parts.head}0${parts.middle}`))
    assert.equal(sharedParts('{"payload":{"hash":"'), null)
  })
})
