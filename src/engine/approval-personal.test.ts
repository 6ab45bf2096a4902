/** What an approver is shown of a person is not kept in the clear: an erasure reaches it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideAsOperator } from '../../test/support/approve.ts'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { CLINIC, erase, history, SECRETS } from '../../test/support/clinic-history.ts'
import { textsFound } from '../../test/support/search-files.ts'
import { approvalId } from '../model/ids.ts'

test('the card of an approval is on record as its hash, and nothing personal of it is found in any file', async (t) => {
  const clinic = await openBank(t, { application: CLINIC })
  const { held } = await history(clinic)
  const approval = approvalId(held, 1)
  const outcome = await decideAsOperator(clinic, approval)
  assert.equal(outcome.kind, 'committed', JSON.stringify(outcome))
  await erase(clinic)
  const { items } = await clinic.engine.records(clinic.operator, 0, 200, NEVER)
  const decided = items.find(({ line, payload }) => line.includes(approval) && payload?.includes('"shown"') === true)
  const [shown] = (
    JSON.parse(decided?.payload ?? '{}') as { shown: { hash: string; card: null; isRendered: boolean }[] }
  ).shown
  assert.match(shown?.hash ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual([shown?.card, shown?.isRendered], [null, true])
  await clinic.close()
  assert.deepEqual(textsFound(clinic.dir, SECRETS), [])
})
