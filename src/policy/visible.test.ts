import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitPolicies } from './cedar.ts'
import { readsApprovals, visibleTo } from './visible.ts'

const policiesOf = (text: string) => splitPolicies(text).map(({ policy }) => policy)
const sees = (condition: string) =>
  visibleTo(policiesOf(`permit (principal, action, resource) when { ${condition} };`), ['pay', 'commands'])

test('a policy sees the members that it reads, and no others', () => {
  assert.deepEqual(sees('context.input.amount > 1 && context has facts'), {
    paths: [['input', 'amount'], ['facts']],
    resourceId: false,
  })
  assert.deepEqual(sees('context has facts.total && context["facts"]["total"] > 1').paths, [['facts', 'total']])
  assert.deepEqual(sees('context.input.amount > 1 && context.input == {}').paths, [['input']])
  assert.deepEqual(sees('[context] == []').paths, [[]])
  assert.deepEqual(sees('ip(context.address).isLoopback()').paths, [['address']])
})

test('policies about other actions see nothing', () => {
  const text = (action: string) => policiesOf(`permit (principal, ${action}, resource) when { context.a };`)
  for (const action of [
    'action',
    'action == Action::"pay"',
    'action in Action::"commands"',
    'action in [Action::"pay"]',
  ])
    assert.deepEqual(visibleTo(text(action), ['pay', 'commands']).paths, [['a']], action)
  for (const action of ['action == Action::"other"', 'action in [Action::"queries", Action::"other"]'])
    assert.deepEqual(visibleTo(text(action), ['pay', 'commands']).paths, [], action)
})

test('who reads the approvals is found, in any condition', () => {
  const reads = (conditions: string) =>
    readsApprovals(policiesOf(`forbid (principal, action, resource) ${conditions};`)[0] ?? assert.fail())
  assert.ok(reads('unless { context.approvals.contains("x") }'))
  assert.ok(reads('when { true } unless { [context] == [] }'))
  assert.ok(!reads('when { context.input.approvals }'))
})
