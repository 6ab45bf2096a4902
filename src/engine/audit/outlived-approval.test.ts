/** A runtime that goes on with an approval that is over, or whose approver is gone, is found by the audit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { someOfEverything } from '../../../test/support/bank-history.ts'
import { NEVER, openBank } from '../../../test/support/bank-system.ts'
import { openDirectoryEvidence } from '../../main/evidence-directory.ts'
import type { AuthoritySnapshot, PrincipalEntry } from '../../warden/authority.ts'
import { approverFault } from './approver-fault.ts'
import { principalUnder, questionOf } from './derive.ts'
import { Mismatch } from './mismatch.ts'
import { Standing } from './standing.ts'
import { transactionsOf } from './transactions.ts'

type Approver = (entry: PrincipalEntry) => Partial<PrincipalEntry>
const LIES: Readonly<Record<string, Approver>> = {
  revoked: () => ({ revoked: true }),
  'revoked and reinstated': ({ epoch }) => ({ epoch: epoch + 2 }),
  'of another role': () => ({ roles: ['operator'] }),
  'an agent': () => ({ kind: 'agent' }),
}

test('what went on after its approval had ended, or its approver had, is named', async (t) => {
  const bank = await openBank(t)
  await someOfEverything(bank)
  await bank.close()
  const evidence = await openDirectoryEvidence(bank.dir, null)
  t.after(() => evidence.close())
  const standing = new Standing()
  let approved = 0
  for await (const transaction of transactionsOf(evidence, NEVER)) {
    const { record, payload } = transaction
    const waiting = record === null ? null : standing.waiting(record.op)
    if (record?.state === 'committed' && payload !== null && waiting !== null) {
      const found = await evidence.snapshot(payload.authority?.snapshot ?? 1)
      assert.ok(found.kind === 'found')
      const { snapshot } = found
      const principal = principalUnder(snapshot, record)
      const ask = () =>
        questionOf({ ...transaction, record, payload }, principal, bank.release.manifest, standing, null)
      const { approvals } = ask().asked
      approved += approvals.length
      assert.equal(approverFault(record, approvals, snapshot, standing), null)
      for (const [how, lie] of Object.entries(LIES)) {
        const principals = snapshot.principals.map((one) =>
          one.id === approvals[0]?.by ? { ...one, ...lie(one) } : one,
        )
        const then: AuthoritySnapshot = { ...snapshot, principals }
        assert.match(approverFault(record, approvals, then, standing) ?? '', /could not approve/, how)
      }
      t.mock.method(standing, 'waiting', () => ({
        ...waiting,
        approval: { ...waiting.approval, expiresAtMs: record.t - 31_000 },
      }))
      assert.throws(ask, (error: unknown) => error instanceof Mismatch && error.message.includes('expired'))
      t.mock.restoreAll()
    }
    standing.after(transaction)
  }
  assert.ok(approved > 0)
})
