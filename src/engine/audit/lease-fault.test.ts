/** A runtime that goes on under an old snapshot, and keeps the newer ones out of its log, is found where the snapshots are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeAuthority } from '../../../test/support/authority.ts'
import { NEVER, openBank } from '../../../test/support/bank-system.ts'
import { openDirectoryEvidence } from '../../main/evidence-directory.ts'
import { auditAdmissions } from './audit-admissions.ts'
import type { Evidence } from './evidence.ts'

test('what was admitted under a snapshot whose lease must have been over is named', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await changeAuthority(bank, { change: 'set-may-act-for', principal: 'front-door', mayActFor: ['*'] })
  const last = await bank.do('open_account', { account: 'b', owner: 'bob' })
  assert.equal(last.kind, 'committed')
  await bank.close()
  const auditWith = async (leaseMs: number | null, publishedAtMs: number) => {
    const evidence = await openDirectoryEvidence(bank.dir, null)
    try {
      const told: Evidence = Object.assign(Object.create(evidence) as Evidence, {
        snapshot: async (number: number) => {
          const found = await evidence.snapshot(number)
          if (found.kind !== 'found') return found
          return { ...found, snapshot: { ...found.snapshot, leaseMs, createdAtMs: publishedAtMs } }
        },
      })
      return (await auditAdmissions(told, () => {}, NEVER)).disagreed
    } finally {
      await evidence.close()
    }
  }
  const nowMs = Date.now()
  assert.deepEqual(await auditWith(60_000, nowMs), [])
  assert.deepEqual(await auditWith(null, 0), [])
  const found = await auditWith(60_000, nowMs - 3_600_000)
  // Nothing follows the last snapshot, and it may be acted on.
  assert.deepEqual(
    found.map(({ action, why }) => [action, /snapshot 1 had been replaced, and its lease was over/.test(why)]),
    [['open_account', true]],
  )
})
