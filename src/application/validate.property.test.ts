/** Do the engine's validators and the author's schemas agree on every value? And do any bytes that parse as JSON get past them otherwise than as an answer? */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { z } from 'zod'
import type { Manifest } from '../model/manifest.ts'
import { Problem } from '../model/problems.ts'
import { checkManifest } from './check-manifest.ts'
import { application, query } from './declarations.ts'
import { describeApplication } from './describe.ts'
import { createValidators } from './validate.ts'

interface Made {
  readonly schema: z.ZodType
  /** Values that often fit. */
  readonly value: fc.Arbitrary<unknown>
}

// Characters beyond the Basic Multilingual Plane are left out: JSON Schema counts them once in a length, and zod twice.
const text = (maxLength: number) => fc.string({ maxLength, unit: fc.constantFrom('a', 'b', '1', ' ', 'é', '.', '@') })
// Members that every object inherits are left out: zod takes the inherited value for a sent one. As keys of records they are in.
const member = fc.constantFrom('a', 'b', 'c', 'id', '$ref', 'x y', '')
const name = fc.constantFrom('a', 'b', 'c', 'id', 'constructor', 'toString', 'hasOwnProperty', '$ref', 'x y', '')
const bounds = fc
  .tuple(fc.nat(4), fc.nat(4))
  .map(([one, other]): [number, number] => [Math.min(one, other), Math.max(one, other)])

const schemas = fc.letrec<{ any: Made; leaf: Made }>((tie) => ({
  leaf: fc.oneof(
    bounds.map(([min, max]): Made => ({ schema: z.string().min(min).max(max), value: text(max) })),
    fc.constantFrom<Made>(
      { schema: z.int(), value: fc.integer() },
      { schema: z.number().positive(), value: fc.double({ noNaN: true, noDefaultInfinity: true }) },
      { schema: z.int32().multipleOf(3), value: fc.integer({ min: -9, max: 9 }) },
      { schema: z.boolean(), value: fc.boolean() },
      { schema: z.null(), value: fc.constant(null) },
      { schema: z.enum(['a', 'b']), value: fc.constantFrom('a', 'b', 'c') },
      { schema: z.literal(['a', 1, null]), value: fc.constantFrom('a', 1, null, '1') },
      { schema: z.string().regex(/^[ab]+$/), value: text(4) },
      { schema: z.string().startsWith('a').endsWith('b'), value: text(4) },
      { schema: z.iso.date(), value: fc.constantFrom('2024-02-29', '2023-02-29', '2024-1-1') },
      { schema: z.email(), value: fc.constantFrom('a@b.co', 'a@b', '@b.co', 'a b@c.de') },
      { schema: z.unknown(), value: fc.jsonValue() },
      { schema: z.never(), value: fc.jsonValue() },
    ),
  ),
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc.tuple(tie('any'), bounds).map(([{ schema, value }, [min, max]]): Made => ({
      schema: z.array(schema).min(min).max(max),
      value: fc.array(value, { maxLength: 5 }),
    })),
    fc
      .dictionary(member, fc.tuple(tie('any'), fc.boolean()), { maxKeys: 4, noNullPrototype: true })
      .map((members): Made => ({
        schema: z.strictObject(
          Object.fromEntries(
            Object.entries(members).map(([key, [{ schema }, optional]]) => [
              key,
              optional ? schema.optional() : schema,
            ]),
          ),
        ),
        value: fc.record(Object.fromEntries(Object.entries(members).map(([key, [{ value }]]) => [key, value])), {
          requiredKeys: Object.entries(members).flatMap(([key, [, optional]]) => (optional ? [] : [key])),
          noNullPrototype: true,
        }),
      })),
    tie('any').map(({ schema, value }): Made => ({
      schema: z.record(z.string(), schema),
      value: fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true }),
    })),
    tie('any').map(({ schema, value }): Made => ({ schema: schema.nullable(), value: fc.option(value) })),
    fc.array(tie('any'), { minLength: 1, maxLength: 3 }).map((made): Made => ({
      schema: z.union(made.map(({ schema }) => schema)),
      value: fc.oneof(...made.map(({ value }) => value)),
    })),
    fc.array(tie('any'), { minLength: 1, maxLength: 3 }).map((made): Made => ({
      schema: z.tuple(made.map(({ schema }) => schema) as [z.ZodType]),
      value: fc.tuple(...made.map(({ value }) => value)),
    })),
  ),
}))

const anyJson = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)

function manifestOf(schema: z.ZodType): Manifest {
  const ask = query('ask', { describe: 'Asks.', input: z.strictObject({ x: schema }), read: () => 1 })
  return checkManifest(
    JSON.parse(
      describeApplication(application('app', { describe: 'A test.', entities: [], commands: [], queries: [ask] })),
    ),
  )
}

/** @returns whether it was accepted; anything but the typed problem fails the test */
function accepts(validators: ReturnType<typeof createValidators>, input: unknown): boolean {
  try {
    assert.equal(validators.queryInput('ask', input), input)
    return true
  } catch (error) {
    assert.ok(error instanceof Problem && error.code === 'invalid-input', String(error))
    const { errors } = error.members as { errors: { pointer: string; message: string }[] }
    assert.ok(errors.length > 0 && errors.length <= 10)
    return false
  }
}

test('validators and schemas accept the same values', () => {
  let accepted = 0
  let refused = 0
  fc.assert(
    fc.property(
      schemas.any.chain(({ schema, value }) =>
        fc.tuple(
          fc.constant(schema),
          fc.array(fc.oneof({ arbitrary: value, weight: 3 }, { arbitrary: anyJson, weight: 1 }), {
            minLength: 1,
            maxLength: 8,
          }),
        ),
      ),
      ([schema, values]) => {
        const validators = createValidators(manifestOf(schema))
        for (const value of values) {
          const sent = JSON.parse(JSON.stringify({ x: value })) as unknown
          const fits = z.strictObject({ x: schema }).safeParse(sent).success
          assert.equal(accepts(validators, sent), fits, JSON.stringify(sent))
          if (fits) accepted++
          else refused++
        }
      },
    ),
    { numRuns: 200 },
  )
  // The comparison says nothing when one side is never seen.
  assert.ok(accepted > 200 && refused > 200, `${accepted} accepted, ${refused} refused`)
})

test('a manifest with anything in place of any part is read or refused, and never breaks the reader', () => {
  const good = manifestOf(z.object({ a: z.array(z.string().regex(/a/)) }).nullable())
  const paths = pathsOf(good)
  fc.assert(
    fc.property(fc.constantFrom(...paths), anyJson, (path, value) => {
      const text = JSON.stringify(replaced(good, path, value))
      let read: Manifest
      try {
        read = checkManifest(JSON.parse(text))
      } catch (error) {
        assert.ok(error instanceof Problem && error.code === 'release-invalid', String(error))
        return
      }
      const validators = createValidators(read)
      if (Object.hasOwn(read.queries, 'ask')) accepts(validators, { x: { a: ['a'] } })
    }),
    { numRuns: 1_000 },
  )
})

const isContainer = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const pathsOf = (value: unknown): string[][] =>
  isContainer(value)
    ? Object.keys(value).flatMap((key) => [[key], ...pathsOf(value[key]).map((path) => [key, ...path])])
    : []
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined || !isContainer(value)) return by
  const changed = replaced(value[key], rest, by)
  return Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed }
}
