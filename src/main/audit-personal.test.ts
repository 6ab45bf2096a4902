/** An audit of admissions opens what is sealed where the keys are, and counts what is erased as not checked. */
import assert from 'node:assert/strict'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { audit } from './audit.ts'
import { NEVER, openBank, temporaryDirectory } from '../../test/support/bank-system.ts'
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

test('keys that lie elsewhere, or cannot be used, are named, and how many records stay sealed without them', async (t) => {
  const keys = join(await temporaryDirectory(t), 'keys')
  const clinic = await openBank(t, { application })
  await history(clinic)
  await clinic.close()
  await mkdir(keys)
  const look = (subjectKeys: string | null = null) =>
    audit({ dir: clinic.dir, bundle: null, rootKey: null, subjectKeys, onProgress: () => {} }, NEVER)
  for (const file of ['subject-keys.db', 'subject-keys.key']) await rename(join(clinic.dir, file), join(keys, file))
  const without = await look()
  assert.deepEqual(without.disagreed, [])
  assert.match(
    without.notChecked.join('\n'),
    /\d+ records stay sealed: there are no keys of data subjects in `.*data`.*`--subject-keys`/,
  )
  const elsewhere = await look(keys)
  assert.equal(elsewhere.agreed, elsewhere.admissions)
  assert.doesNotMatch(elsewhere.notChecked.join('\n'), /stay sealed/)
  await rm(join(keys, 'subject-keys.key'))
  assert.match((await look(keys)).notChecked.join('\n'), /\d+ records stay sealed: .*subject-keys\.key/)
})
