/** Which verdicts of the past would flip, what would then have been different, and where the prediction ends. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openBank, NEVER, type Bank } from '../../../test/support/bank-system.ts'
import { someOfEverything } from '../../../test/support/bank-history.ts'
import { openDirectoryEvidence } from '../../main/evidence-directory.ts'
import { readPolicyFolder } from '../../doors/cli/policy-folder.ts'
import { BANK } from '../../../test/support/bank-system.ts'
import { join } from 'node:path'
import { replayPolicies } from './replay-policies.ts'
import type { ReplayReport } from './report.ts'

async function replay(
  bank: Bank,
  change: (policies: Record<string, string>) => void,
  more: { readonly sinceMs?: number; readonly limit?: number; readonly skip?: number } = {},
): Promise<ReplayReport> {
  const policies = { ...(await readPolicyFolder(join(BANK, 'policies'))) }
  change(policies)
  const evidence = await openDirectoryEvidence(bank.dir, null)
  try {
    const options = { policies, sinceMs: 0, limit: 50, skip: 0, ...more }
    return await replayPolicies(evidence, options, () => {}, NEVER)
  } finally {
    evidence.close()
  }
}
const add = (text: string) => (policies: Record<string, string>) => {
  policies['more.cedar'] = text
}

async function history(t: TestContext): Promise<Bank> {
  const bank = await openBank(t)
  await someOfEverything(bank)
  await bank.close()
  return bank
}

test('under the policies that there were nothing flips, and a rule more flips exactly what it forbids', async (t) => {
  const bank = await history(t)
  // The first policy set of this history: what the second forbade would have happened.
  const same = await replay(bank, () => {})
  assert.deepEqual(
    same.flips.map(({ action, was, would, change }) => [action, was.verdict, would.verdict, change.kind]),
    [['deposit', 'denied', 'admitted', 'would-have-happened']],
  )
  assert.deepEqual(same.flips[0]?.was.rules, ['nothing-above-ten-thousand'])
  assert.deepEqual(same.flips[0]?.would.rules, ['agents-work'])
  assert.deepEqual(same.streams, [{ stream: 'account/a', missing: 0, besides: 1, without: [], predictable: false }])

  const none = await replay(
    bank,
    add('@id("no-transfers") forbid (principal, action == Action::"transfer", resource);'),
  )
  const transfer = none.flips.find(({ action }) => action === 'transfer')
  assert.deepEqual(
    [transfer?.was.verdict, transfer?.would.verdict, transfer?.would.rules],
    ['admitted', 'denied', ['no-transfers']],
  )
  assert.equal(transfer?.change.kind, 'would-not-have-happened')
  assert.deepEqual(transfer?.change.streams, ['account/a', 'account/b/1'])
  assert.equal(transfer?.predictable, true)
  assert.equal(none.flips.length, 2)
  // The deposit that follows reads an account that would be different: what it would have been is not known.
  const after = none.flips.find(({ action }) => action === 'deposit')
  assert.equal(after?.predictable, false)
  assert.ok(none.ends.some(({ because, operation }) => because === 'read-what-would-differ' && operation !== null))
  assert.deepEqual(
    none.streams.map(({ stream, missing }) => [stream, missing]),
    [
      ['account/a', 1],
      ['account/b/1', 1],
    ],
  )
})

test('behind the first flip of a run nothing is passed off as known', async (t) => {
  const bank = await openBank(t)
  for (const account of ['a', 'b']) await bank.do('open_account', { account, owner: 'ann' })
  for (const run of ['r1', 'r2']) {
    await bank.do('deposit', { account: run === 'r1' ? 'a' : 'b', amount: 5 }, { run })
    await bank.do('deposit', { account: run === 'r1' ? 'a' : 'b', amount: 50 }, { run })
    await bank.do('open_account', { account: `own-${run}`, owner: run }, { run })
  }
  await bank.close()
  const rule =
    '@id("small") forbid (principal, action == Action::"deposit", resource) when { context.input.amount > 10 };'
  const report = await replay(bank, add(rule))
  assert.deepEqual(
    report.flips.map(({ run, predictable }) => [run, predictable]),
    [
      ['r1', true],
      ['r2', true],
    ],
  )
  assert.deepEqual([report.flipped, report.certain], [2, 2])
  assert.deepEqual(
    report.ends.map(({ run, because, after }) => [run, because, after]),
    [
      ['r1', 'first-flip-of-its-run', 1],
      ['r2', 'first-flip-of-its-run', 1],
    ],
  )
  const all = await replay(
    bank,
    add('@id("none") forbid (principal, action in [Action::"deposit", Action::"open_account"], resource);'),
  )
  assert.equal(all.flipped, 8)
  assert.deepEqual(
    all.flips.map(({ predictable }) => predictable),
    [true, true, false, false, false, false, false, false],
  )
})

test('held, then approved: it would not have been, or would have been done at once', async (t) => {
  const bank = await history(t)
  const flat = await replay(bank, add('@id("flat-no") forbid (principal, action == Action::"withdraw", resource);'))
  const flips = flat.flips.filter(({ action }) => action === 'withdraw')
  assert.deepEqual(
    flips.map(({ was, would }) => [was.verdict, would.verdict]),
    [
      ['admitted', 'denied'],
      ['held', 'denied'],
      ['held', 'denied'],
      ['held', 'denied'],
    ],
  )
  const open = await replay(bank, (policies) => {
    policies['bank.cedar'] = (policies['bank.cedar'] ?? '').replace('> 100000 &&', '> 90000000 &&')
  })
  const waited = open.flips.filter(({ was }) => was.verdict === 'held')
  assert.equal(waited.length, 3)
  assert.ok(waited.every(({ would }) => would.verdict === 'admitted'))
})

test('out of scope, a window of time, and pages', async (t) => {
  const bank = await history(t)
  const scoped = await replay(bank, (policies) => {
    policies['scope/more.cedar'] = '@id("no-reading") forbid (principal, action == Action::"balance_of", resource);'
  })
  assert.deepEqual(
    scoped.flips.filter(({ action }) => action === 'balance_of').map(({ would }) => [would.verdict, would.rules]),
    [['out-of-scope', ['no-reading']]],
  )
  const nothing = add('@id("nothing") forbid (principal, action, resource);')
  const all = await replay(bank, nothing)
  assert.ok(all.flipped > 15 && all.next === null)
  const pages = []
  for (let skip = 0, next: string | null = ''; next !== null; skip = Number(next)) {
    const page: ReplayReport = await replay(bank, nothing, { limit: 6, skip })
    pages.push(...page.flips)
    next = page.next
  }
  assert.deepEqual(pages, all.flips)
  assert.equal((await replay(bank, nothing, { sinceMs: Date.now() + 1_000 })).verdicts, 0)
})
