import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { NEVER, openBank, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { writtenBeside } from '../../test/support/beside.ts'
import { ANN, BOB, CLINIC as application, erase, history, SECRETS } from '../../test/support/clinic-history.ts'
import { textsFound } from '../../test/support/search-files.ts'

/** Resolves when all that was refused, denied or read so far is on disk. */
async function flushed(clinic: Bank): Promise<void> {
  const last = await clinic.do('rename', { patient: 'nobody', name: 'No One' })
  assert.equal(last.kind, 'refused')
  await writtenBeside(clinic.dir, last.operation)
}

describe('erasing a data subject', () => {
  test('before: nothing personal is in any file, and everything reads as it was written', async (t) => {
    const clinic = await openBank(t, { application })
    const { visit } = await history(clinic)
    await flushed(clinic)
    assert.deepEqual(textsFound(clinic.dir, [...SECRETS, 'nobody@quillfeather.example', 'Bob Marrowbone']), [])
    const { state } = await clinic.engine.state(clinic.operator, 'patient', 'p-1', null, NEVER)
    assert.deepEqual(state, {
      name: 'Zephyrine Oddfellow',
      contact: { email: ANN.email, phone: ANN.phone },
      town: 'Berlin',
      visits: 1,
    })
    const reopened = await clinic.again()
    const read = await reopened.engine.state(reopened.operator, 'patient', 'p-1', null, NEVER)
    assert.deepEqual(read.state, state)
    const found = await reopened.ask('find_patient', { email: ANN.email })
    assert(found.kind === 'answered')
    assert.deepEqual(found.result, { patient: 'p-1', name: 'Zephyrine Oddfellow' })
    const why = await reopened.engine.why(reopened.operator, visit, NEVER)
    assert.match(JSON.stringify(why), /a rash that itches/)
    const report = await reopened.engine.verify(() => {}, NEVER)
    assert.deepEqual([report.verdict, report.findings], ['valid', []])
  })

  test('after: no byte is found, whatever is asked works, and says erased', async (t) => {
    const clinic = await openBank(t, { application })
    const { visit, held } = await history(clinic)
    const { answer } = await erase(clinic)
    assert(answer.kind === 'committed')
    assert.deepEqual(answer.result, { subject: 'patient/p-1', tenant: '', keys: 1, streams: 3 })
    for (const open of [() => clinic, () => clinic.again()]) {
      const system = await open()
      const asked = await system.engine.state(system.operator, 'patient', 'p-1', null, NEVER)
      assert.deepEqual(asked.state, {
        name: '[erased]',
        contact: { email: '[erased]', phone: '[erased]' },
        town: 'Berlin',
        visits: 1,
      })
      assert.deepEqual(asked.erasedBy, [answer.events[0]?.position])
      assert.equal((await system.ask('find_patient', { email: ANN.email })).kind, 'refused')
      const greeting = await system.ask('greet', { patient: 'p-1' })
      assert.deepEqual(greeting.kind === 'answered' && greeting.result, { name: '[erased]', visits: 1 })
      const notes = await system.ask('visits', { patient: 'p-1' })
      assert.deepEqual(notes.kind === 'answered' && notes.result, { notes: ['[erased]'] })
      const earlier = await system.ask('visits', { patient: 'p-1' }, { at: answer.position - 1 })
      assert.deepEqual(earlier.kind === 'answered' && earlier.result, { notes: ['[erased]'] })
      const bob = await system.ask('find_patient', { email: BOB.email })
      assert.deepEqual(bob.kind === 'answered' && bob.result, { patient: 'p-2', name: 'Bob Marrowbone' })
      const again = await system.do('register', ANN, { key: 'register-ann' })
      assert(again.kind === 'committed' && again.replayed)
      assert.deepEqual(again.result, { erased: answer.events[0]?.position })
      const why = await system.engine.why(system.operator, visit, NEVER)
      const input = why.lines.find(({ label }) => label === 'input')
      assert.equal(input?.kind, 'erased')
      assert.doesNotMatch(JSON.stringify(why), /rash/)
      assert.match(JSON.stringify(await system.engine.why(system.operator, held, NEVER)), /erased/)
      const report = await system.engine.verify(() => {}, NEVER)
      assert.deepEqual([report.verdict, report.findings], ['valid-with-erasures', []])
      await flushed(system)
      assert.deepEqual(textsFound(clinic.dir, SECRETS), [])
    }
  })

  test('what is done afterwards goes under another key, and is erased by another erasure', async (t) => {
    const clinic = await openBank(t, { application })
    await history(clinic)
    await erase(clinic)
    await assert.rejects(erase(clinic, 'patient/p-1', 'erase-2'), { code: 'no-such-subject' })
    assert.equal((await clinic.do('rename', { patient: 'p-1', name: 'Hortense Newname' })).kind, 'committed')
    const { state } = await clinic.engine.state(clinic.operator, 'patient', 'p-1', null, NEVER)
    assert.equal((state as { name: string }).name, 'Hortense Newname')
    assert.equal((await erase(clinic, 'patient/p-1', 'erase-3')).answer.kind, 'committed')
    assert.deepEqual(textsFound(clinic.dir, [...SECRETS, 'Hortense Newname']), [])
    assert.deepEqual((await clinic.engine.verify(() => {}, NEVER)).findings, [])
  })

  test('a data directory from a backup shows nothing that was erased; a key store from a backup is found out and emptied', async (t) => {
    const clinic = await openBank(t, { application })
    await history(clinic)
    await clinic.close()
    const backup = join(await temporaryDirectory(t), 'backup')
    await cp(clinic.dir, backup, { recursive: true })
    const problems: string[] = []
    const onProblem = (what: string) => void problems.push(what)
    const erased = await openBank(t, { application, dir: clinic.dir, onProblem })
    await erase(erased)
    await erased.close()
    // The data of before, with the keys of now.
    const restored = join(await temporaryDirectory(t), 'restored')
    await cp(backup, restored, { recursive: true })
    for (const file of ['subject-keys.db', 'subject-keys.key']) await cp(join(clinic.dir, file), join(restored, file))
    const old = await openBank(t, { application, dir: restored })
    const shown = await old.engine.state(old.operator, 'patient', 'p-1', null, NEVER)
    assert.equal((shown.state as { name: string }).name, '[erased]')
    assert.equal((await old.ask('find_patient', { email: ANN.email })).kind, 'refused')
    assert.deepEqual(textsFound(restored, SECRETS), [])
    await old.close()
    // The data of now, with the keys of before.
    await cp(join(backup, 'subject-keys.db'), join(clinic.dir, 'subject-keys.db'))
    const rolledBack = await openBank(t, { application, dir: clinic.dir, onProblem })
    assert.match(problems.join('\n'), /`patient\/p-1` was erased by record \d+, and its keys are here/)
    const seen = await rolledBack.engine.state(rolledBack.operator, 'patient', 'p-1', null, NEVER)
    assert.equal((seen.state as { name: string }).name, '[erased]')
  })
})
