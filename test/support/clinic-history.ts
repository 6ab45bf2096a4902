/** What is said of two patients of the clinic, in every way that something is written down; and erasing one of them. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { NEVER, type Bank } from './bank-system.ts'
import type { OperationId } from '../../src/model/ids.ts'

export const CLINIC = fileURLToPath(new URL('./clinic/', import.meta.url))

/** What must not be found: everything personal that is ever said of Ann. */
export const ANN = {
  patient: 'p-1',
  name: 'Annabel Quillfeather',
  email: 'annabel@quillfeather.example',
  phone: '+49 30 5550199',
  town: 'Berlin',
}
export const SECRETS = [
  ...['Annabel', 'Quillfeather', 'annabel@quillfeather.example', '+49 30 5550199'],
  ...['Zephyrine Oddfellow', 'a rash that itches in the evening', 'an ulcer, dear colleague', 'forbidden to say: gout'],
]
export const BOB = {
  patient: 'p-2',
  name: 'Bob Marrowbone',
  email: 'bob@marrowbone.example',
  phone: '030 1',
  town: 'Berlin',
}

/** Something of everything: commits, refusals, denials, reads, a held operation that goes on, one that waits. */
export async function history(clinic: Bank): Promise<{ readonly visit: OperationId; readonly held: OperationId }> {
  assert.equal((await clinic.do('register', ANN, { key: 'register-ann' })).kind, 'committed')
  assert.equal((await clinic.do('register', BOB)).kind, 'committed')
  assert.equal((await clinic.do('rename', { patient: 'p-1', name: 'Zephyrine Oddfellow' })).kind, 'committed')
  assert.equal((await clinic.do('rename', { patient: 'p-1', name: 'Zephyrine Oddfellow' })).kind, 'refused')
  const note = { visit: 'v-1', patient: 'p-1', note: 'a rash that itches in the evening', cost: 10 }
  const visit = await clinic.do('note_visit', note)
  assert.equal(visit.kind, 'committed', JSON.stringify(visit))
  const denied = await clinic.do('note_visit', { ...note, visit: 'v-2', note: 'forbidden to say: gout' })
  assert.equal(denied.kind, 'denied')
  const held = await clinic.do('note_visit', { ...note, visit: 'v-3', note: 'an ulcer, dear colleague', cost: 5_000 })
  assert.equal(held.kind, 'held')
  await clinic.do('note_visit', { visit: 'v-9', patient: 'p-2', note: 'a broken finger of Bob', cost: 3 })
  assert.equal((await clinic.ask('find_patient', { email: ANN.email })).kind, 'answered')
  assert.equal((await clinic.ask('find_patient', { email: 'nobody@quillfeather.example' })).kind, 'refused')
  assert.equal((await clinic.do('register', { ...ANN, patient: 'p-3', name: '!Annabel Quillfeather' })).kind, 'refused')
  await clinic.ask('greet', { patient: 'p-1' })
  await clinic.ask('visits', { patient: 'p-1' })
  await clinic.engine.state(clinic.operator, 'patient', 'p-1', null, NEVER)
  return { visit: visit.operation, held: held.operation }
}

/** What is asked for wherever it is asked under one key: asked again, it is the same erasure. */
export const ERASURE = { reason: 'asked for by letter', basis: 'GDPR Art. 17(1)(b)' } as const

export const erase = (clinic: Bank, subject = 'patient/p-1', key = 'erase-1', tenant: string | null = null) =>
  clinic.engine.erase(clinic.operator, { subject, tenant, ...ERASURE, idempotencyKey: key }, NEVER)
