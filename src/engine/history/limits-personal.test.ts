/** Limits over records that are sealed because somebody's data is in them: counted as any other, while running, after a restart, and by an audit. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { applyPolicies, bankPolicies, limits } from '../../../test/support/bank-policies.ts'
import { NEVER, openBank, type Bank } from '../../../test/support/bank-system.ts'
import { ANN, BOB, CLINIC as application, erase } from '../../../test/support/clinic-history.ts'
import { audit } from '../../main/audit.ts'
import type { Json } from '../../model/json.ts'
import type { Outcome } from '../../model/operation.ts'

const NOON = Date.UTC(2026, 5, 1, 12)
const clock = { nowMs: () => NOON, monotonicUs: () => performance.now() * 1000 }
const VISITS = { of: ['note_visit'], per: ['principal'], window: { fixed: '1d' } } as const
const PAID: Json = { paid: { ...VISITS, sum: 'input.cost', max: 100 } }

async function clinicWith(t: TestContext, entries: Json): Promise<Bank> {
  const policies = await bankPolicies(t, limits(entries), application)
  const clinic = await openBank(t, { application, policies, clock })
  assert.equal((await clinic.do('register', ANN)).kind, 'committed')
  return clinic
}
let visits = 0
const visit = (clinic: Bank, cost: number): Promise<Outcome> =>
  clinic.do('note_visit', { visit: `v-${++visits}`, patient: 'p-1', note: 'a rash', cost })
const count = (outcomes: readonly Outcome[]): number => outcomes.filter(({ kind }) => kind === 'committed').length

test('a sum over sealed input is enforced in the commit, after a restart, and after the erasure of whom it is about', async (t) => {
  const clinic = await clinicWith(t, PAID)
  assert.equal(count(await Promise.all(Array.from({ length: 12 }, () => visit(clinic, 20)))), 5)
  const again = await clinic.again()
  assert.equal((await visit(again, 1)).kind, 'denied')
  const audited = await audit({ dir: again.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(audited.disagreed, [], 'it counts the same')
  assert.ok(audited.agreed > 5)
  assert.equal((await erase(again)).answer.kind, 'committed')
  const after = await again.again()
  await after.do('register', BOB)
  const other = await after.do('note_visit', { visit: 'v-other', patient: 'p-2', note: 'well', cost: 1 })
  assert.equal(other.kind, 'denied')
  const report = await after.engine.verify(() => {}, NEVER)
  assert.deepEqual(report.findings, [])
})

test('a counter for each entity is one also where the record is sealed', async (t) => {
  const clinic = await clinicWith(t, { renames: { of: ['rename'], per: ['entity'], window: { fixed: '1d' }, max: 2 } })
  await clinic.do('register', BOB)
  const rename = (system: Bank, patient: string, name: string) => system.do('rename', { patient, name })
  assert.equal((await rename(clinic, 'p-1', 'A')).kind, 'committed')
  assert.equal((await rename(clinic, 'p-1', 'B')).kind, 'committed')
  const again = await clinic.again()
  assert.equal((await rename(again, 'p-1', 'C')).kind, 'denied')
  assert.equal((await rename(again, 'p-2', 'C')).kind, 'committed')
})

test('a limit that is new counts what is sealed; what was erased before it came is unknown, and denied until it is out of the window', async (t) => {
  const clinic = await clinicWith(t, { visits: { ...VISITS, max: 100 } })
  await clinic.do('register', BOB)
  assert.equal((await visit(clinic, 90)).kind, 'committed')
  await applyPolicies(clinic, await bankPolicies(t, limits(PAID), application))
  assert.equal((await visit(clinic, 20)).kind, 'denied')
  assert.equal((await visit(clinic, 10)).kind, 'committed')
  assert.equal((await erase(clinic)).answer.kind, 'committed')
  const other = await bankPolicies(t, limits({ more: { ...VISITS, sum: 'facts.cost', max: 1_000 } }), application)
  await applyPolicies(clinic, other)
  const visited = await clinic.do('note_visit', { visit: 'v-other', patient: 'p-2', note: 'well', cost: 1 })
  assert.equal(visited.kind, 'denied')
})
