/** Declaring, describing and checking without bundles: what is refused before it becomes a release, and with which words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { Problem } from '../model/problems.ts'
import { checkManifest } from './check-manifest.ts'
import { application, command, effect, entity, importer, query, readModel } from './declarations.ts'
import type { AnyApplication } from './declarations.ts'
import { describeApplication } from './describe.ts'

const thing = entity('thing', {
  state: z.object({ name: z.string() }),
  events: { made: z.object({}) },
  initial: { name: '' },
  evolve: { made: (state) => state },
})
const nothing = command('nothing', { describe: 'Does nothing.', input: z.object({}), decide: () => null })
const row = z.object({ a: z.string(), b: z.number(), c: z.string().optional(), d: z.string().nullable(), e: z.int() })
const model = (indexes: readonly (readonly string[])[], of = thing) => ({
  readModels: [{ ...readModel('things', { of, row, indexes: [['a']], from: () => null }), indexes }],
})
type More = { readonly [member: string]: unknown }

/** Authors without a type checker can hand over anything. */
const app = (more: More = {}): AnyApplication =>
  application('app', { describe: 'A test.', entities: [thing], commands: [nothing], ...(more as object) })
const checked = (more: More) => checkManifest(JSON.parse(describeApplication(app(more))))
const asks = (x: unknown) => ({
  queries: [query('ask', { describe: 'Asks.', input: z.object({ x: x as z.ZodType }), read: () => 1 })],
})
const refuses = (more: () => More, message: RegExp) => assert.throws(() => checked(more()), message)

const many = Array.from({ length: 3_000 }, (_, index) => `m${index}`)
const nested = (depth: number): z.ZodType => (depth === 0 ? z.string() : z.array(nested(depth - 1)))

test('schemas that JSON Schema cannot state in full are refused, naming the declaration and the way out', () => {
  for (const [schema, message] of [
    [z.string().refine((x) => x > 'a'), /a refinement has no JSON Schema/],
    [z.string().trim(), /values are not transformed/],
    [z.string().transform(Number), /values are not transformed/],
    [z.string().default('a'), /defaults are not filled in/],
    [z.string().catch('a'), /values are not repaired/],
    [z.coerce.number(), /values are not coerced/],
    [z.date(), /JSON has no dates/],
    [z.bigint(), /JSON has no big integers/],
    [z.array(z.object({ y: z.undefined() })), /JSON has no undefined/],
    [z.map(z.string(), z.string()), /`z\.map\(\)` has no JSON Schema/],
    [z.string().regex(/a/i), /no flags, and this one has `i`/],
    [z.string().regex(/^(?!b)a/), /cannot be matched in linear time/],
    [z.string().regex(/^\p{L}$/u), /list the characters/],
    [z.string().meta({ $ref: 'https://example.org/x' }), /must stay inside its schema/],
    [z.array(z.string()).meta({ uniqueItems: true }), /`uniqueItems` is not a keyword/],
    [z.string().meta({ minLength: 'a' }), /`minLength` must be a number/],
    [z.object({}).meta({ id: 'a/b' }), /must stay inside its schema/],
    [z.lazy(() => z.date()), /JSON has no dates/],
    [nested(40), /is nested more than 32 deep/],
    [z.object(Object.fromEntries(many.map((name) => [name, z.object({ a: z.int() })]))), /has more than 5000 parts/],
    [z.string().meta({ enum: [] }), /is not a usable schema/],
  ] as const) {
    refuses(() => asks(schema), message)
    refuses(() => asks(schema), /input of (query )?`ask`/)
  }
})

test('every kind of schema that JSON has is stated', () => {
  const tree = z.object({
    name: z.string().min(1).max(9),
    get children() {
      return z.array(tree).max(3)
    },
  })
  for (const schema of [
    z.union([z.email(), z.iso.date(), z.iso.datetime(), z.uuid(), z.url()]).nullable().optional(),
    z.record(z.string(), z.int()),
    z.tuple([z.literal('a'), z.null()]),
    z.json(),
    z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.strictObject({ k: z.literal('b') })]),
    tree,
    z.templateLiteral(['a', z.int()]),
    z.number().positive().multipleOf(0.5),
    z.never(),
  ]) {
    assert.ok(checked(asks(schema)))
  }
})

test('unknown members are refused everywhere unless a schema is declared loose', () => {
  const stated = checked(asks(z.object({ inner: z.looseObject({ y: z.int() }) })))
  const x = (stated.queries['ask']?.input['properties'] as Record<string, Record<string, unknown>>)['x']
  assert.equal(x?.['additionalProperties'], false)
  const inner = (x?.['properties'] as Record<string, Record<string, unknown>>)['inner']
  assert.deepEqual(inner?.['additionalProperties'], {})
})

