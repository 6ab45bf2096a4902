/** What an agent has never done, or never so much of, waits for a person: policies over its own history, as docs/operating/breakers.md shows them. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { changeAuthority, withPolicies } from '../../../test/support/authority.ts'
import { decideHeld } from '../../../test/support/bank-history.ts'
import { openBank } from '../../../test/support/bank-system.ts'
import type { ApprovalId } from '../../model/ids.ts'

const PAGE = new URL('../../../docs/operating/breakers.md', import.meta.url)

/** The code block behind a heading of the page. */
async function shown(language: string, after: string): Promise<string> {
  const page = await readFile(PAGE, 'utf8')
  const [, block] = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page.slice(page.indexOf(after))) ?? []
  assert.ok(block !== undefined, `${PAGE.pathname} shows no ${language} behind ${after}`)
  return block
}

test('a first use, and an amount far beyond its own history, are held; what an approval lets through counts as history', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 100_000 })
  const novelty = {
    'limits.json': await shown('json', '## Novelty'),
    'novelty.cedar': await shown('cedar', '## Novelty'),
  }
  await changeAuthority(bank, await withPolicies(bank.dir, novelty))
  const withdraw = (amount: number) => bank.do('withdraw', { account: 'a', amount })
  const first = await withdraw(100)
  assert.deepEqual(first.kind === 'held' && first.rules, ['first-use'])
  const approved = await decideHeld(bank, (first.kind === 'held' ? first.approval : '') as ApprovalId, 'approve')
  assert.equal(approved.kind, 'committed')
  for (const amount of [100, 400]) assert.equal((await withdraw(amount)).kind, 'committed')
  const beyond = await withdraw(1_001) // its three withdrawals have a mean of 200
  assert.deepEqual(beyond.kind === 'held' && beyond.rules, ['beyond-its-own-history'])
  assert.equal((await withdraw(1_000)).kind, 'committed')
})
