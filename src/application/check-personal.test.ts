import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkManifest } from './check-manifest.ts'
import type { JsonObject } from '../model/json.ts'

const text = { type: 'string' }
const object = (properties: JsonObject, required = Object.keys(properties)): JsonObject => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

interface Parts {
  personal?: unknown
  columns?: unknown
  indexes?: string[][]
  input?: unknown
  state?: JsonObject
}
function manifest({ personal, columns, indexes = [['email']], input, state = {} }: Parts): unknown {
  return {
    format: 1,
    name: 'shop',
    describe: 'a shop',
    entities: {
      user: {
        describe: '',
        state: object({ name: text, ...state }),
        events: { named: object({ name: text, age: { type: 'integer' } }) },
        opens: ['named'],
        hasInitial: false,
        ...(personal === undefined ? {} : { personal }),
      },
    },
    commands: {
      name: {
        ...{ describe: 'names', input: object({ to: text }), output: null, facts: null, refusals: {}, targets: [] },
        ...{ appends: ['user'], effects: [], destructive: true, hasUndo: false },
        ...(input === undefined ? {} : { personal: input }),
      },
    },
    queries: {},
    readModels: {
      users: {
        describe: '',
        of: 'user',
        row: object({ email: text, name: text, age: { type: 'integer' } }),
        indexes,
        ...(columns === undefined ? {} : { personal: columns }),
      },
    },
    effects: {},
    invariants: {},
    importers: {},
    attested: object({}),
  }
}
const self = { entity: 'user', member: null }
const named = { subject: self, events: { named: { name: '[erased]' } } }

test('what is declared personal is in the manifest, as plain JSON', () => {
  const { entities, readModels, commands } = checkManifest(
    manifest({ personal: named, columns: ['email'], input: ['to'] }),
  )
  assert.deepEqual(entities['user']?.personal, named)
  assert.deepEqual(readModels['users']?.personal, ['email'])
  assert.deepEqual(commands['name']?.personal, ['to'])
  const of = { 'x-plinth-entity': 'user', type: 'string' }
  const about = { subject: { entity: 'user', member: 'owner' }, events: {} }
  assert.deepEqual(checkManifest(manifest({ personal: about, state: { owner: of } })).entities['user']?.personal, about)
})

test('what could not be erased as declared is refused', () => {
  const cases: [Parts, RegExp][] = [
    [{ personal: { ...named, events: { born: {} } } }, /event `born`/],
    [{ personal: { ...named, events: { named: { email: '' } } } }, /no member `email`/],
    [
      { personal: { ...named, events: { named: { name: 7 } } } },
      /stand-ins for personal members of event `named`.*string/,
    ],
    [{ personal: { ...named, subject: { entity: 'user', member: 'name' } } }, /does not declare as an id of `user`/],
    [{ personal: { ...named, subject: { entity: 'nobody', member: null } } }, /`nobody`.*does not list/],
    [{ personal: { subject: null, events: {} } }, /not an object/],
    [{ personal: named, columns: ['name'] }, /none of its indexes has/],
    [{ personal: named, columns: ['age'], indexes: [['age']] }, /not a string/],
    [{ personal: named, columns: 'email' }, /not a list/],
    [{ columns: ['email'] }, /`user` declares no personal data/],
    [{ personal: named, indexes: [['name']] }, /would show `name` in an index/],
    [{ personal: named, input: ['from'] }, /`from` personal, which its input has not/],
  ]
  for (const [parts, message] of cases)
    assert.throws(
      () => checkManifest(manifest(parts)),
      (error: Error) => {
        assert.match(error.message, message)
        return 'code' in error && error.code === 'release-invalid'
      },
    )
})
