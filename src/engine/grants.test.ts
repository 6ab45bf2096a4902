/** Standing grants: approval in advance, for exactly what they say, as often and as long as they say, and only where the rule lets them. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { bankPolicies } from '../../test/support/bank-policies.ts'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { verifyBytes } from '../../test/vectors/bundle/forge.ts'
import { parseKey, type Report } from '../../verifier/verify.ts'
import { toolHash } from './approval-binding.ts'
import type { GrantView } from './engine.ts'
import { audit } from '../main/audit.ts'
import { exportLog } from '../main/export-log.ts'
import type { ApprovalGrant } from '../model/approval-grant.ts'
import type { PrincipalId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import { signGrant } from '../warden/approval-decision.ts'

const NOON = Date.UTC(2026, 5, 1, 12)
let numbers = 0

async function opened(t: TestContext, cedar = '') {
  const time = { nowMs: NOON }
  const clock = { nowMs: () => time.nowMs, monotonicUs: () => performance.now() * 1000 }
  const bank = await openBank(t, { clock, policies: await bankPolicies(t, { 'more.cedar': cedar }) })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('open_account', { account: 'b', owner: 'bob' })
  await bank.do('deposit', { account: 'a', amount: 90_000_000 })
  await bank.do('deposit', { account: 'b', amount: 90_000_000 })
  return { bank, time }
}
const grantOf = (bank: Bank, change: Partial<ApprovalGrant> = {}): ApprovalGrant => ({
  format: 1,
  verdict: 'grant',
  grant: `grt_${String.fromCharCode(97 + ++numbers).padStart(26, 'a')}`,
  by: 'operator' as PrincipalId,
  to: 'agent' as PrincipalId,
  command: 'withdraw',
  tool: toolHash(bank.engine.manifest, 'withdraw'),
  where: { 'input.account': { is: 'a' }, 'facts.amount': { atMost: 500_000 } },
  usesMax: 2,
  sum: null,
  expiresAtMs: NOON + 3_600_000,
  reason: 'pays rent on the first',
  decidedAtMs: NOON,
  ...change,
})
async function give(bank: Bank, change: Partial<ApprovalGrant> = {}): Promise<Outcome> {
  const { decision, signature } = signGrant(grantOf(bank, change), bank.credentials.operator.approvalKey as string)
  return bank.engine.giveGrant(bank.operator, decision, signature, NEVER)
}
const withdraw = async (bank: Bank, amount: number, account = 'a'): Promise<string> =>
  (await bank.do('withdraw', { account, amount })).kind

test('B7: a grant lets through what it covers, so many times, and the rest waits as before', async (t) => {
  const { bank } = await opened(t)
  assert.equal((await give(bank)).kind, 'committed')
  assert.equal(await withdraw(bank, 200_000, 'b'), 'held') // another account
  assert.equal(await withdraw(bank, 500_001), 'held') // more than it says
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => withdraw(bank, 200_000)))
  assert.deepEqual(outcomes.toSorted(), ['committed', 'committed', 'held', 'held', 'held', 'held'])
  const { items } = await bank.engine.operations(
    bank.operator,
    { action: 'withdraw', state: 'committed' },
    { after: null, limit: 10 },
    NEVER,
  )
  const why = await bank.engine.why(bank.operator, items[0]?.operation as never, NEVER)
  const allowed = why.lines.find(({ label }) => label === 'why allowed')?.value as { approvals: { approval: string }[] }
  assert.match(allowed.approvals[0]?.approval ?? '', /^grt_/)
  const report = await bank.engine.verify(() => {}, NEVER)
  assert.equal(report.verdict, 'valid', JSON.stringify(report.findings))
  await bank.close()
  const audited = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(audited.disagreed, [])
  assert.deepEqual(await foundInBundle(t, bank), [])
})

test('a grant with a sum ends where the sum does, and one with an end ends then', async (t) => {
  const { bank, time } = await opened(t)
  await give(bank, { usesMax: 10, sum: { path: 'facts.amount', max: 500_000 } })
  assert.equal(await withdraw(bank, 300_000), 'committed')
  assert.equal(await withdraw(bank, 200_001), 'held')
  assert.equal(await withdraw(bank, 200_000), 'committed')
  assert.equal(await withdraw(bank, 100_001), 'held')
  await give(bank)
  time.nowMs += 3_600_000
  assert.equal(await withdraw(bank, 200_000), 'held')
})

test('policy can forbid grants: for a rule, and altogether', async (t) => {
  const never = `@id("person-each-time") @hold("cashier") @grants("never") forbid (principal, action == Action::"transfer", resource)
    unless { context.approvals.contains("cashier") };
    @id("no-big-grants") forbid (principal, action == Action::"plinth.approve", resource)
    when { context.input has action && context.input.action == "x" };`
  const { bank } = await opened(t, never)
  await give(bank, { command: 'transfer', tool: toolHash(bank.engine.manifest, 'transfer'), where: {} })
  assert.equal((await bank.do('transfer', { from: 'a', to: 'b', amount: 1 })).kind, 'held')
  const forbids = `@id("no-grants") forbid (principal, action == Action::"plinth.approve", resource)
    when { context.input has verdict && context.input.verdict == "grant" };`
  const { bank: strict } = await opened(t, forbids)
  const refused = await give(strict)
  assert.ok(refused.kind === 'denied' && refused.rules.includes('no-grants'), JSON.stringify(refused))
  assert.equal(await withdraw(strict, 200_000), 'held')
})

test('nobody grants to themselves, to what they own, or what their key has not signed', async (t) => {
  const { bank } = await opened(t)
  const { decision, signature } = signGrant(grantOf(bank), bank.credentials.operator.approvalKey as string)
  const hand = (text: string, as = bank.operator) => bank.engine.giveGrant(as, text, signature, NEVER)
  await assert.rejects(hand(decision.replace('500000', '900000')), { code: 'approval-invalid' })
  await assert.rejects(hand(decision, bank.agent), { code: 'approval-invalid' })
  await assert.rejects(give(bank, { to: 'operator' as PrincipalId }), { code: 'approval-invalid' })
  await assert.rejects(give(bank, { tool: '0'.repeat(64) as never }), { code: 'approval-invalid' })
  await assert.rejects(give(bank, { expiresAtMs: NOON + 31 * 86_400_000 }), { code: 'approval-invalid' })
  assert.equal(await withdraw(bank, 200_000), 'held')
})

test('grants are listed with what became of them; one that is taken back lets nothing through, and a race with it has one end', async (t) => {
  const { bank, time } = await opened(t)
  for (const change of [{}, { usesMax: 1, where: { 'input.account': { is: 'b' } } }, { expiresAtMs: NOON + 1_000 }])
    await give(bank, change)
  await give(bank, { command: 'transfer', tool: toolHash(bank.engine.manifest, 'transfer'), where: {} })
  assert.equal(await withdraw(bank, 200_000, 'b'), 'committed')
  time.nowMs += 2_000
  const list = async (filter: Parameters<typeof bank.engine.grants>[1] = {}, limit = 100) => {
    const found: GrantView[] = []
    for (let after: string | null = null; ;) {
      const page = await bank.engine.grants(bank.operator, filter, { after, limit }, NEVER)
      assert.ok(page.items.length <= limit)
      found.push(...page.items)
      if ((after = page.next) === null) return found
    }
  }
  const all = await list()
  assert.deepEqual(
    all.map(({ command, standing, uses }) => [command, standing, uses]),
    [
      ['transfer', 'open', 0],
      ['withdraw', 'open', 0],
      ['withdraw', 'used-up', 1],
      ['withdraw', 'expired', 0],
    ],
  )
  assert.deepEqual(await list({}, 1), all)
  assert.deepEqual((await list({ standing: 'open' })).length, 2)
  assert.deepEqual(await list({ to: 'nobody' }), [])

  const open = all.find(({ command, standing }) => command === 'withdraw' && standing === 'open') as GrantView
  const back = (grant: string, as = bank.operator) =>
    bank.engine.withdrawGrant(as, { grant, reason: 'moved out' }, NEVER)
  await assert.rejects(back(open.grant, bank.agent), { code: 'forbidden' })
  await assert.rejects(back('grt_none'), { code: 'no-such-grant' })
  const raced = await Promise.all([back(open.grant), withdraw(bank, 200_000), withdraw(bank, 200_000)])
  assert.equal(raced[0].kind, 'committed')
  assert.equal(await withdraw(bank, 200_000), 'held')
  const [after] = await list({ standing: 'withdrawn' })
  assert.equal(after?.uses, raced.filter((one) => one === 'committed').length)
  assert.deepEqual(after?.withdrawn, { by: 'operator', reason: 'moved out' })
  assert.equal((await back(open.grant)).replayed, true)
  await assert.rejects(bank.engine.grants(bank.agent, {}, { after: null, limit: 10 }, NEVER), { code: 'forbidden' })
  await bank.close()
  const audited = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(audited.disagreed, [])
  assert.deepEqual(await foundInBundle(t, bank), [])
})

/** What the stand-alone verifier finds wrong. */
async function foundInBundle(t: TestContext, bank: Bank): Promise<Report['findings']> {
  const file = join(await temporaryDirectory(t), 'log.tar')
  await exportLog(bank.dir, file, 'bundle', null)
  const logs = [parseKey((await readFile(join(bank.dir, 'log.vkey'), 'utf8')).trim())]
  return verifyBytes(await readFile(file), { logs, policy: null, heads: [] }).findings
}
