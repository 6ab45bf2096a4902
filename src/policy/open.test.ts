import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { PrincipalId } from '../model/ids.ts'
import { parsedIdsMade } from './cedar.ts'
import { defaultPolicies } from './default-policies.ts'
import { asking, cancelling, manifest, memorySource, principal, SCOPE_ALL } from './testing/fixture.ts'
import { openPolicy } from './open.ts'
import { policyFaults } from './policy-set.ts'
import { schemaOf } from './schema.ts'

const PERMIT = '@id("all") permit (principal, action, resource);'

function opened(t: TestContext, files: Readonly<Record<string, string>>) {
  const source = memorySource({ ...SCOPE_ALL, ...files })
  const policy = openPolicy({ source, manifest })
  t.after(() => policy.close())
  return { source, policy }
}
const withPolicies = (t: TestContext, text: string) => opened(t, { 'admission.cedar': text }).policy
const approval = (role: string) => ({ approval: 'apr_x', by: 'operator', role })

test('what no policy permits is denied, by no rule', (t) => {
  const admission = withPolicies(t, '').admit(asking())
  assert.equal(admission.kind, 'denied')
  assert.deepEqual(admission.authority.rules, [])
})

test('an admission carries its whole grounds', (t) => {
  const { policy } = opened(t, { 'admission.cedar': PERMIT })
  const admission = policy.admit(asking({ principal: principal({ onBehalfOf: 'mia' as PrincipalId }) }))
  assert.equal(admission.kind, 'admitted')
  const { authority, request } = admission
  assert.deepEqual(authority.rules, ['all'])
  assert.equal(authority.snapshot, 1)
  assert.equal(authority.evaluator, 'cedar 4.13.0')
  assert.deepEqual(authority.chain, principal().chain)
  assert.equal(authority.onBehalfOf, 'mia')
  assert.equal(request.principal, 'Agent::"helper"')
  assert.equal(request.resource, 'Order::"#W1"')
  assert.deepEqual(request.context, {
    input: { orderId: '#W1', amount: 10 },
    impact: { events: ['order.paid'], streams: 1, effects: [], irreversible: false },
    attested: {},
    approvals: [],
  })
  assert.deepEqual(policy.replay(request, authority), { kind: 'agrees', rules: ['all'], verdict: 'admitted' })
  assert.deepEqual(policy.status().leftOut, ['pay.input.rate'])
})

test('a forbid outweighs a permit, and names itself', (t) => {
  const policy = withPolicies(
    t,
    `${PERMIT} @id("cap") forbid (principal, action == Action::"pay", resource) when { context.input.amount > 100 };`,
  )
  assert.equal(policy.admit(asking()).kind, 'admitted')
  const denied = policy.admit(asking({ input: { orderId: '#W1', amount: 101 } }))
  assert.equal(denied.kind, 'denied')
  assert.deepEqual(denied.authority.rules, ['cap'])
})

// Cedar itself skips a policy that fails, and would then allow.
const FAIL_OPEN: readonly (readonly [string, string])[] = [
  ['reads a member that is not there', 'context.input.note == "x"'],
  ['overflows', 'context.input.amount * 9223372036854775807 > 1'],
  ['asks an entity for what it has not', 'principal.onBehalfOf == "x"'],
]
for (const [what, condition] of FAIL_OPEN)
  test(`a forbid that ${what} denies`, (t) => {
    const policy = withPolicies(
      t,
      `${PERMIT} @id("broken") forbid (principal, action == Action::"pay", resource) when { ${condition} };`,
    )
    const denied = policy.admit(asking())
    assert.equal(denied.kind, 'denied')
    assert.ok(denied.kind === 'denied' && /broken/.test(denied.errors[0] ?? ''))
    assert.deepEqual(policy.replay(denied.request, denied.authority), {
      kind: 'agrees',
      rules: [],
      verdict: 'denied',
    })
  })

test('a permit that fails denies too, though another would permit', (t) => {
  const policy = withPolicies(
    t,
    `${PERMIT} @id("broken") permit (principal, action == Action::"pay", resource) when { context.input.note == "x" };`,
  )
  assert.equal(policy.admit(asking()).kind, 'denied')
})

const HOLD = `${PERMIT}
@id("large") @hold("operator") @hold_for("2h")
forbid (principal, action == Action::"pay", resource) when { context.input.amount > 100 } unless { context.approvals.contains("operator") };
@id("noted") @hold("finance")
forbid (principal, action == Action::"pay", resource) when { context.input has note } unless { context.approvals.contains("finance") };
@id("never") forbid (principal, action == Action::"pay", resource) when { context.input.amount > 1000 };`

