/** `plinth policy replay` answers three questions: which verdicts flip, what state would then have been, and where the prediction ends. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { BANK, NEVER, openBank } from '../../test/support/bank-system.ts'
import { readPolicyFolder } from '../doors/cli/policy-folder.ts'
import { policyReplay } from './look-back.ts'

test('the state that would have been is folded without what would not have happened', async (t) => {
  const bank = await openBank(t)
  for (const account of ['a', 'b', 'c']) await bank.do('open_account', { account, owner: 'ann' })
  for (const amount of [3, 100]) await bank.do('deposit', { account: 'a', amount })
  await bank.do('deposit', { account: 'b', amount: 50 }, { run: 'talk' })
  await bank.do('withdraw', { account: 'b', amount: 20 }, { run: 'talk' }) // rests on what would be missing
  await bank.do('open_account', { account: 'late', owner: 'bob' })
  await bank.close()
  const files = {
    ...(await readPolicyFolder(join(BANK, 'policies'))),
    'new.cedar': `@id("small-only") forbid (principal, action == Action::"deposit", resource) when { context.input.amount > 10 };
      @id("not-bob") forbid (principal, action == Action::"open_account", resource) when { context.input.owner == "bob" };`,
  }
  const options = { dir: bank.dir, files, sinceMs: 0, limit: 50, skip: 0, onProgress: () => {} }
  const report = await policyReplay(options, NEVER)
  // 1. Which would flip.
  assert.deepEqual(
    report.flips.map(({ action, would }) => [action, would.rules]),
    [
      ['deposit', ['small-only']],
      ['deposit', ['small-only']],
      ['open_account', ['not-bob']],
    ],
  )
  // 2. What state would then have been.
  const of = (stream: string) => report.streams.find((one) => one.stream === stream)
  const balances = (stream: string) => {
    const states = of(stream)?.states as { now: { balance: number } | null; then: { balance: number } | null }
    return [states.now?.balance, states.then?.balance]
  }
  assert.deepEqual(balances('account/a'), [103, 3])
  assert.deepEqual(of('account/late')?.states?.then, null)
  assert.equal(of('account/c'), undefined)
  // 3. Where the prediction ends: what rests on what differs, and the rest of a run.
  assert.equal(of('account/b')?.predictable, false)
  assert.ok(
    report.ends.some(({ run, because, after }) => run === 'talk' && because === 'first-flip-of-its-run' && after === 1),
  )
  assert.deepEqual([of('account/a')?.predictable, of('account/late')?.predictable], [true, true])
})
