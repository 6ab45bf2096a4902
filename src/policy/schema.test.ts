import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Json, JsonSchema } from '../model/json.ts'
import { evaluate, formatUid, parsePolicySet, parseSchema, parseUid } from './cedar.ts'
import { cedarTypeOf, contextValue, typeOfSchema } from './context-type.ts'
import { manifest, object, string } from './testing/fixture.ts'
import { entityTypesOf, schemaOf } from './schema.ts'

const typed = (schema: JsonSchema) => {
  const leftOut: string[] = []
  return { type: typeOfSchema(schema, 'in', leftOut), leftOut }
}
const ofZod = (schema: z.ZodType) => typed(z.toJSONSchema(schema) as JsonSchema)

test('each JSON type that Cedar has becomes that type', () => {
  const { type, leftOut } = ofZod(
    z.object({
      text: z.string(),
      choice: z.enum(['a', 'b']),
      literal: z.literal('x'),
      count: z.int(),
      flag: z.boolean(),
      many: z.array(z.object({ id: z.string() })),
      inner: z.object({ deep: z.object({ n: z.int() }) }),
      maybe: z.string().optional(),
      nullable: z.string().nullable(),
      either: z.union([z.literal('a'), z.string()]),
    }),
  )
  assert.deepEqual(leftOut, [])
  assert.deepEqual(type && cedarTypeOf(type), {
    type: 'Record',
    attributes: {
      text: { type: 'String', required: true },
      choice: { type: 'String', required: true },
      literal: { type: 'String', required: true },
      count: { type: 'Long', required: true },
      flag: { type: 'Boolean', required: true },
      many: {
        type: 'Set',
        element: { type: 'Record', attributes: { id: { type: 'String', required: true } } },
        required: true,
      },
      inner: {
        type: 'Record',
        attributes: {
          deep: { type: 'Record', attributes: { n: { type: 'Long', required: true } }, required: true },
        },
        required: true,
      },
      maybe: { type: 'String', required: false },
      nullable: { type: 'String', required: false },
      either: { type: 'String', required: true },
    },
  })
})

test('what Cedar has no type for is left out, and said', () => {
  const node = z.object({
    name: z.string(),
    get next() {
      return node.optional()
    },
  })
  const { leftOut } = ofZod(
    z.object({
      fraction: z.number(),
      anything: z.unknown(),
      map: z.record(z.string(), z.string()),
      tuple: z.tuple([z.string(), z.int()]),
      mixed: z.union([z.string(), z.int()]),
      shapes: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]),
      holes: z.array(z.string().nullable()),
      nothing: z.null(),
      inner: z.object({ fraction: z.number(), kept: z.string() }),
      list: z.array(z.object({ fraction: z.number(), kept: z.string() })),
      __entity: z.string(),
    }),
  )
  assert.deepEqual(leftOut, [
    'in.fraction',
    'in.anything',
    'in.map',
    'in.tuple',
    'in.mixed',
    'in.shapes',
    'in.holes',
    'in.nothing',
    'in.inner.fraction',
    'in.list[].fraction',
    'in.__entity',
  ])
  // A schema that contains itself ends at a depth.
  assert.ok(ofZod(node).leftOut.every((path) => path.startsWith('in.next.next')))
})

test('a value shows exactly what its type has', () => {
  const { type } = ofZod(
    z.object({ kept: z.string(), none: z.string().nullable(), gone: z.string().optional(), fraction: z.number() }),
  )
  assert.ok(type)
  const value = JSON.parse('{"kept":"x","none":null,"fraction":0.5,"more":1,"__proto__":{"kept":"y"}}') as Json
  assert.deepEqual(contextValue(type, value, 'in'), { kept: 'x' })
  assert.throws(() => contextValue(type, JSON.parse('{"__proto__":{"kept":"y"}}') as Json, 'in'), /`in.kept`: missing/)
  for (const wrong of [null, [], 'x', 1, {}, { kept: null }, { kept: 1 }, { kept: ['x'] }])
    assert.throws(() => contextValue(type, wrong, 'in'))
})

test('bounds: many values, much text', () => {
  const { type } = ofZod(z.object({ many: z.array(z.string()) }))
  assert.ok(type)
  assert.throws(() => contextValue(type, { many: Array<string>(10_001).fill('') }, 'in'), /more than 10000 values/)
  assert.throws(() => contextValue(type, { many: Array<string>(9).fill('x'.repeat(65_000)) }, 'in'), /more text/)
})

test('the schema of an application parses, and knows every action', () => {
  const schema = schemaOf(manifest)
  for (const one of [schema.admission, schema.scope]) parseSchema(one).release()
  assert.deepEqual(
    [...schema.actions.keys()],
    [
      'cancel_order',
      'pay',
      'get_order',
      'plinth.attest',
      'plinth.import',
      'plinth.read-records',
      'plinth.approve',
      'plinth.erase',
    ],
  )
  assert.equal(schemaOf(structuredClone(manifest)).hash, schema.hash)
  assert.notEqual(schemaOf({ ...manifest, attested: object({ other: string }) }).hash, schema.hash)
})

test('names that the engine uses itself cannot be taken', () => {
  const pay = manifest.commands['pay'] ?? assert.fail()
  for (const name of ['commands', 'queries', 'plinth.approve', 'get_order'])
    assert.throws(() => schemaOf({ ...manifest, commands: { [name]: pay } }), { code: 'release-invalid' })
})

test('entities become types, and never the same one', () => {
  const types = entityTypesOf(['order', 'order_item', 'orderItem', 'role', 'agent', 'agentEntity', '3d', 'string'])
  assert.equal(types.get('order'), 'Order')
  assert.equal(types.get('role'), 'RoleEntity')
  assert.equal(new Set(types.values()).size, 8)
  for (const type of types.values()) assert.match(type, /^[A-Z][A-Za-z0-9]*$/)
})

test('entity names print as Cedar reads them, and back', () => {
  const ids = ['#W1', 'a"b', 'a\\b', 'line\nbreak', '\u0000', 'ünï 🙂', '\\u{41}', '']
  for (const id of ids) {
    const uid = { type: 'Order', id }
    const text = formatUid(uid)
    assert.deepEqual(parseUid(text), uid)
    const set = parsePolicySet({ only: `permit (principal, action, resource == ${text});` })
    const request = { principal: uid, action: { type: 'Action', id: 'x' }, resource: uid, context: {}, entities: [] }
    assert.equal(evaluate(set, null, request).kind, 'allow')
    set.release()
  }
  for (const text of ['', 'Order', 'Order::""x"', 'order"::""', 'Order::"\n"', 'Order::"\\u{041}"', 'Order::"\\x41"'])
    assert.equal(parseUid(text), null)
})
