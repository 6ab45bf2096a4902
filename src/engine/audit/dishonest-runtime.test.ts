/** A runtime that skips admission, or lies about it, is found by the audit: each way of doing so, with what policy would have said. */
import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test, type TestContext } from 'node:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseKey } from '../../../verifier/verify.ts'
import { runtime, type Lie } from '../../../test/support/dishonest-policy.ts'

// The engine of this process gets the dishonest one; whoever audits here has the real one.
const dishonest = new URL('../../../test/support/dishonest-policy.ts', import.meta.url).href
registerHooks({
  resolve: (specifier, context, next) =>
    specifier.endsWith('/policy/open.ts') && context.parentURL?.endsWith('/engine/open.ts') === true
      ? { url: dishonest, shortCircuit: true }
      : next(specifier, context),
})
const { NEVER, openBank, temporaryDirectory } = await import('../../../test/support/bank-system.ts')
const { bankPolicies, limits } = await import('../../../test/support/bank-policies.ts')
const { changeAuthority, withPolicies } = await import('../../../test/support/authority.ts')
const { audit } = await import('../../main/audit.ts')
const { exportLog } = await import('../../main/export-log.ts')
const { verifyBytes } = await import('../../../test/vectors/bundle/forge.ts')

const CASES: readonly (readonly [lie: Lie, amount: number, why: RegExp, derived: string])[] = [
  ['none', 1, /never/, ''],
  ['admits-all', 200_000_000, /policy says denied, and yet it is committed/, 'denied'],
  ['admits-all', 200_000, /policy says held, and yet it is committed/, 'held'],
  ['asks-less', 200_000_000, /policy was asked something else/, 'denied'],
  ['records-nothing', 200_000_000, /it holds no admission/, 'denied'],
  ['invents-approval', 200_000, /names approvals, and was never held/, 'admitted'],
]

async function invalidAt(dir: string, t: TestContext): Promise<readonly (number | null)[]> {
  const file = join(await temporaryDirectory(t), 'log.tar')
  await exportLog(dir, file, 'bundle', null)
  const trust = { logs: [parseKey((await readFile(join(dir, 'log.vkey'), 'utf8')).trim())], policy: null, heads: [] }
  const report = verifyBytes(await readFile(file), trust)
  assert.equal(report.verdict, 'INVALID', JSON.stringify(report))
  return [...new Set(report.findings.map(({ position }) => position))]
}

test('who admits what policy would not have, or lies about it, is found', async (t) => {
  for (const [lie, amount, why, derived] of CASES) {
    const bank = await openBank(t)
    await bank.do('open_account', { account: 'a', owner: 'ann' })
    await bank.do('deposit', { account: 'a', amount: 500_000_000 })
    runtime.lie = lie
    const outcome = await bank.do('withdraw', { account: 'a', amount })
    runtime.lie = 'none'
    assert.equal(outcome.kind, 'committed', lie)
    await bank.close()
    const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
    assert.equal(report.disagreedCount, lie === 'none' ? 0 : 1, `${lie}: ${JSON.stringify(report.disagreed)}`)
    if (lie === 'none') continue
    const [found] = report.disagreed
    assert.match(found?.why ?? '', why, lie)
    assert.equal(found?.derived?.verdict, derived, lie)
    assert.equal(found.operation, 'operation' in outcome ? outcome.operation : '')
    // Who has only a bundle, and an evaluator of his own, finds the same.
    assert.deepEqual(await invalidAt(bank.dir, t), [found.position])
  }
})

test('who forgets what was there already is found', async (t) => {
  const entries = { deposits: { of: ['deposit'], per: ['principal'], window: { fixed: '1d' }, max: 2 } }
  const bank = await openBank(t, { policies: await bankPolicies(t, limits(entries)) })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  for (let i = 0; i < 2; i++) await bank.do('deposit', { account: 'a', amount: 1 })
  runtime.lie = 'forgets-history'
  const outcome = await bank.do('deposit', { account: 'a', amount: 1 })
  runtime.lie = 'none'
  assert.equal(outcome.kind, 'committed')
  await bank.close()
  const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.equal(report.disagreedCount, 1, JSON.stringify(report.disagreed))
  assert.match(report.disagreed[0]?.why ?? '', /the limit `deposits` of 2 is exceeded: 2 and 1 more/)
})

test('who lets a principal reach what is out of its scope is found', async (t) => {
  const bank = await openBank(t)
  runtime.lie = 'widens-scope'
  // The policy set in force lets agents work, and so would admit it: it is scope that this operator is not in.
  const open = { 'open.cedar': '@id("all") permit (principal, action, resource);' }
  await changeAuthority(bank, await withPolicies(bank.dir, open))
  const outcome = await bank.do('open_account', { account: 'a', owner: 'ann' }, { as: bank.operator })
  runtime.lie = 'none'
  assert.equal(outcome.kind, 'committed')
  await bank.close()
  const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.equal(report.disagreedCount, 1)
  assert.equal(report.disagreed[0]?.derived?.verdict, 'out-of-scope')
  assert.deepEqual(await invalidAt(bank.dir, t), [report.disagreed[0]?.position])
})

test('who goes on deciding on an authority that has been replaced is found', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  runtime.lie = 'stays-behind'
  const more = { 'more.cedar': '@id("no") forbid (principal, action == Action::"deposit", resource);' }
  await changeAuthority(bank, await withPolicies(bank.dir, more))
  for (;;) {
    const { state } = await bank.engine
      .state(bank.operator, 'plinth.authority', 'snapshots', null, NEVER)
      .catch(() => ({ state: {} }))
    if ((state as { snapshot?: number } | null)?.snapshot === 2) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await bank.do('deposit', { account: 'a', amount: 1 })
  runtime.lie = 'none'
  await bank.close()
  const report = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  const [found] = report.disagreed.filter(({ action }) => action === 'deposit')
  assert.match(found?.why ?? '', /decided after snapshot 1 had been replaced/)
  assert.ok((await invalidAt(bank.dir, t)).includes(found?.position ?? -1))
})