test('declarations that types cannot hold to their promise are refused', () => {
  const bare = (changes: object) => ({ entities: [{ ...thing, ...changes }] })
  for (const [more, message] of [
    [model([['a', 'z']]), /column `z`, which the row has not/],
    [model([['b']]), /column `b`, which is not a string, an integer or a boolean/],
    [model([['c']]), /column `c`, which a row may lack/],
    [model([['d']]), /column `d`, which is not a string/],
    [model([['a', 'a']]), /names a column twice/],
    [model([[]]), /needs 1 to 8 columns/],
    [model(Array.from({ length: 17 }, () => ['a'])), /more than 16 indexes/],
    [
      { ...model([['a']]), entities: [] },
      /read model `things` names entity `thing`, which the application does not list/,
    ],
    [{ commands: [{ ...nothing, name: 'Do-It' }] }, /must be named like/],
    [{ commands: [{ ...nothing, describe: ' ' }] }, /has no `describe`/],
    [{ commands: [{ ...nothing, describe: 'x'.repeat(5_000) }] }, /more than 4000 characters/],
    [{ commands: [{ ...nothing, input: z.string() }] }, /must be a `z\.object`/],
    [{ commands: [{ ...nothing, effects: ['mail'] }] }, /names effect `mail`/],
    [
      { commands: [{ ...nothing, refusals: { 'Bad Code': '' } }] },
      /refusal of command `nothing`: `Bad Code` must be named/,
    ],
    [bare({ name: 'agent' }), /type `Agent` in policies/],
    [bare({ name: 'plinth.run' }), /must be named like/],
    [bare({ initial: undefined }), /neither `initial` nor `opens`/],
    [bare({ opens: ['made'] }), /both `initial` and `opens`/],
    [bare({ initial: undefined, opens: ['gone'] }), /opens with event `gone`/],
    [bare({ acknowledge: { lost: 'witnessed' } }), /acknowledges event `lost`, which it does not declare/],
    [
      bare({ acknowledge: { made: 'notarised' } }),
      /acknowledge of event `made` of entity `thing` must be one of durable/,
    ],
    [{ commands: [{ ...nothing, acknowledge: 'soon' }] }, /acknowledge of command `nothing` must be one of durable/],
    [bare({ evolve: {} }), /has no evolve for event `made`/],
    [bare({ evolve: { ...thing.evolve, lost: () => null } }), /evolves event `lost`/],
    [
      {
        entities: [
          { ...thing, name: 'a-b' },
          { ...thing, name: 'a_b' },
        ],
      },
      /both be type `AB`/,
    ],
    [
      { queries: [query('nothing', { describe: 'Same.', input: z.object({}), read: () => 1 })] },
      /both a command and a query/,
    ],
    [{ attested: z.object({ who: z.string() }) }, /attested fact `who` must be optional/],
    [
      {
        effects: [
          { ...effect('mail', { describe: 'Mail.', payload: z.object({}), risk: 'reversible' }), risk: 'small' },
        ],
      },
      /risk of effect `mail`/,
    ],
    [
      {
        importers: [
          importer('i', { of: thing, event: 'made', record: z.object({}), map: () => ({ id: '', data: {} }) }),
        ],
      },
      /does not open a stream/,
    ],
  ] as const) {
    refuses(() => more, message)
  }
  const refusals = Object.fromEntries(many.map((name) => [name, 'no']))
  refuses(() => ({ commands: [{ ...nothing, refusals }] }), /more than 1000 of refusal/)
  const effects = many.map((name) => effect(name, { describe: 'Mail.', payload: z.object({}), risk: 'reversible' }))
  refuses(() => ({ effects }), /more than 1000 declarations of kind effect/)
  assert.throws(() => app({ commands: [nothing, nothing] }), /command `nothing` is declared twice/)
})

test('a manifest is input: whatever it is, it is read or refused with `release-invalid`', () => {
  const good = JSON.parse(describeApplication(app(model([['a', 'e']])))) as Record<string, unknown>
  assert.deepEqual(checkManifest({ ...good, extra: 1 }), good)
  const ask = JSON.parse(describeApplication(app(asks(z.string())))) as { queries: { ask: Record<string, unknown> } }
  const asked = (changes: object) => ({ ...ask, queries: { ask: { ...ask.queries.ask, ...changes } } })
  assert.throws(
    () => checkManifest(asked({ targets: [{ entity: 'thing', member: 'y' }] })),
    /a target that its input has not/,
  )
  const proto = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}') as unknown
  assert.throws(() => checkManifest(asked({ input: proto })), /no member may be named `__proto__`/)
  const wrong: unknown[] = [null, 1, 'x', [], {}, { ...good, format: 2 }, { ...good, name: '../x' }]
  for (const member of Object.keys(good).filter((name) => name !== 'format'))
    for (const value of [null, 1, [], { a: null }, { __proto__: 1, a: 1 }]) wrong.push({ ...good, [member]: value })
  for (const manifest of wrong) {
    assert.throws(
      () => checkManifest(manifest),
      (error) => error instanceof Problem && error.code === 'release-invalid',
      JSON.stringify(manifest),
    )
  }
})

test('a command is destructive unless it can be undone or changes nothing', () => {
  const mail = effect('mail', { describe: 'Mail.', payload: z.object({}), risk: 'irreversible' })
  const base = { describe: 'Does.', input: z.object({ it: thing.id() }), decide: () => null }
  const stated = checked({
    effects: [mail],
    commands: [
      nothing,
      command('changes', base),
      command('undoes', { ...base, undo: () => null }),
      command('mails', { ...base, effects: [mail], undo: () => null }),
    ],
  })
  assert.deepEqual(
    Object.entries(stated.commands).map(([name, { destructive }]) => [name, destructive]),
    [
      ['nothing', false],
      ['changes', true],
      ['undoes', false],
      ['mails', true],
    ],
  )
})