test('a hold that is the only thing in the way holds, for its role and time', (t) => {
  const policy = withPolicies(t, HOLD)
  const input = { orderId: '#W1', amount: 500 }
  const held = policy.admit(asking({ input }))
  assert.equal(held.kind, 'held')
  assert.deepEqual(held.kind === 'held' && [held.requires, held.forMs], [['operator'], 7_200_000])
  assert.deepEqual(held.authority.rules, ['large'])
  const approved = policy.admit(asking({ input, approvals: [approval('operator')] }))
  assert.equal(approved.kind, 'admitted')
  assert.deepEqual(approved.authority.approvals, [{ approval: 'apr_x', by: 'operator' }])
  assert.equal(policy.admit(asking({ input, approvals: [approval('finance')] })).kind, 'held')
})

test('several holds need all their roles, for the shortest of their times', (t) => {
  const policy = withPolicies(t, HOLD)
  const input = { orderId: '#W1', amount: 500, note: 'x' }
  const held = policy.admit(asking({ input }))
  assert.deepEqual(held.kind === 'held' && [held.requires, held.forMs], [['finance', 'operator'], 7_200_000])
  const half = policy.admit(asking({ input, approvals: [approval('operator')] }))
  assert.deepEqual(half.kind === 'held' && [half.requires, half.forMs], [['finance'], 259_200_000])
})

test('a hold beside a plain forbid is a denial, whoever has approved', (t) => {
  const policy = withPolicies(t, HOLD)
  for (const approvals of [[], [approval('operator')]]) {
    const denied = policy.admit(asking({ input: { orderId: '#W1', amount: 5_000 }, approvals }))
    assert.equal(denied.kind, 'denied')
    assert.ok(denied.authority.rules.includes('never'))
  }
})

test('a forbid without a hold waits for nobody, also where an approval would lift it', (t) => {
  const lift = 'unless { context.approvals.contains("operator") }'
  const policy = withPolicies(
    t,
    `${PERMIT}
    @id("noted") @hold("operator") forbid (principal, action == Action::"pay", resource) when { context.input has note } ${lift};
    @id("plain") forbid (principal, action == Action::"pay", resource) when { context.input.amount > 100 } ${lift};`,
  )
  const input = { orderId: '#W1', amount: 500, note: 'x' }
  assert.equal(policy.admit(asking({ input })).kind, 'denied')
  assert.equal(policy.admit(asking({ input, approvals: [approval('operator')] })).kind, 'admitted')
  assert.equal(policy.admit(asking({ input: { ...input, amount: 1 } })).kind, 'held')
})

test('a hold is a denial where nothing would permit after the approval', (t) => {
  const policy = withPolicies(t, HOLD.slice(PERMIT.length))
  assert.equal(policy.admit(asking({ input: { orderId: '#W1', amount: 500 } })).kind, 'denied')
})

test('a request that has no form in the schema is denied with the reason', (t) => {
  const policy = withPolicies(t, PERMIT)
  const requests = [
    asking({ action: 'no_such' }),
    asking({ input: { orderId: '#W1' } }),
    asking({ input: { orderId: '#W1', amount: 2 ** 53 } }),
    asking({ input: { orderId: '#W1', amount: 1.5 } }),
    asking({ input: { orderId: '\ud800', amount: 1 } }),
    asking({ input: { orderId: 'x'.repeat(100_000), amount: 1 } }),
    asking({ input: { orderId: { __entity: { type: 'Role', id: 'operator' } }, amount: 1 } }),
    asking({ resource: { entity: 'nothing', id: 'x' } }),
    asking({ resource: { entity: 'order', id: '\ud800' } }),
    asking({ impact: null }),
    cancelling({ facts: null }),
  ]
  for (const request of requests) {
    const denied = policy.admit(request)
    assert.ok(denied.kind === 'denied' && denied.errors.length === 1, JSON.stringify(request))
  }
})

test('what the schema leaves out never reaches a policy, and never stands in the way', (t) => {
  const policy = withPolicies(t, PERMIT)
  const input = { orderId: '#W1', amount: 1, rate: 0.5, __proto__: 1, other: null }
  const admission = policy.admit(asking({ input }))
  assert.equal(admission.kind, 'admitted')
  assert.deepEqual(admission.request.context['input'], { orderId: '#W1', amount: 1 })
})

test('scope decides what exists for whom, by default nothing', (t) => {
  const { policy } = opened(t, {
    'scope/all.cedar': '@id("s") permit (principal in Role::"agent", action in Action::"queries", resource);',
  })
  assert.equal(policy.inScope(principal(), 'get_order'), true)
  assert.equal(policy.inScope(principal(), 'pay'), false)
  assert.equal(policy.inScope(principal({ roles: [] }), 'get_order'), false)
  assert.equal(policy.inScope(principal(), 'no_such'), false)
  assert.equal(opened(t, { 'scope/all.cedar': '' }).policy.inScope(principal(), 'get_order'), false)
})

