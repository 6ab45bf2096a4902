import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runPolicyCases } from './policy-cases.ts'
import { manifest, SCOPE_ALL } from './testing/fixture.ts'

const FILES = {
  ...SCOPE_ALL,
  'a.cedar': `
    @id("agents") permit (principal in Role::"agent", action in Action::"commands", resource);
    @id("large") @hold("boss") forbid (principal, action == Action::"pay", resource)
    when { context.input.amount > 10 } unless { context.approvals.contains("boss") };
    @id("never-used") forbid (principal, action == Action::"pay", resource) when { context.input.amount > 1000000 };`,
}
const agent = { id: 'a', kind: 'agent', roles: ['agent'] }
const order = { entity: 'order', id: '1' }
const pay = (amount: number) => ({ input: { orderId: '1', amount } })
const run = (cases: readonly unknown[], files: Readonly<Record<string, string>> = FILES) =>
  runPolicyCases(files, { 'x.cases.json': JSON.stringify({ format: 1, cases }) }, manifest)

test('cases pass or say what came out instead; policies that no case came to are named', () => {
  const report = run([
    {
      name: 'small',
      principal: agent,
      action: 'pay',
      resource: order,
      context: pay(1),
      expect: { verdict: 'admitted' },
    },
    {
      name: 'large',
      principal: agent,
      action: 'pay',
      resource: order,
      context: pay(11),
      expect: { verdict: 'held', rules: ['large'] },
    },
    {
      name: 'approved',
      principal: agent,
      action: 'pay',
      resource: order,
      context: { ...pay(11), approvals: ['boss'] },
      expect: { verdict: 'admitted', rules: ['agents'] },
    },
    {
      name: 'stranger',
      principal: { ...agent, roles: [] },
      action: 'pay',
      context: pay(1),
      expect: { verdict: 'denied', rules: [] },
    },
    { name: 'wrong', principal: agent, action: 'pay', resource: order, context: pay(1), expect: { verdict: 'denied' } },
    {
      name: 'wrong rule',
      principal: agent,
      action: 'pay',
      resource: order,
      context: pay(11),
      expect: { verdict: 'held', rules: ['other'] },
    },
  ])
  assert.deepEqual([report.cases, report.passed, report.faults], [6, 4, []])
  assert.deepEqual(
    report.failed.map(({ name, got }) => [name, got]),
    [
      ['wrong', { verdict: 'admitted', rules: ['agents'] }],
      ['wrong rule', { verdict: 'held', rules: ['large'] }],
    ],
  )
  assert.deepEqual(report.uncovered, ['never-used'])
  const closed = { ...FILES, 'scope/all.cedar': '@id("scope") permit (principal is Human, action, resource);' }
  assert.equal(run([{ principal: agent, action: 'pay', expect: { verdict: 'out-of-scope' } }], closed).passed, 1)
})

test('what is no case, or does not fit the application, is a failure with its reason', () => {
  const good = { principal: agent, action: 'pay', resource: order, context: pay(1), expect: { verdict: 'admitted' } }
  const bad: [change: object, why: RegExp][] = [
    [{ principal: { id: 'a' } }, /`principal` has/],
    [{ action: 7 }, /`action` names/],
    [{ expect: { verdict: 'maybe' } }, /`expect.verdict`/],
    [{ expect: { verdict: 'denied', rules: 'x' } }, /`expect.rules`/],
    [{ context: { inputs: {} } }, /`context.inputs` is no member/],
    [{ more: 1 }, /`more` is no member/],
    [{ resource: 'order' }, /`resource` is/],
    [{ context: { input: { orderId: '1', amount: 'ten' } } }, /does not fit the application/],
    [{ resource: { entity: 'nothing', id: '1' } }, /there is no entity/],
  ]
  for (const [change, why] of bad) {
    const { failed, passed } = run([{ ...good, ...change }])
    assert.equal(passed, 0)
    assert.match(failed[0]?.errors.join() ?? '', why)
  }
  for (const text of ['{', '[]', '{"format":2,"cases":[]}']) {
    const { failed } = runPolicyCases(FILES, { 'x.cases.json': text }, manifest)
    assert.equal(failed.length, 1, text)
  }
  const faulty = run([good], { ...FILES, 'b.cedar': 'permit (principal, action, resource);' })
  assert.equal(faulty.passed, 0)
  assert.match(faulty.faults.join(), /no usable `@id/)
})
