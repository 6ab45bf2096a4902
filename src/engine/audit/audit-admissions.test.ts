/** The audit of admissions over a whole system's log: all agree when nothing was changed, and whatever was changed is named, the first first. */
import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { NEVER, openBank, temporaryDirectory } from '../../../test/support/bank-system.ts'
import { bankPolicies, limits } from '../../../test/support/bank-policies.ts'
import { CLINIC, erase, history } from '../../../test/support/clinic-history.ts'
import { changeAuthority, rootSigner, withPolicies } from '../../../test/support/authority.ts'
import { someOfEverything } from '../../../test/support/bank-history.ts'
import { audit as auditOf } from '../../main/audit.ts'
import { exportLog } from '../../main/export-log.ts'
import { signNote } from '../../model/signed-note.ts'
import { snapshotText } from '../../warden/snapshot.ts'
import type { PrincipalId } from '../../model/ids.ts'
import { openDirectoryEvidence } from '../../main/evidence-directory.ts'
import { auditAdmissions } from './audit-admissions.ts'
import type { AdmissionsReport } from './report.ts'

const audit = (dir: string): Promise<AdmissionsReport> =>
  auditOf({ dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)

async function historyOf(test: TestContext): Promise<string> {
  const bank = await openBank(test)
  await someOfEverything(bank)
  await bank.close()
  return bank.dir
}

test('every admission of a system comes out again, with its rules', async (t) => {
  const dir = await historyOf(t)
  const report = await audit(dir)
  assert.deepEqual(report.disagreed, [])
  assert.equal(report.agreed, report.admissions)
  assert.ok(report.admissions > 15, String(report.admissions))
  assert.ok((report.beside?.verdicts ?? 0) >= 3)
  assert.equal(report.beside?.agreed, report.beside?.verdicts)
  assert.deepEqual(
    report.notChecked.filter((what) => /admission|snapshot/.test(what)),
    [],
  )
})

test('what is altered on disk is named: the first record, the policy, the snapshot', async (t) => {
  const dir = await historyOf(t)
  const altered = async (change: (copy: string) => void | Promise<void>): Promise<AdmissionsReport> => {
    const copy = join(await temporaryDirectory(t), 'copy')
    await cp(dir, copy, { recursive: true })
    await change(copy)
    return audit(copy)
  }
  const inLog = (copy: string, from: string, to: string): void => {
    assert.equal(Buffer.byteLength(from), Buffer.byteLength(to))
    const database = new DatabaseSync(join(copy, 'data.db'))
    database.exec('DROP TRIGGER log_stays')
    const { changes } = database
      .prepare(
        'UPDATE log SET body = replace(body, ?, ?) WHERE first = (SELECT min(first) FROM log WHERE instr(body, ?) > 0)',
      )
      .run(from, to, from)
    assert.equal(changes, 1)
    database.close()
  }
  const payload = await altered((copy) => inLog(copy, '"amount":7', '"amount":9'))
  assert.match(payload.disagreed[0]?.why ?? '', /payload does not match its hash/)
  assert.equal(payload.disagreed.length, 1)
  assert.equal(payload.disagreed[0]?.action, 'transfer')
  const line = await altered((copy) => inLog(copy, '"actor":"agent"', '"actor":"agenu"'))
  assert.match(line.disagreed[0]?.why ?? '', /not the one that the tree holds/)

  const snapshot = await altered(async (copy) => {
    const file = join(copy, 'authority', '000001.snapshot')
    await writeFile(file, (await readFile(file, 'utf8')).replace('> 100000 ', '> 900000 '))
  })
  assert.match(snapshot.disagreed[0]?.why ?? '', /snapshot 1 cannot be used/)
  assert.equal(snapshot.disagreed[0]?.position, (await firstAdmission(dir)) ?? -1)

  // The operators' own key signs another policy under the same number: the log knows which one was acted on.
  const resigned = await altered(async (copy) => {
    const file = join(copy, 'authority', '000001.snapshot')
    const text = (await readFile(file, 'utf8')).split('\n\n')[0] ?? ''
    const signer = rootSigner(copy)
    const changed = JSON.parse(text.replace('> 100000 ', '> 900000 ')) as Parameters<typeof snapshotText>[0]
    await writeFile(file, signNote(snapshotText(changed), [signer]))
  })
  assert.match(resigned.disagreed[0]?.why ?? '', /snapshot 1 is not the one on record/)
  assert.equal(resigned.disagreed[0]?.position, (await firstAdmission(dir)) ?? -1)
  const flipped = resigned.disagreed.filter(({ derived, recorded }) => derived?.verdict !== recorded?.verdict)
  assert.ok(flipped.some(({ action, derived }) => action === 'withdraw' && derived?.verdict === 'admitted'))
})

/** Position of the first record that rests on an admission. */
async function firstAdmission(dir: string): Promise<number | undefined> {
  const copy = await audit(dir)
  assert.deepEqual(copy.disagreed, [])
  const { openSqliteReader } = await import('../../storage/sqlite/reader.ts')
  const reader = openSqliteReader(dir)
  try {
    const found = reader
      .records(0 as never, 1_000)
      .find(({ line }) => line.includes('"kind":"operation"') && !line.includes('"chain":[]'))
    return found?.position
  } finally {
    reader.close()
  }
}

test('revoked, changed and raced: a log of many snapshots agrees', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  for (let round = 0; round < 4; round++) {
    const calls = Array.from({ length: 20 }, (_, i) => bank.do('deposit', { account: 'a', amount: i + 1 }))
    const more = `@id("more-${round}") permit (principal, action == Action::"deposit", resource);`
    await changeAuthority(bank, await withPolicies(bank.dir, { [`more-${round}.cedar`]: more }))
    await Promise.all(calls)
  }
  await changeAuthority(bank, { change: 'revoke', principal: 'agent' })
  await bank.close()
  const report = await audit(bank.dir)
  assert.deepEqual(report.disagreed, [])
  assert.ok(report.admissions > 80)
})