test('a new snapshot counts at once, for scope and admission; the one before can still be replayed', async (t) => {
  const { policy, source } = opened(t, { 'admission.cedar': PERMIT })
  const before = policy.admit(asking())
  assert.equal(policy.inScope(principal(), 'pay'), true)
  await source.publish({ 'scope/all.cedar': '' })
  assert.equal(policy.inScope(principal(), 'pay'), false)
  const after = policy.admit(asking())
  assert.equal(after.kind, 'denied')
  assert.equal(after.authority.snapshot, 2)
  assert.equal(policy.replay(before.request, before.authority).kind, 'agrees')
  assert.equal(policy.replay(before.request, { ...before.authority, rules: [] }).kind, 'differs')
  const context = { ...before.request.context, attested: { confirmed: true } }
  assert.equal(policy.replay({ ...before.request, context }, before.authority).kind, 'differs')
  assert.equal(policy.replay(before.request, { ...before.authority, policySet: 'x' as never }).kind, 'unknown')
})

test('a set that cannot be read denies everything and says why', async (t) => {
  const { policy, source } = opened(t, { 'admission.cedar': PERMIT })
  for (const text of ['permit (principal, action', 'permit (principal, action, resource);', `${PERMIT} ${PERMIT}`]) {
    await source.publish({ ...SCOPE_ALL, 'admission.cedar': text })
    assert.equal(policy.inScope(principal(), 'pay'), false)
    const denied = policy.admit(asking())
    assert.ok(denied.kind === 'denied' && denied.errors.length > 0)
    assert.ok(policy.status().faults.length > 0)
  }
})

test('a policy about what the application does not have is named, and denies only where it applies', async (t) => {
  const { policy, source } = opened(t, { 'admission.cedar': PERMIT })
  const old =
    '@id("old") forbid (principal, action == Action::"cancel_order", resource) when { context.facts.gone > 1 };'
  await source.publish({ ...SCOPE_ALL, 'admission.cedar': `${PERMIT} ${old}` })
  assert.equal(policy.status().misfits.length, 1)
  assert.equal(policy.admit(asking()).kind, 'admitted')
  assert.equal(policy.admit(cancelling()).kind, 'denied')
})

test('many adoptions cost no more ids than the sets in hand', async (t) => {
  const { policy, source } = opened(t, { 'admission.cedar': PERMIT })
  await source.publish({ ...SCOPE_ALL, 'admission.cedar': `${PERMIT} // once` })
  await source.publish({ ...SCOPE_ALL, 'admission.cedar': `${PERMIT} // twice` })
  const made = parsedIdsMade()
  for (let round = 0; round < 320; round++) {
    await source.publish({ ...SCOPE_ALL, 'admission.cedar': `${PERMIT} // ${round}` })
    assert.equal(policy.admit(asking()).kind, 'admitted')
  }
  assert.equal(parsedIdsMade(), made)
})

test('the default policies fit, and do what they say', (t) => {
  const files = defaultPolicies(manifest)
  assert.deepEqual(policyFaults(files, schemaOf(manifest)), [])
  const policy = openPolicy({ source: memorySource(files), manifest })
  t.after(() => policy.close())
  const operator = principal({ id: 'olga' as PrincipalId, kind: 'human', roles: ['operator'] })
  const door = principal({ id: 'door' as PrincipalId, kind: 'service', roles: ['front-door'] })
  const surface = (who: typeof operator) =>
    [
      'pay',
      'get_order',
      'plinth.read-records',
      'plinth.import',
      'plinth.approve',
      'plinth.attest',
      'plinth.erase',
    ].filter((action) => policy.inScope(who, action))
  assert.deepEqual(surface(principal()), ['pay', 'get_order'])
  assert.deepEqual(surface(operator), ['plinth.read-records', 'plinth.import', 'plinth.approve', 'plinth.erase'])
  assert.deepEqual(surface(door), ['plinth.attest'])
  const base = asking()
  assert.equal(policy.admit(base).kind, 'admitted')
  assert.equal(policy.admit(asking({ action: 'get_order', input: { orderId: '#W1' }, impact: null })).kind, 'admitted')
  const impact = { events: [], streams: [], effects: ['email'], irreversible: true }
  const held = policy.admit(asking({ impact }))
  assert.deepEqual(held.kind === 'held' && held.requires, ['operator'])
  assert.equal(policy.admit(asking({ impact, approvals: [approval('operator')] })).kind, 'admitted')
  const attest = { action: 'plinth.attest', resource: null, input: { userId: 'mia' }, impact: null }
  assert.equal(policy.admit(asking({ ...attest, principal: door })).kind, 'admitted')
  assert.equal(policy.admit(asking(attest)).kind, 'denied')
})
