/** Who may read what: policies see what kind of thing it is, its name, and the entity that it is about. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bankPolicies } from '../../test/support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { Problem } from '../model/problems.ts'

const PAGE = { after: null, limit: 10 }
/** What each way of reading comes to for the operator: `read`, or the code that refuses it. */
async function reads({ engine, operator }: Bank, operation: string): Promise<Readonly<Record<string, string>>> {
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    a: () => engine.state(operator, 'account', 'a', null, NEVER),
    b: () => engine.state(operator, 'account', 'b', null, NEVER),
    accounts: () => engine.states(operator, 'account', PAGE, null, NEVER),
    rows: () => engine.rows(operator, 'accounts_by_owner', {}, [], PAGE, null, NEVER),
    records: () => engine.records(operator, 0, 10, NEVER),
    operations: () => engine.operations(operator, {}, PAGE, NEVER),
    outcome: () => engine.outcome(operator, operation as never, 0, NEVER),
    snapshots: () => engine.state(operator, 'plinth.authority', 'snapshots', null, NEVER),
  }
  const found: Record<string, string> = {}
  for (const [name, way] of Object.entries(ways))
    found[name] = await way().then(
      () => 'read',
      (error: unknown) => (error instanceof Problem ? error.code : String(error)),
    )
  return found
}

const ALL_READ = {
  ...{ a: 'read', b: 'read', accounts: 'read', rows: 'read', records: 'read', operations: 'read', outcome: 'read' },
  snapshots: 'read',
}
for (const [what, rule, refused] of [
  ['nothing', '', {}],
  ['one account', 'resource == Account::"b") when { true }', { b: 'forbidden' }],
  [
    'accounts as such, by any way that is about them',
    'resource is Account) when { true }',
    { a: 'forbidden', b: 'forbidden', accounts: 'forbidden', rows: 'forbidden' },
  ],
  [
    'what is not an entity',
    'resource) unless { context.input has kind && context.input.kind == "entity" }',
    { rows: 'forbidden', records: 'forbidden', operations: 'forbidden', outcome: 'no-such-operation' },
  ],
  [
    'what is the engine’s own',
    'resource) when { context.input has name && context.input.name like "plinth.*" }',
    { snapshots: 'forbidden' },
  ],
] as const)
  test(`a policy that forbids reading ${what} is heard`, async (t) => {
    const forbids = rule === '' ? '' : `@id("no") forbid (principal, action == Action::"plinth.read-records", ${rule};`
    const bank = await openBank(t, { policies: await bankPolicies(t, { 'more.cedar': forbids }) })
    for (const account of ['a', 'b']) await bank.do('open_account', { account, owner: 'ann' })
    const { operation } = await bank.do('deposit', { account: 'a', amount: 1 })
    assert.deepEqual(await reads(bank, operation), { ...ALL_READ, ...refused })
  })
