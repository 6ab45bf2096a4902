/** Erasing while others work, and killed at any point. */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { addPrincipalWithKey } from '../../test/support/authority.ts'
import { decideHeld } from '../../test/support/bank-history.ts'
import { NEVER, openBank, temporaryDirectory } from '../../test/support/bank-system.ts'
import { ANN, CLINIC as application, erase, history, SECRETS } from '../../test/support/clinic-history.ts'
import { textsFound } from '../../test/support/search-files.ts'

const PROGRAM = fileURLToPath(new URL('../../test/support/clinic-process.ts', import.meta.url))
const KILLED_AFTER_MS = (process.env['PLINTH_ERASURE_KILLS'] ?? '0 8 40').split(' ').map(Number)

describe('erasing while others work', () => {
  test('under load: every answer stands, and nothing of before is left', async (t) => {
    const clinic = await openBank(t, { application })
    await history(clinic)
    let stop = false
    const kinds = new Set<string>()
    const caller = async (place: number): Promise<void> => {
      for (let i = 0; !stop; i++) {
        const visit = `w-${place}-${i}`
        const done = await clinic.do('note_visit', { visit, patient: 'p-1', note: `note before of ${visit}`, cost: 1 })
        kinds.add(done.kind)
        await clinic.ask('greet', { patient: 'p-1' })
        await clinic.ask('visits', { patient: 'p-1' })
      }
    }
    const callers = Array.from({ length: 8 }, (_, place) => caller(place))
    await sleep(150)
    const { answer } = await erase(clinic)
    assert(answer.kind === 'committed')
    stop = true
    await Promise.all(callers)
    assert.deepEqual([...kinds], ['committed'])
    // What is said of the person after the erasure goes under a new key: what was said before it is gone, also where it landed just then.
    assert.deepEqual(textsFound(clinic.dir, SECRETS), [])
    const { state } = await clinic.engine.state(clinic.operator, 'patient', 'p-1', null, NEVER)
    assert.equal((state as { name: string }).name, '[erased]')
    const report = await clinic.engine.verify(() => {}, NEVER)
    assert.deepEqual([report.verdict, report.findings], ['valid-with-erasures', []])
    const reopened = await clinic.again()
    assert.deepEqual((await reopened.engine.verify(() => {}, NEVER)).findings, [])
  })

  test('killed at any point: the next start finishes what is on record, and what is not can be asked again', async (t) => {
    const clinic = await openBank(t, { application })
    await history(clinic)
    await clinic.close()
    for (const killedAfterMs of KILLED_AFTER_MS) {
      const dir = join(await temporaryDirectory(t), 'copy')
      await cp(clinic.dir, dir, { recursive: true })
      const child = fork(PROGRAM, [dir], { stdio: 'ignore' })
      t.after(() => child.kill('SIGKILL'))
      assert.equal(await told(child), 'ready')
      child.send('erase')
      await sleep(killedAfterMs)
      child.kill('SIGKILL')
      await once(child, 'exit')
      const after = await openBank(t, { application, dir, onProblem: () => {} })
      const { state, erasedBy } = await after.engine.state(after.operator, 'patient', 'p-1', null, NEVER)
      const { name } = state as { name: string }
      assert.equal(
        name,
        erasedBy === undefined ? 'Zephyrine Oddfellow' : '[erased]',
        `killed after ${killedAfterMs} ms`,
      )
      assert.equal((await after.engine.verify(() => {}, NEVER)).findings.length, 0, `killed after ${killedAfterMs} ms`)
      assert.equal((await erase(after)).answer.kind, 'committed')
      const found = await after.ask('find_patient', { email: ANN.email })
      assert.equal(found.kind, 'refused')
      assert.deepEqual(textsFound(dir, SECRETS), [])
      assert.deepEqual((await after.engine.verify(() => {}, NEVER)).findings, [])
      await after.close()
    }
  })

  test('two tenants with the same subject: erasing the one leaves the other', async (t) => {
    const clinic = await openBank(t, { application })
    const other = await addPrincipalWithKey(clinic, {
      id: 'other-agent',
      kind: 'agent',
      roles: ['agent'],
      tenant: 'other',
    })
    assert.equal((await clinic.do('register', ANN)).kind, 'committed')
    // The same person, seen by both: each writes under a key of its own.
    const mine = { visit: 'mine', patient: 'p-1', note: 'seen by the first tenant', cost: 1 }
    const theirs = { visit: 'theirs', patient: 'p-1', note: 'seen by the other tenant', cost: 1 }
    assert.equal((await clinic.do('note_visit', mine)).kind, 'committed')
    assert.equal((await clinic.do('note_visit', theirs, { as: other })).kind, 'committed')
    await erase(clinic)
    const note = async (visit: string) =>
      ((await clinic.engine.state(clinic.operator, 'visit', visit, null, NEVER)).state as { note: string }).note
    assert.deepEqual([await note('mine'), await note('theirs')], ['[erased]', 'seen by the other tenant'])
    const { answer } = await erase(clinic, 'patient/p-1', 'erase-2', 'other')
    assert.equal(answer.kind, 'committed')
    assert.equal(await note('theirs'), '[erased]')
    assert.deepEqual(textsFound(clinic.dir, ['seen by the first', 'seen by the other', ANN.email]), [])
    assert.deepEqual((await clinic.engine.verify(() => {}, NEVER)).findings, [])
  })

  test('what waits for a person goes on while the data live, and ends when they are erased', async (t) => {
    const clinic = await openBank(t, { application })
    await clinic.do('register', ANN)
    const expensive = (visit: string) =>
      clinic.do('note_visit', { visit, patient: 'p-1', note: `a costly one, ${visit}`, cost: 5_000 })
    const first = await expensive('v-1')
    assert(first.kind === 'held')
    const shown = await clinic.engine.approval(clinic.operator, first.approval, NEVER)
    assert.match(JSON.stringify(shown), /a costly one, v-1/)
    assert.deepEqual(textsFound(clinic.dir, ['a costly one', ANN.email]), [])
    const done = await decideHeld(clinic, first.approval, 'approve')
    assert.equal(done.kind, 'committed', JSON.stringify(done))
    const second = await expensive('v-2')
    assert(second.kind === 'held')
    await erase(clinic)
    const view = await clinic.engine.approval(clinic.operator, second.approval, NEVER)
    assert.doesNotMatch(JSON.stringify(view), /costly/)
    const ended = await decideHeld(clinic, second.approval, 'approve')
    assert.equal(ended.kind, 'refused', JSON.stringify(ended))
    assert.deepEqual((await clinic.engine.verify(() => {}, NEVER)).findings, [])
  })

  test('an import that is run again passes over whom it imported and who was erased', async (t) => {
    const clinic = await openBank(t, { application })
    const { patient: _, ...said } = ANN
    async function* records() {
      await Promise.resolve()
      for (const id of ['p-1', 'p-2']) yield { ...said, id }
    }
    const again = async function* () {
      yield* records()
      yield { ...said, id: 'p-3' }
    }
    await clinic.engine.importRecords(clinic.operator, 'patients', records(), () => {}, NEVER)
    await erase(clinic)
    await clinic.engine.importRecords(clinic.operator, 'patients', again(), () => {}, NEVER)
    const { state } = await clinic.engine.state(clinic.operator, 'patient', 'p-1', null, NEVER)
    assert.equal((state as { name: string }).name, '[erased]')
    assert.deepEqual(textsFound(clinic.dir, [ANN.name, ANN.email]), [])
  })

  test('only who may: agents may not, unknown subjects and tenants are told apart, a reason must be given', async (t) => {
    const clinic = await openBank(t, { application })
    await clinic.do('register', ANN)
    const asked = { subject: 'patient/p-1', tenant: null, reason: 'asked for', basis: null, idempotencyKey: 'k' }
    await assert.rejects(clinic.engine.erase(clinic.agent, asked, NEVER), { code: 'forbidden' })
    const wrong: [Partial<typeof asked> | { tenant: string }, string][] = [
      [{ subject: 'patient/nobody' }, 'no-such-subject'],
      [{ tenant: 'elsewhere' }, 'no-such-subject'],
      [{ subject: 'p-1' }, 'invalid-input'],
      [{ subject: 'patient/\ud800' }, 'invalid-input'],
      [{ reason: ' ' }, 'invalid-input'],
      [{ reason: 'x'.repeat(1_001) }, 'invalid-input'],
    ]
    for (const [changed, code] of wrong)
      await assert.rejects(clinic.engine.erase(clinic.operator, { ...asked, ...changed }, NEVER), { code })
    const { state } = await clinic.engine.state(clinic.operator, 'patient', 'p-1', null, NEVER)
    assert.equal((state as { name: string }).name, ANN.name)
  })
})

const told = (child: ChildProcess): Promise<unknown> =>
  Promise.race([
    once(child, 'message').then(([message]) => message as unknown),
    once(child, 'exit').then(([code]) => `ended with ${String(code)}`),
  ])
