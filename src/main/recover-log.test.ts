/** A data directory restored from an older copy, as the runbook has it: told at the start, recovered, and going on under a name of its own. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { parseVerifierKey } from '../model/signed-note.ts'
import { readCheckpoint } from '../transparency-log/cosignature-checkpoint.ts'
import { verifyReceipt } from '../transparency-log/tlog-proof.ts'
import { openBank, NEVER, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { main as verifier } from '../../verifier/verify.ts'
import { exportLog } from './export-log.ts'
import { recoverLog } from './recover-log.ts'
import { verifyOffline } from './verify.ts'

const WHY = {
  reason: 'the disk of 21 November was restored from the copy of the night before',
  witnessPolicy: null,
  signer: null,
}
let accounts = 0
async function openAccount(bank: Bank) {
  const made = await bank.do('open_account', { account: `account-${++accounts}`, owner: 'someone' })
  assert(made.kind === 'committed')
  return made
}
/** A directory whose log lost its last operations; what was signed of them is remembered by its signer. */
async function restored(t: TestContext) {
  const bank = await openBank(t)
  const kept = await openAccount(bank)
  await bank.close()
  const copy = join(await temporaryDirectory(t), 'copy')
  cpSync(bank.dir, copy, { recursive: true })
  const again = await bank.again()
  const lost = await openAccount(again)
  const checkpoint = await again.engine.checkpoint()
  await again.close()
  for (const file of ['data.db', 'data.db-wal', 'data.db-shm']) rmSync(join(bank.dir, file), { force: true })
  for (const file of ['data.db', 'data.db-wal']) {
    try {
      cpSync(join(copy, file), join(bank.dir, file))
    } catch {
      // a log that was closed has no such file
    }
  }
  return { dir: bank.dir, origin: bank.installation.origin, kept, lost, signed: readCheckpoint(checkpoint) }
}
const vkeyOf = (dir: string): string => readFileSync(join(dir, 'log.vkey'), 'utf8').trim()

test('a restored copy is told at the start, and goes on in an epoch that says what was lost', async (t) => {
  const { dir, origin, kept, lost, signed } = await restored(t)
  const before = vkeyOf(dir)
  await assert.rejects(openBank(t, { dir }), { code: 'log-behind-signer' })
  const recovered = await recoverLog(dir, WHY)
  assert.deepEqual([recovered.origin, recovered.previous], [`${origin}/2`, { ...signed, origin }])
  assert(recovered.kept.size < signed.size && recovered.position === recovered.kept.size)

  const next = await openBank(t, { dir })
  const vkey = vkeyOf(dir)
  assert.notEqual(vkey, before)
  const made = await openAccount(next)
  assert.equal(verifyReceipt(made.receipt, parseVerifierKey(vkey)).origin, `${origin}/2`)
  const found = await next.engine.outcome(next.agent, kept.operation, 0, NEVER)
  assert.equal(found.kind, 'committed', 'what was kept is there, under the new name')
  await assert.rejects(next.engine.outcome(next.agent, lost.operation, 0, NEVER), { code: 'no-such-operation' })
  const checkpoint = await next.engine.checkpoint()
  await next.close()

  const pinned = join(await temporaryDirectory(t), 'pinned')
  for (const key of [before, vkey]) {
    writeFileSync(pinned, key)
    assert.deepEqual((await verifyOffline(dir, pinned, () => {}, NEVER)).findings, [], key)
  }
  const bundle = join(await temporaryDirectory(t), 'bundle')
  await exportLog(dir, bundle, 'bundle', checkpoint)
  for (const key of [before, vkey]) {
    const said: string[] = []
    assert.equal(
      verifier(['bundle', bundle, '--key', key], (line) => said.push(line)),
      10,
      said.join('\n'),
    )
  }
})

test('a crash between its steps is made good by the next try', async (t) => {
  const { dir, origin } = await restored(t)
  const installation = readFileSync(join(dir, 'installation.json'))
  const [keys, head] = ['keys.json', 'head'].map((file) => readFileSync(join(dir, 'signer', file))) as [Buffer, Buffer]
  const first = await recoverLog(dir, WHY)
  // As if it had ended before the name was changed: the record is there, the signer is told again.
  writeFileSync(join(dir, 'installation.json'), installation)
  const opening = { ...JSON.parse(keys.toString()), opening: openingOf(first, dir) }
  writeFileSync(join(dir, 'signer', 'keys.json'), JSON.stringify(opening))
  writeFileSync(join(dir, 'signer', 'head'), head)
  await assert.rejects(openBank(t, { dir }), { code: 'log-recovery-refused' })
  const second = await recoverLog(dir, { ...WHY, reason: 'another' })
  assert.deepEqual(second, first, 'what was begun is finished')
  const bank = await openBank(t, { dir })
  await openAccount(bank)
  assert.equal(bank.installation.origin, `${origin}/2`)
})

/** What the signer had written when it was told, from what it has now. */
function openingOf(recovered: Awaited<ReturnType<typeof recoverLog>>, dir: string): object {
  const { inUse, next } = JSON.parse(readFileSync(join(dir, 'signer', 'keys.json'), 'utf8'))
  const { origin, vkey, previous, kept, reason } = recovered
  const rest = { reference: inUse.reference, nextReference: next.reference, next: next.digest, statement: '' }
  return { ...rest, origin, vkey, epoch: { previous, kept, reason } }
}

test('a log that is whole is not recovered, nor one that runs, nor without a reason', async (t) => {
  const bank = await openBank(t)
  await assert.rejects(recoverLog(bank.dir, WHY), { code: 'data-directory-locked' })
  await bank.close()
  await assert.rejects(recoverLog(bank.dir, WHY), { code: 'log-recovery-refused' })
  for (const reason of ['', 'two\nlines', 'x'.repeat(501)])
    await assert.rejects(recoverLog(bank.dir, { ...WHY, reason }), { code: 'usage' }, reason)
  await assert.rejects(recoverLog(join(bank.dir, 'nothing'), WHY), { code: 'usage' })
  await openAccount(await bank.again())
})
