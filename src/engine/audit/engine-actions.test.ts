/** What an action may write: as it was written in a real log nothing is wrong, and each way of writing something else is named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { someOfEverything } from '../../../test/support/bank-history.ts'
import { NEVER, openBank } from '../../../test/support/bank-system.ts'
import { openDirectoryEvidence } from '../../main/evidence-directory.ts'
import type { StreamId } from '../../model/ids.ts'
import type { JsonObject } from '../../model/json.ts'
import { principalUnder } from './derive.ts'
import { writtenFault } from './engine-actions.ts'
import { Standing } from './standing.ts'
import { transactionsOf, type AuditedEvent, type Transaction } from './transactions.ts'

type Written = Parameters<typeof writtenFault>[0]

const streamed = (event: AuditedEvent, stream: string): AuditedEvent => ({
  ...event,
  record: { ...event.record, stream: stream as StreamId },
})
const withData = (event: AuditedEvent, data: object): AuditedEvent => ({
  ...event,
  data: { ...event.data, ...data } as AuditedEvent['data'],
})
type Lie = readonly [change: (events: readonly AuditedEvent[]) => readonly AuditedEvent[], why: RegExp]

const LIES: Readonly<Record<string, readonly Lie[]>> = {
  'plinth.attest': [
    [([event]) => [withData(event!, { customer: 'somebody else' })], /not what was stated/],
    [([event]) => [streamed(event!, 'plinth.run/other')], /not what was stated/],
    [(events) => [...events, ...events], /not what was stated/],
  ],
  'plinth.approve': [
    [([event]) => [streamed(event!, 'plinth.approval/apr_other')], /another approval request/],
    [([event]) => [withData(event!, { approvedBy: [{ by: 'agent', role: 'cashier' }] })], /could not approve/],
    [([event]) => [withData(event!, { approvedBy: [{ by: 'operator', role: 'made-up' }] })], /could not approve/],
    [([event]) => [withData(event!, { approvedBy: [], state: 'approved' })], /before everybody had approved/],
  ],
  'plinth.import': [[([event]) => [streamed(event!, 'other/1')], /may not append to `other\/1`/]],
  transfer: [
    [([event]) => [streamed(event!, 'other/1')], /may not append/],
    [([event]) => [streamed(event!, 'plinth.authority/snapshots')], /may not append/],
    [([event]) => [streamed(event!, 'plinth.approval/apr_other')], /may not append/],
  ],
}

test('each action writes what it may, and nothing else', async (t) => {
  const bank = await openBank(t)
  await someOfEverything(bank)
  await bank.close()
  const evidence = await openDirectoryEvidence(bank.dir, null)
  t.after(() => evidence.close())
  const standing = new Standing()
  const tried = new Map<string, number>()
  for await (const transaction of transactionsOf(evidence, NEVER)) {
    const { record, payload } = transaction
    if (record !== null && payload !== null && record.chain.length > 0 && record.state === 'committed') {
      const found = await evidence.snapshot(payload.authority?.snapshot ?? 1)
      assert.ok(found.kind === 'found')
      const principal = principalUnder(found.snapshot, record)
      const faultOf = (events: Transaction['events']): string | null => {
        const written = { ...transaction, events } as Written
        return writtenFault(written, principal, bank.release.manifest, found.snapshot, standing)
      }
      assert.equal(faultOf(transaction.events), null, record.action)
      if (record.action === 'plinth.approve')
        for (const lie of [
          { action: 'open_account' },
          { verdict: 'refuse' === (payload.input as JsonObject)['verdict'] ? 'approve' : 'refuse' },
        ]) {
          const input = { ...(payload.input as JsonObject), ...lie }
          const asked = { ...transaction, payload: { ...payload, input } } as unknown as Written
          const fault = writtenFault(asked, principal, bank.release.manifest, found.snapshot, standing)
          assert.match(fault ?? '', /policy was asked about another|is not its approver’s/, JSON.stringify(lie))
        }
      const refuses = record.action === 'plinth.approve' && transaction.events[0]?.record.type === 'refused'
      for (const [change, why] of refuses ? [] : (LIES[record.action] ?? [])) {
        assert.match(faultOf(change(transaction.events)) ?? '', why, record.action)
        tried.set(record.action, (tried.get(record.action) ?? 0) + 1)
      }
    }
    standing.after(transaction)
  }
  assert.deepEqual([...tried.keys()].sort(), Object.keys(LIES).sort())
})
