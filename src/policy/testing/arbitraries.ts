/** Random policies and requests, small enough to meet often: for the property tests of this folder. */
import fc from 'fast-check'
import type { PrincipalId } from '../../model/ids.ts'
import type { AdmitRequest } from '../policy.ts'
import { asking, cancelling, principal } from './fixture.ts'

// Conditions that read every kind of input in every way the language has, some of which fail on some requests.
const CONDITIONS = [
  'context.input.amount > 1',
  'context.input has note && context.input.note == "a"',
  'context.input.note == "a"',
  '1 <= context.input.amount && context.input.amount != 3',
  'context.input.amount == context.impact.streams',
  'context.input.amount > context.impact.streams',
  '["1", "a"].contains(context.input.orderId)',
  'context.input has note && context.input.note == context.input.orderId',
  'context.input has note && context.input.note != context.attested.userId',
  'context has facts.total && context.facts.total > 1',
  'context has facts && context["facts"]["owner"] == context.attested.userId',
  'context.attested has userId',
  'context.attested == {userId: "a"}',
  'context.input == {orderId: "1", amount: 1}',
  'context.input.amount * 9223372036854775807 > 0',
  'context.impact.events.contains("e")',
  'context.impact.effects.containsAny(["x", "y"])',
  'context.impact.effects.isEmpty()',
  'context.impact.streams < 2',
  'context.impact.irreversible',
  'context.approvals.contains("operator")',
  '[context.input.orderId, "2"].contains("1")',
  '{"Var": context.input.orderId}["Var"] == "1"',
  'if context.attested has confirmed then context.attested.confirmed else context.impact.irreversible',
  '!(context.attested has confirmed)',
  '-(context.input.amount) < -1',
  'context.input.orderId like "1*"',
  'principal has onBehalfOf && principal.onBehalfOf == "a"',
  'principal.id == resource.id',
  'principal in Role::"operator"',
  'principal is Agent',
  'resource is Order',
  'resource == Order::"1"',
  'resource in Order::"1"',
  'resource.id == context.input.orderId',
  'context.impact has events',
] as const
const SCOPES = [
  'principal, action, resource',
  'principal is Agent in Role::"agent", action, resource',
  'principal, action == Action::"pay", resource',
  'principal, action in [Action::"cancel_order", Action::"queries"], resource',
  'principal, action in Action::"commands", resource is Order',
  'principal, action, resource == Order::"2"',
  'principal == Agent::"b", action, resource',
] as const

/** One policy without its id. */
const policy = fc.record({
  effect: fc.constantFrom('permit', 'forbid', 'hold'),
  scope: fc.constantFrom(...SCOPES),
  conditions: fc.array(fc.constantFrom(...CONDITIONS), { maxLength: 2 }),
})
const small = fc.constantFrom('1', '2', 'a')
export const request: fc.Arbitrary<AdmitRequest> = fc
  .record({
    action: fc.constantFrom('pay', 'cancel_order', 'get_order'),
    id: fc.constantFrom('a', 'b', '1'),
    roles: fc.subarray(['agent', 'operator']),
    onBehalfOf: fc.option(fc.constant('a')),
    resource: fc.option(small.map((id) => ({ entity: 'order', id }))),
    orderId: small,
    amount: fc.constantFrom(0, 1, 2, 3, 5, 8),
    note: fc.option(small),
    total: fc.constantFrom(1, 2),
    attested: fc.constantFrom({}, { userId: 'a' }, { confirmed: true }, { userId: '1', confirmed: false }),
    events: fc.subarray(['e', 'f']),
    effects: fc.subarray(['x', 'z']),
    irreversible: fc.boolean(),
    approvals: fc.subarray(['operator', 'other']),
  })
  .map(({ action, id, roles, onBehalfOf, resource, orderId, amount, note, total, attested, approvals, ...impact }) => {
    const common = {
      principal: principal({ id: id as PrincipalId, roles, onBehalfOf: onBehalfOf as PrincipalId | null }),
      resource,
      attested,
      approvals: approvals.map((role) => ({ approval: 'x', by: 'y', role })),
      impact: { ...impact, streams: [] },
    }
    if (action === 'cancel_order') return cancelling({ ...common, facts: { total, owner: orderId } })
    if (action === 'get_order') return asking({ ...common, action, input: { orderId }, impact: null })
    return asking({ ...common, input: { orderId, amount, ...(note === null ? {} : { note }) } })
  })

/** Source text of one to five policies, named p0, p1, … */
export const policyText: fc.Arbitrary<string> = fc.array(policy, { minLength: 1, maxLength: 5 }).map((policies) =>
  policies
    .map(({ effect, scope, conditions }, index) => {
      const annotations = effect === 'hold' ? `@id("p${index}") @hold("operator")` : `@id("p${index}")`
      const lift = effect === 'hold' ? ' unless { context.approvals.contains("operator") }' : ''
      const when = conditions.map((condition) => ` when { ${condition} }`).join('')
      return `${annotations} ${effect === 'permit' ? 'permit' : 'forbid'} (${scope})${when}${lift};`
    })
    .join('\n'),
)
