import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../model/json.ts'
import { manifest } from './testing/fixture.ts'
import { readLimits } from './limits.ts'
import { policyFaults, readPolicyFiles } from './policy-set.ts'
import { schemaOf } from './schema.ts'

const file = (limits: Json) => ({ 'limits.json': JSON.stringify({ format: 1, limits }) })
const SPENT = { of: ['pay'], per: ['tenant', 'principal'], sum: 'input.amount', window: { sliding: '1h' }, max: 500 }

test('a limit is read, and is a rule when it has a maximum', () => {
  const { policies, faults } = readPolicyFiles(file({ spent: SPENT }))
  assert.deepEqual(faults, [])
  const [spent] = policies.limits
  assert.deepEqual(
    [spent?.per, spent?.sum, spent?.stepMs, spent?.stepsBefore],
    [['principal', 'tenant'], ['input', 'amount'], 60_000, 60],
  )
  assert.deepEqual(
    policies.admission.map(({ id }) => id),
    ['limit:spent'],
  )
  assert.equal(readPolicyFiles(file({ spent: { ...SPENT, max: 1 } })).policies.limits[0]?.counts, spent?.counts)
})

const FAULTS: readonly (readonly [string, string, RegExp])[] = [
  ['no JSON', '{', /is `\{"format": 1/],
  ['another format', '{"format":2,"limits":{}}', /format/],
  ['a list', '[]', /format/],
  ...(
    [
      ['an unknown member', { spent: { ...SPENT, maximum: 1 } }, /no others/],
      ['an unknown dimension', { spent: { ...SPENT, per: ['planet'] } }, /`spent.per` is a list/],
      ['no dimension', { spent: { window: { fixed: '1d' } } }, /`spent.per`/],
      ['two windows', { spent: { ...SPENT, window: { fixed: '1d', sliding: '1d' } } }, /`spent.window`/],
      ['a window that is too long', { spent: { ...SPENT, window: { fixed: '32d' } } }, /up to 31d/],
      ['an amount that is no path', { spent: { ...SPENT, sum: 'amount' } }, /`spent.sum`/],
      ['a negative maximum', { spent: { ...SPENT, max: -1 } }, /`spent.max`/],
      ['a name that is none', { 'Spent!': SPENT }, /lower case/],
      ['no commands', { spent: { ...SPENT, of: [] } }, /`spent.of`/],
    ] as const
  ).map(([what, limits, expected]) => [what, file(limits as Json)['limits.json'], expected] as const),
]
for (const [what, text, expected] of FAULTS)
  test(`${what} is named before anything is signed`, () => {
    assert.match(readLimits({ 'limits.json': text }).faults.join('\n'), expected)
    assert.match(policyFaults({ 'limits.json': text }).join('\n'), expected)
  })

test('with a schema, commands that are not there and amounts that are not always stated are named', () => {
  const faults = (limits: Json) => policyFaults(file(limits), schemaOf(manifest)).join('\n')
  assert.equal(faults({ spent: SPENT }), '')
  assert.match(faults({ spent: { ...SPENT, of: ['buy'] } }), /no command `buy`/)
  assert.match(
    faults({ spent: { ...SPENT, of: ['cancel_order'] } }),
    /`cancel_order` does not always state `input.amount`/,
  )
  const reads = (name: string) => ({
    ...file({ spent: SPENT }),
    'a.cedar': `@id("x") forbid (principal, action == Action::"pay", resource) when { context.history.${name} > 3 };`,
  })
  assert.deepEqual(policyFaults(reads('spent'), schemaOf(manifest)), [])
  assert.match(policyFaults(reads('spend'), schemaOf(manifest)).join(), /spend/)
})
