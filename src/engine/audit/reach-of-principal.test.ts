/** What a principal could do beside what it did, and the narrower policy: all that it did is allowed under it, and nothing of the rest exists. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { someOfEverything } from '../../../test/support/bank-history.ts'
import { BANK, NEVER, openBank, type Bank } from '../../../test/support/bank-system.ts'
import { readPolicyFolder } from '../../doors/cli/policy-folder.ts'
import { openDirectoryEvidence } from '../../main/evidence-directory.ts'
import { schemaOf } from '../../policy/schema.ts'
import { policyFaults } from '../../policy/policy-set.ts'
import { changeAuthority, withPolicies } from '../../../test/support/authority.ts'
import { reachOfPrincipal, type AsOf } from './reach-of-principal.ts'
import { replayPolicies } from './replay-policies.ts'
import type { ReachReport } from './report.ts'

async function reach(bank: Bank, principal: string, asOf: AsOf = null): Promise<ReachReport> {
  const evidence = await openDirectoryEvidence(bank.dir, null)
  try {
    return await reachOfPrincipal(evidence, principal, asOf, () => {}, NEVER)
  } finally {
    evidence.close()
  }
}

test('the matrix: what it could do by rules, and what it did', async (t) => {
  const bank = await openBank(t)
  await someOfEverything(bank)
  const report = await reach(bank, 'agent')
  const of = (name: string) => report.actions.find(({ action }) => action === name)
  assert.deepEqual([of('transfer')?.could, of('transfer')?.by], ['always', ['agents-work']])
  assert.deepEqual([of('plinth.import')?.could, of('plinth.import')?.inScope], ['never', 'false'])
  assert.equal(of('withdraw')?.could, 'depends')
  assert.deepEqual(
    of('withdraw')?.on.map(({ rule, hold }) => [rule, hold]),
    [
      ['large-payouts-need-a-person', 'cashier'],
      ['nothing-above-a-million', null],
      ['only-the-customer-served', null],
    ],
  )
  assert.deepEqual(
    of('deposit')?.on.map(({ rule }) => rule),
    ['nothing-above-ten-thousand'],
  )
  const { committed, held, denied } = of('withdraw')?.did ?? {}
  assert.deepEqual([committed, held, denied], [2, 3, 1])
  assert.equal(of('balance_of')?.did.read, 1)
  assert.equal(of('hang')?.did.lastAtMs, null)
  assert.deepEqual(report.grants.find(({ rule }) => rule === 'agents-work')?.used.toSorted(), [
    'balance_of',
    'deposit',
    'open_account',
    'transfer',
    'withdraw',
  ])
  // Before the second policy set nothing stood in the way of a deposit.
  const earlier = await reach(bank, 'agent', { position: 12 })
  assert.equal(earlier.snapshot, 1)
  assert.equal(earlier.actions.find(({ action }) => action === 'deposit')?.could, 'always')
  await assert.rejects(reach(bank, 'nobody'), { code: 'usage' })
})

test('as of a time or a position, nothing that came later counts: not what it did, nor what was switched off', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 5 })
  await bank.ask('balance_of', { account: 'a' })
  const { position } = await bank.engine.self(bank.operator, NEVER)
  await sleep(20)
  const timeMs = Date.now()
  await sleep(20)
  // A read leaves no record in the log: only its own time tells that it came later.
  await bank.ask('balance_of', { account: 'a' })
  const of = (report: ReachReport, name: string) => report.actions.find(({ action }) => action === name)?.did
  const reads = async (asOf: AsOf) => of(await reach(bank, 'agent', asOf), 'balance_of')?.read
  while ((await reads(null)) !== 2) await sleep(10) // written beside the answer
  assert.equal(await reads({ timeMs }), 1)
  await changeAuthority(bank, {
    change: 'switch-on',
    switch: { id: 'sw', action: 'contain', reason: 'looking', scope: { kind: 'principal', value: 'operator' } },
  })
  await bank.close()
  const then = await reach(bank, 'agent', { position })
  assert.deepEqual([of(then, 'deposit')?.committed, of(then, 'open_account')?.committed], [1, 1])
  assert.deepEqual([then.switches, then.position], [[], position])
  assert.deepEqual((await reach(bank, 'agent', { timeMs })).switches, [])
  assert.deepEqual((await reach(bank, 'agent')).switches, [{ id: 'sw', action: 'contain', reason: 'looking' }])
  assert.equal(of(await reach(bank, 'agent', { position: position - 2 }), 'deposit')?.committed, 0)
})

test('the narrower policy admits all that it did, nothing of what it never used, and touches nobody else', async (t) => {
  const bank = await openBank(t)
  await someOfEverything(bank)
  const { narrower } = await reach(bank, 'agent')
  assert.ok(narrower !== null)
  assert.deepEqual(narrower.removes.toSorted(), ['accounts_of', 'hang', 'open_limited', 'overdraw'])
  const before = await readPolicyFolder(join(BANK, 'policies'))
  const files = { ...before, [narrower.file]: narrower.text }
  assert.deepEqual(policyFaults(files, schemaOf(bank.release.manifest)), [])

  const evidence = await openDirectoryEvidence(bank.dir, null)
  const options = { policies: files, sinceMs: 0, limit: 100, skip: 0 }
  const replayed = await replayPolicies(evidence, options, () => {}, NEVER)
  evidence.close()
  // One denial of the second policy set is no part of these files; nothing that was allowed is denied.
  assert.deepEqual(
    replayed.flips.map(({ was }) => was.verdict),
    ['denied'],
  )
  await changeAuthority(bank, { change: 'set-policies', files })
  assert.equal((await bank.do('deposit', { account: 'a', amount: 1 })).kind, 'committed')
  for (const unused of ['open_limited', 'overdraw'])
    await assert.rejects(bank.do(unused, { account: 'a', amount: 1, owner: 'x' }), { code: 'no-such-command' })
  assert.equal((await reach(bank, 'agent')).narrower, null)
  const operator = await reach(bank, 'operator')
  assert.equal(operator.actions.find(({ action }) => action === 'plinth.read-records')?.could, 'always')
})

test('an agent of an agent reaches what both reach, and no more', async (t) => {
  const bank = await openBank(t)
  const forNobody =
    '@id("own") forbid (principal, action == Action::"deposit", resource) when { principal has onBehalfOf };'
  await changeAuthority(bank, await withPolicies(bank.dir, { 'own.cedar': forNobody }))
  const [own] = await addPrincipals(bank, [
    { id: 'helper', owner: 'agent', roles: ['agent', 'operator'] },
    { id: 'loose', owner: 'operator', roles: [] },
    { id: 'kept', owner: 'loose', roles: ['agent'] },
    { id: 'clerk', owner: 'operator', roles: ['agent'] },
    { id: 'under', owner: 'clerk', roles: ['agent'], mayActFor: ['ann'] },
  ])
  assert.equal(own, 'helper')
  const could = async (principal: string, action: string) =>
    (await reach(bank, principal)).actions.find((one) => one.action === action)?.could
  assert.equal(await could('helper', 'transfer'), 'always')
  assert.equal(await could('helper', 'plinth.read-records'), 'never') // the agent above is no operator
  assert.equal(await could('kept', 'transfer'), 'never') // and this one has no role at all
  assert.equal(await could('agent', 'deposit'), 'depends') // on whether it acts for somebody
  assert.equal(await could('under', 'deposit'), 'always') // the agent above may act for nobody
})

async function addPrincipals(
  bank: Bank,
  added: readonly {
    readonly id: string
    readonly owner: string
    readonly roles: readonly string[]
    readonly mayActFor?: readonly string[]
  }[],
): Promise<readonly string[]> {
  for (const one of added)
    await changeAuthority(bank, { change: 'add-principal', principal: { kind: 'agent', ...one } })
  await bank.close() // what came into force is on record
  return added.map(({ id }) => id)
}
