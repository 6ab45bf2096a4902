import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manifest } from './testing/fixture.ts'
import { policyFaults, readPolicyFiles } from './policy-set.ts'
import { schemaOf } from './schema.ts'

const PERMIT = '@id("all") permit (principal, action, resource);'
const LIFTED = 'unless { context.approvals.contains("operator") }'

test('policies keep their ids, files and holds', () => {
  const { policies, faults } = readPolicyFiles({
    'b.cedar': `// a comment
      ${PERMIT}
      @id("wait") @hold("operator") forbid (principal, action, resource) ${LIFTED};`,
    'scope/a.cedar': '@id("s") permit (principal, action, resource);',
    'deep/c.cedar': `@id("short") @hold("ops-2") @hold_for("15m") forbid (principal, action, resource) when { context has approvals };`,
  })
  assert.deepEqual(faults, [])
  assert.deepEqual(
    policies.scope.map(({ id, file }) => [id, file]),
    [['s', 'scope/a.cedar']],
  )
  assert.deepEqual(
    policies.admission.map(({ id, hold }) => [id, hold]),
    [
      ['all', null],
      ['wait', { role: 'operator', forMs: 259_200_000, grants: true }],
      ['short', { role: 'ops-2', forMs: 900_000, grants: true }],
    ],
  )
})

const FAULTS: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ['no id', { 'a.cedar': 'permit (principal, action, resource);' }, /no usable `@id/],
  ['an id that cannot be quoted', { 'a.cedar': '@id("a b") permit (principal, action, resource);' }, /no usable `@id/],
  ['the same id twice', { 'a.cedar': PERMIT, 'b.cedar': PERMIT }, /another policy `all`/],
  ['the same id in scope and admission', { 'a.cedar': PERMIT, 'scope/b.cedar': PERMIT }, /another policy `all`/],
  ['text that does not parse', { 'a.cedar': '@id("x") permit (principal' }, /unexpected end/],
  [
    'a template',
    { 'a.cedar': '@id("x") permit (principal == ?principal, action, resource);' },
    /templates are not taken/,
  ],
  ['another ending', { 'a.txt': PERMIT }, /end in `.cedar`/],
  ['broken Unicode', { 'a.cedar': `${PERMIT}//\ud800` }, /well-formed/],
  [
    'a permit that holds',
    { 'a.cedar': `@id("x") @hold("operator") permit (principal, action, resource) ${LIFTED};` },
    /only a forbid/,
  ],
  [
    'a hold in scope',
    { 'scope/a.cedar': `@id("x") @hold("operator") forbid (principal, action, resource) ${LIFTED};` },
    /scope cannot hold/,
  ],
  [
    'a hold for nobody',
    { 'a.cedar': `@id("x") @hold forbid (principal, action, resource) ${LIFTED};` },
    /name of a role/,
  ],
  [
    'a hold that no approval lifts',
    { 'a.cedar': '@id("x") @hold("operator") forbid (principal, action, resource);' },
    /no approval could lift/,
  ],
  [
    'a time that is none',
    { 'a.cedar': `@id("x") @hold("operator") @hold_for("2 hours") forbid (principal, action, resource) ${LIFTED};` },
    /whole number/,
  ],
  [
    'a time beyond the bound',
    { 'a.cedar': `@id("x") @hold("operator") @hold_for("31d") forbid (principal, action, resource) ${LIFTED};` },
    /up to 30d/,
  ],
  [
    'a time without a hold',
    { 'a.cedar': '@id("x") @hold_for("1h") forbid (principal, action, resource);' },
    /without `@hold`/,
  ],
]
for (const [what, files, expected] of FAULTS)
  test(`${what} is named before anything is signed`, () => {
    assert.match(policyFaults(files).join('\n'), expected)
  })

test('with a schema, what the application does not have is named too', () => {
  const schema = schemaOf(manifest)
  const faultsOf = (text: string) => policyFaults({ 'a.cedar': text }, schema).join('\n')
  assert.equal(faultsOf(PERMIT), '')
  const policy = (action: string, condition: string) =>
    `@id("x") forbid (principal, action == Action::"${action}", resource) when { ${condition} };`
  assert.equal(faultsOf(policy('pay', 'context.input.amount > 1 && context.impact.irreversible')), '')
  assert.match(faultsOf(policy('refund', 'true')), /unrecognized action/i)
  assert.match(faultsOf(policy('pay', 'context.input.rate > 1')), /rate/)
  assert.match(faultsOf(policy('pay', 'context.input.note == "x"')), /note/)
  assert.match(faultsOf(policy('get_order', 'context.impact.irreversible')), /impact/)
  const scope = { 'scope/a.cedar': policy('pay', 'context.input.amount > 1') }
  assert.match(policyFaults(scope, schema).join(), /input/)
})