test('limits are counted again from the log: raced, relied on, and across a change of policies', async (t) => {
  const entries = { deposits: { of: ['deposit'], per: ['principal'], window: { fixed: '1d' }, max: 12 } }
  const relies =
    '@id("not-the-fifth") forbid (principal, action == Action::"withdraw", resource) when { context.history.deposits < 5 };'
  const policies = await bankPolicies(t, { ...limits(entries), 'more.cedar': relies })
  const bank = await openBank(t, { policies })
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await Promise.all(Array.from({ length: 4 }, () => bank.do('deposit', { account: 'a', amount: 10 })))
  assert.equal((await bank.do('withdraw', { account: 'a', amount: 1 })).kind, 'denied')
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => bank.do('deposit', { account: 'a', amount: 10 })))
  assert.equal(outcomes.filter(({ kind }) => kind === 'committed').length, 8)
  assert.equal((await bank.do('withdraw', { account: 'a', amount: 1 })).kind, 'committed')
  await bank.close()
  const report = await audit(bank.dir)
  assert.deepEqual(report.disagreed, [])
  assert.ok(report.admissions > 13)
})

test('what landed while a switch was on is found', async (t) => {
  const dir = await historyOf(t)
  const evidence = await openDirectoryEvidence(dir, null)
  t.after(() => evidence.close())
  const entry = { id: 's', action: 'stop', reason: 'x', by: 'operator', atMs: 0 } as const
  const scope = { kind: 'command', value: 'transfer' } as const
  // As if these snapshots had carried it: the log is one of a runtime that did not look.
  const report = await auditAdmissions(
    {
      ...evidence,
      async snapshot(number) {
        const found = await evidence.snapshot(number)
        const on = { ...entry, by: entry.by as PrincipalId, scope }
        return found.kind === 'found' ? { ...found, snapshot: { ...found.snapshot, switches: [on] } } : found
      },
    },
    () => {},
    NEVER,
  )
  assert.deepEqual(
    report.disagreed.map(({ action, why }) => [action, why]),
    [['transfer', 'the switch `s` was on: stop']],
  )
})

test('sealed records are opened where the keys are, and are unchecked where they are not or are gone', async (t) => {
  const clinic = await openBank(t, { application: CLINIC })
  await history(clinic)
  await clinic.close()
  const report = await audit(clinic.dir)
  assert.deepEqual(report.disagreed, [])
  assert.equal(report.agreed, report.admissions)
  const file = join(await temporaryDirectory(t), 'log.tar')
  await exportLog(clinic.dir, file, 'bundle', null)
  const elsewhere = await auditOf({ dir: '', bundle: file, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(elsewhere.disagreed, [])
  assert.ok(elsewhere.agreed < report.agreed)
  assert.deepEqual([elsewhere.agreed + elsewhere.unchecked, report.unchecked], [elsewhere.admissions, 0])
  assert.ok(elsewhere.notChecked.some((what) => what.includes('sealed under the keys')))

  const again = await clinic.again()
  await erase(again)
  await again.close()
  const erased = await audit(clinic.dir)
  assert.deepEqual(erased.disagreed, [])
  assert.ok(erased.agreed < report.agreed + 2)
  assert.equal(erased.agreed + erased.unchecked, erased.admissions)
  assert.ok(erased.notChecked.some((what) => what.includes('erased')))
})

test('a bundle carries what an audit elsewhere needs, and an audit of it agrees or names the first that fails', async (t) => {
  const dir = await historyOf(t)
  const folder = await temporaryDirectory(t)
  const file = join(folder, 'log.tar')
  await exportLog(dir, file, 'bundle', null)
  const rootKey = join(folder, 'root.vkey')
  await cp(join(dir, 'authority', 'root.vkey'), rootKey)
  const elsewhere = (bundle: string, key: string | null = rootKey) =>
    auditOf({ dir: '/nowhere', bundle, rootKey: key, onProgress: () => {} }, NEVER)
  const here = await audit(dir)
  const there = await elsewhere(file)
  assert.deepEqual([there.disagreed, there.admissions, there.agreed], [[], here.admissions, here.agreed])
  const bytes = await readFile(file)
  const changed = async (from: string, to: string, key: string | null): Promise<AdmissionsReport> => {
    const copy = Buffer.from(bytes)
    copy.write(to, copy.indexOf(from))
    const path = join(folder, `changed-${Math.random()}.tar`)
    await writeFile(path, copy)
    return elsewhere(path, key)
  }
  const record = await changed('"amount":7', '"amount":9', null)
  assert.equal(record.disagreed[0]?.action, 'transfer')
  assert.match(record.disagreed[0]?.why ?? '', /payload does not match/)
  // The signature catches it, or, for who has no key, the hash that the log has on record.
  for (const [key, why] of [
    [rootKey, /snapshot 1 cannot be used/],
    [null, /snapshot 1 is not the one on record/],
  ] as const) {
    const policy = await changed('> 100000 ', '> 900000 ', key)
    assert.match(policy.disagreed[0]?.why ?? '', why)
  }
  const manifest = await changed('"name":"bank","queries"', '"name":"bonk","queries"', rootKey)
  assert.match(JSON.stringify(manifest.disagreed), /is not what the release is named by/)
  await assert.rejects(elsewhere(rootKey), { code: 'usage' })
})
