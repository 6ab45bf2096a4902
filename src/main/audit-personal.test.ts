/** An audit of admissions opens what is sealed where the keys are, and counts what is erased as not checked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { audit } from './audit.ts'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { CLINIC as application, erase, history } from '../../test/support/clinic-history.ts'

test('admissions over personal data are derived again while the keys live, and counted when they are erased', async (t) => {
  const clinic = await openBank(t, { application })
  await history(clinic)
  const look = () => audit({ dir: clinic.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  const before = await look()
  assert.deepEqual(before.disagreed, [])
  assert.equal(before.agreed, before.admissions)
  await erase(clinic)
  const after = await look()
  assert.deepEqual(after.disagreed, [])
  assert.ok(after.agreed < after.admissions && after.agreed > 0)
  assert.ok(after.notChecked.some((what) => what.includes('sealed under the keys of data subjects, or erased')))
})
