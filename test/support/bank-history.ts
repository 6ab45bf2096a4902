/** A bank with some of everything in its log: what the audits of admissions, replays and reach look back on. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ApprovalId, PrincipalId, RunId } from '../../src/model/ids.ts'
import type { Outcome } from '../../src/model/operation.ts'
import { signApproval } from '../../src/warden/approval-decision.ts'
import { changeAuthority, withPolicies } from './authority.ts'
import { BANK, NEVER, type Bank } from './bank-system.ts'
import { writtenBeside } from './beside.ts'

export async function decideHeld(bank: Bank, approval: ApprovalId, verdict: 'approve' | 'refuse'): Promise<Outcome> {
  const { binds } = await bank.engine.approval(bank.operator, approval, NEVER)
  const by = 'operator' as PrincipalId
  const decision = { format: 1, approval, verdict, binds, by, reason: '', decidedAtMs: Date.now() } as const
  const signed = signApproval(decision, bank.credentials.operator.approvalKey as string)
  return bank.engine.decideApproval(bank.operator, signed.decision, signed.signature, NEVER)
}

/** Opened, paid in, paid out, held, approved, refused, denied, attested, imported, read, under two policy sets; all of it on disk. */
export async function someOfEverything(bank: Bank): Promise<void> {
  for (const account of ['a', 'b/1', 'ç "2"'])
    await bank.do('open_account', { account, owner: `owner of ${account}` }, { run: 'run-1' })
  for (const account of ['a', 'b/1']) await bank.do('deposit', { account, amount: 1_000_000 })
  await bank.engine.attest(bank.frontDoor, 'run-2' as RunId, { customer: 'owner of a' }, 'attest-1', NEVER)
  await bank.do('withdraw', { account: 'a', amount: 5 }, { run: 'run-2' })
  const denied = await bank.do('withdraw', { account: 'b/1', amount: 5 }, { run: 'run-2' })
  assert.equal(denied.kind, 'denied')
  for (const verdict of ['approve', 'refuse'] as const) {
    const held = await bank.do('withdraw', { account: 'a', amount: 200_000 }, { run: 'run-2' })
    assert.ok(held.kind === 'held', JSON.stringify(held))
    const ended = await decideHeld(bank, held.approval, verdict)
    assert.equal(ended.kind, verdict === 'approve' ? 'committed' : 'refused', JSON.stringify(ended))
  }
  await bank.do('transfer', { from: 'a', to: 'b/1', amount: 7 })
  await bank.ask('balance_of', { account: 'a' }, { run: 'run-2' })
  async function* records() {
    await Promise.resolve()
    for (let i = 0; i < 3; i++) yield { id: `old-${i}`, owner: 'ann', cents: i }
  }
  await bank.engine.importRecords(bank.operator, 'accounts', records(), () => {}, NEVER)
  const file = join(BANK, 'policies', 'bank.cedar')
  const stricter = `${await readFile(file, 'utf8')}\n@id("nothing-above-ten-thousand")\nforbid (principal, action == Action::"deposit", resource) when { context.input.amount > 10000 };\n`
  await changeAuthority(bank, await withPolicies(bank.dir, { 'bank.cedar': stricter }))
  const refused = await bank.do('deposit', { account: 'a', amount: 20_000 }, { run: 'run-3' })
  assert.equal(refused.kind, 'denied')
  await bank.do('deposit', { account: 'a', amount: 20 }, { run: 'run-3' })
  await bank.do('withdraw', { account: 'a', amount: 300_000 }, { run: 'run-3' }) // stays held
  await writtenBeside(bank.dir, refused.operation)
}
