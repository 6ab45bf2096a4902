/** Rotation of the log's key, as an operator does it: on a running system, on a stopped one, and what must not take over. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openCommitter } from '../engine/committer/committer.ts'
import { keyDigest, LOG_KEY_STREAM, rotationText } from '../model/log-keys.ts'
import { formatVerifierKey, noteSigner, parseVerifierKey, signNote } from '../model/signed-note.ts'
import type { Receipt } from '../model/receipt.ts'
import { startSigner } from '../transparency-log/signer/signer-process.ts'
import { verifyReceipt } from '../transparency-log/tlog-proof.ts'
import { generateKeyPairSync } from 'node:crypto'
import { openBank, NEVER, temporaryDirectory, type Bank } from '../../test/support/bank-system.ts'
import { commitRequest, dataDirectory, ORIGIN } from '../../test/support/commits.ts'
import { rotateLogKey, writeLogKeys } from './log-keys.ts'
import { verifyOffline } from './verify.ts'

const AT_ONCE = { nextKey: null, release: true, signer: null }
const vkeyOf = (dir: string): string => readFileSync(join(dir, 'log.vkey'), 'utf8').trim()
const keyFiles = (dir: string): string[] => readdirSync(join(dir, 'signer')).filter((name) => name.endsWith('.key'))

let operations = 0
async function deposit(bank: Bank): Promise<Receipt> {
  const made = await bank.do('open_account', { account: `account-${++operations}`, owner: 'someone' })
  assert(made.kind === 'committed')
  return made.receipt
}
async function verified(t: TestContext, dir: string, key: string): Promise<readonly string[]> {
  const file = join(await temporaryDirectory(t), 'pinned.vkey')
  writeFileSync(file, `${key}\n`)
  const { findings } = await verifyOffline(dir, file, () => {}, NEVER)
  return findings.map(({ what }) => what)
}

test('the key of a running system is rotated: receipts before and after hold, and so does the whole log', async (t) => {
  const bank = await openBank(t, { signer: { kind: 'process' } })
  const first = vkeyOf(bank.dir)
  const before = await deposit(bank)
  assert.equal(verifyReceipt(before, parseVerifierKey(first)).origin, bank.installation.origin)
  const prepared = await rotateLogKey(bank.dir, { ...AT_ONCE, release: false })
  assert.deepEqual([prepared.before, prepared.inForce], [first, false])
  verifyReceipt(await deposit(bank), parseVerifierKey(first))
  const rotated = await rotateLogKey(bank.dir, AT_ONCE)
  assert.deepEqual(rotated, { ...prepared, inForce: true })
  const after = await deposit(bank)
  verifyReceipt(after, parseVerifierKey(rotated.after))
  assert.throws(() => verifyReceipt(after, parseVerifierKey(first)), { name: 'NoteError' })
  assert.equal(vkeyOf(bank.dir), rotated.after)
  assert.equal(keyFiles(bank.dir).length, 2, 'the key before is gone: one in use, one to follow')
  const file = join(await temporaryDirectory(t), 'keys.json')
  const { keys } = await writeLogKeys(bank.dir, file, await bank.engine.checkpoint())
  assert.deepEqual(
    keys.map(({ vkey }) => vkey),
    [first, rotated.after],
  )
  await bank.close()
  assert.deepEqual(await verified(t, bank.dir, first), [])
  assert.deepEqual(await verified(t, bank.dir, rotated.after), [])
  const stranger = formatVerifierKey(noteSigner(bank.installation.origin, generateKeyPairSync('ed25519').privateKey))
  assert.match((await verified(t, bank.dir, stranger)).join('\n'), /none of this log’s keys/)
})

test('the key of a stopped system is rotated at its next start, and again', async (t) => {
  let bank = await openBank(t, { signer: { kind: 'process' } })
  const first = vkeyOf(bank.dir)
  for (let turn = 0; turn < 2; turn++) {
    const before = vkeyOf(bank.dir)
    await deposit(bank)
    await bank.close()
    const rotated = await rotateLogKey(bank.dir, AT_ONCE)
    assert.deepEqual([rotated.before, rotated.inForce, vkeyOf(bank.dir)], [before, false, before])
    bank = await openBank(t, { signer: { kind: 'process' }, dir: bank.dir })
    verifyReceipt(await deposit(bank), parseVerifierKey(rotated.after))
    assert.equal(vkeyOf(bank.dir), rotated.after)
  }
  await bank.close()
  assert.deepEqual(await verified(t, bank.dir, first), [])
})

test('a next key that is another than was committed to is refused before anything is signed with it', async (t) => {
  const bank = await openBank(t, { signer: { kind: 'process' } })
  await bank.close()
  const keys = JSON.parse(readFileSync(join(bank.dir, 'signer', 'keys.json'), 'utf8')) as {
    next: { reference: string }
  }
  const next = join(bank.dir, 'signer', keys.next.reference.slice('file:'.length))
  assert(existsSync(next))
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(next, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  await assert.rejects(rotateLogKey(bank.dir, AT_ONCE), { code: 'log-key-invalid' })
})

test('a runtime that writes a key of its own into the log gets no signature any more', async (t) => {
  using dir = dataDirectory()
  const signer = await startSigner({ dir: join(dir.path, 'signer'), origin: ORIGIN, onProblem: () => {} })
  t.after(() => signer.close())
  const committer = await openCommitter({ dir: dir.path, origin: ORIGIN, signerSocket: signer.socket })
  t.after(() => committer.close())
  const { next } = await committer.signer()
  const { inUse } = JSON.parse(readFileSync(join(dir.path, 'signer', 'keys.json'), 'utf8')) as {
    inUse: { reference: string }
  }
  const stolen = noteSigner(ORIGIN, createPrivateKey(readFileSync(join(dir.path, 'signer', inUse.reference.slice(5)))))
  const own = noteSigner(ORIGIN, generateKeyPairSync('ed25519').privateKey)
  const vkey = formatVerifierKey(own)
  // The best that a thief of the key in use can do: everything but the commitment is right.
  const statement = signNote(rotationText(vkey, keyDigest(vkey)), [stolen, own])
  const record = (version: number, type: string, data: object) =>
    commitRequest(`op_${version}`, {
      chain: [],
      events: [{ stream: LOG_KEY_STREAM, version, type, data: JSON.stringify(data) }],
    })
  assert.equal((await committer.commit(record(1, 'opened', { vkey: committer.vkey, next }))).kind, 'committed')
  const forged = committer.commit(record(2, 'rotated', { vkey, next: keyDigest(vkey), statement }))
  await assert.rejects(forged, { code: 'signer-refused' })
  await assert.rejects(committer.commit(commitRequest('op_3', { chain: [] })), { code: 'signer-refused' })
  assert.equal(committer.signing().state, 'refused')
})
