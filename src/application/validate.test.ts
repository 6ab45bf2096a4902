import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import { Problem } from '../model/problems.ts'
import { createValidators, VALIDATION_ERRORS_MAX, whyNotFitting } from './validate.ts'

const object = (properties: JsonSchema, required = Object.keys(properties)): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const text: JsonSchema = { type: 'string' }
const cents: JsonSchema = { type: 'integer' }
const nested: JsonSchema = {
  ...object({ inside: { $ref: '#' } }, []),
}
const action = (input: JsonSchema) => ({
  describe: '',
  input,
  output: object({ left: cents }),
  facts: object({ total: cents }),
  refusals: {},
  targets: [],
})
const manifest: Manifest = {
  format: 1,
  name: 'shop',
  describe: '',
  entities: {
    order: {
      describe: '',
      state: object({ status: { type: 'string', enum: ['open', 'closed'] } }),
      events: { opened: object({ total: cents }) },
      opens: ['opened'],
      hasInitial: false,
    },
  },
  commands: {
    buy: {
      ...action(object({ item: text, count: cents, note: text }, ['item', 'count'])),
      appends: ['order'],
      effects: ['charge'],
      destructive: false,
      hasUndo: false,
    },
    nest: {
      ...action(nested),
      output: null,
      facts: null,
      appends: [],
      effects: [],
      destructive: false,
      hasUndo: false,
    },
    match: {
      ...action(object({ text: { type: 'string', pattern: '^(a+)+$' } })),
      appends: [],
      effects: [],
      destructive: false,
      hasUndo: false,
    },
  },
  queries: { get: action(object({ id: text })) },
  readModels: { open: { describe: '', of: 'order', row: object({ day: text }), indexes: [['day']] } },
  effects: { charge: { describe: '', payload: object({ amount: cents }), risk: 'irreversible' } },
  invariants: {},
  importers: { orders: { describe: '', of: 'order', event: 'opened', record: object({ total: { type: 'number' } }) } },
  attested: object({ user: text }, []),
}
const validators = createValidators(manifest)

function problemOf(check: () => unknown): Problem {
  try {
    check()
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    return error
  }
  return assert.fail('it passed')
}
const refuses = (code: string, check: () => unknown) => assert.equal(problemOf(check).code, code)

test('what fits comes back as it is', () => {
  const input = { item: 'tea', count: 2 }
  assert.equal(validators.commandInput('buy', input), input)
  validators.queryInput('get', { id: '1' })
  validators.attested({})
  validators.importerRecord('orders', { total: 1.5 })
  validators.output('buy', { left: 1 })
  validators.output('nest', { anything: 'goes, none is declared' })
  validators.facts('buy', { total: 1 })
  validators.event('order', 'opened', { total: 1 })
  validators.state('order', { status: 'open' })
  validators.row('open', { day: 'monday' })
  validators.effect('charge', { amount: 1 })
})

test('what callers send is their fault, what the application answers is the application’s', () => {
  refuses('invalid-input', () => validators.commandInput('buy', { item: 'tea', count: '2' }))
  refuses('invalid-input', () => validators.queryInput('get', []))
  refuses('invalid-input', () => validators.attested({ admin: true }))
  refuses('invalid-input', () => validators.importerRecord('orders', {}))
  refuses('application-output-invalid', () => validators.output('buy', null))
  refuses('application-output-invalid', () => validators.facts('buy', {}))
  refuses('application-output-invalid', () => validators.facts('nest', {}))
  refuses('application-output-invalid', () => validators.event('order', 'opened', { total: 0.5 }))
  refuses('application-output-invalid', () => validators.state('order', { status: 'lost' }))
  refuses('application-output-invalid', () => validators.row('open', { day: null }))
  refuses('application-output-invalid', () => validators.effect('charge', { amount: '1' }))
})

test('names that were not declared are not found, not even those that every object has', () => {
  for (const name of ['sell', 'constructor', '__proto__', 'toString', 'hasOwnProperty', 'x'.repeat(100_000)]) {
    refuses('no-such-command', () => validators.commandInput(name, {}))
    refuses('no-such-query', () => validators.queryInput(name, {}))
    refuses('invalid-input', () => validators.importerRecord(name, {}))
    refuses('application-output-invalid', () => validators.output(name, {}))
    refuses('application-output-invalid', () => validators.event(name, 'opened', {}))
    refuses('application-output-invalid', () => validators.event('order', name, {}))
    refuses('application-output-invalid', () => validators.state(name, {}))
    refuses('application-output-invalid', () => validators.row(name, {}))
    refuses('application-output-invalid', () => validators.effect(name, {}))
  }
})

test('errors name the place and what was expected', () => {
  const found = problemOf(() => validators.commandInput('buy', { count: '2', extra: 1 }))
  assert.deepEqual(found.members['errors'], [
    { pointer: '', message: '`item` is missing' },
    { pointer: '', message: '`extra` is not known here' },
    { pointer: '/count', message: 'must be integer' },
  ])
  assert.equal(found.detail, 'the input of `buy` does not fit its schema: `item` is missing')
})

test('no value is coerced, no default filled in, no value shown', () => {
  refuses('invalid-input', () => validators.commandInput('buy', { item: 7, count: 2 }))
  const secret = problemOf(() => validators.commandInput('buy', { item: ['hunter2'], count: 2 }))
  assert.ok(!JSON.stringify([secret.detail, secret.members]).includes('hunter2'))
})

test('prototype names are members like any other', () => {
  const sent = JSON.parse('{"item":"tea","count":1,"__proto__":{"note":1}}') as unknown
  refuses('invalid-input', () => validators.commandInput('buy', sent))
  refuses('invalid-input', () => validators.commandInput('buy', Object.create({ item: 'tea', count: 1 })))
})

test('a member whose name is the empty text is asked for like any other', () => {
  const nameless = { type: 'object', properties: { '': { type: 'string' } }, required: [''] }
  assert.notEqual(whyNotFitting(nameless, {}), null)
  assert.notEqual(whyNotFitting({ type: 'array', items: nameless }, [{ '': 'here' }, {}]), null)
  assert.notEqual(whyNotFitting({ dependentRequired: { a: [''] } }, { a: 1 }), null)
  assert.equal(whyNotFitting(nameless, { '': 'here' }), null)
})

test('a flood of errors, a huge string and a deep value get one bounded problem', () => {
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`m${index}`, index]))
  const flood = problemOf(() => validators.commandInput('buy', many))
  assert.equal((flood.members['errors'] as unknown[]).length, VALIDATION_ERRORS_MAX)
  const huge = problemOf(() => validators.commandInput('buy', { ['x'.repeat(1_000_000)]: 'y'.repeat(1_000_000) }))
  assert.ok(JSON.stringify([huge.detail, huge.members]).length < 2_000)
  const long = problemOf(() => validators.commandInput('buy', { ...many, item: 'y'.repeat(100_000) }))
  assert.equal((long.members['errors'] as unknown[]).length, 1, 'all errors are looked for in small values only')
  let deep: unknown = {}
  for (let level = 0; level < 1_000_000; level++) deep = { inside: deep }
  refuses('invalid-input', () => validators.commandInput('nest', deep))
})

test('a pattern that would backtrack without end is matched in linear time', () => {
  refuses('invalid-input', () => validators.commandInput('match', { text: `${'a'.repeat(100_000)}!` }))
  validators.commandInput('match', { text: 'a'.repeat(100_000) })
})
