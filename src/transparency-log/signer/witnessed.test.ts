/** S4: a signer whose own memory was put back asks a witness, and signs nothing below what that has cosigned. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { noteSigner, parseVerifierKey } from '../../model/signed-note.ts'
import { logOfKey } from '../cosignature-checkpoint.ts'
import { post, startWitness } from '../witness/testing/temporary.ts'
import { TestLog } from '../witness/testing/test-log.ts'
import { HEAD_FILE, openSigner } from './open-signer.ts'
import { noteOf, ORIGIN, requestOf, temporaryDirectory } from './testing/requests.ts'
import { formatAddCheckpoint } from '../witness/add-checkpoint.ts'

const REFUSED = { code: 'signer-refused' }

async function witnessedLog(t: TestContext) {
  const dir = temporaryDirectory(t)
  const signer = await openSigner({ dir, origin: ORIGIN })
  const { epoch, vkey } = await signer.claim()
  const { inUse } = JSON.parse(readFileSync(join(dir, 'keys.json'), 'utf8')) as { inUse: { reference: string } }
  const key = createPrivateKey(readFileSync(join(dir, inUse.reference.slice('file:'.length))))
  const log = new TestLog(noteSigner(ORIGIN, key)).grow(30)
  const witness = await startWitness(t, { logs: [logOfKey(parseVerifierKey(vkey))] })
  const policy = (url: string): string => `log ${vkey}\nwitness w ${witness.vkey} ${url}\nquorum w\n`
  await signer.sign(requestOf(log, epoch, 0, 5))
  const older = readFileSync(join(dir, HEAD_FILE))
  const note = noteOf(await signer.sign(requestOf(log, epoch, 5, 20)))
  const put = await post(witness.url, formatAddCheckpoint({ oldSize: 0, proof: [], note }))
  assert.equal(put.status, 200)
  await signer.close()
  return { dir, log, witness, policy, older }
}

test('S4: put back to an older state, it is brought up to what a witness has cosigned', async (t) => {
  const { dir, log, witness, policy, older } = await witnessedLog(t)
  writeFileSync(join(dir, HEAD_FILE), older)
  const unaware = await openSigner({ dir, origin: ORIGIN })
  assert.equal((await unaware.standing()).size, 5, 'by itself it cannot know')
  await unaware.close()

  const signer = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(witness.url) })
  t.after(() => signer.close())
  const { epoch, size, rootHash } = await signer.claim()
  assert.deepEqual([size, rootHash], [20, log.root(20)])
  await assert.rejects(signer.sign(requestOf(log, epoch, 5, 10)), REFUSED)
  await assert.rejects(signer.sign(requestOf(log.fork(12), epoch, 20, 25)), REFUSED)
  noteOf(await signer.sign(requestOf(log, epoch, 20, 25)))
})

test('S4: with no witness to ask it signs nothing, and goes on when one is back', async (t) => {
  const { dir, log, witness, policy } = await witnessedLog(t)
  const away = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy('http://127.0.0.1:1/') })
  await assert.rejects(away.claim(), { code: 'signer-unconfirmed' })
  await assert.rejects(away.sign(requestOf(log, 1, 20, 25)), { code: 'signer-unconfirmed' })
  await away.close()
  const signer = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(witness.url) })
  t.after(() => signer.close())
  assert.equal((await signer.claim()).size, 20)
})

test('S4: a state of the witnessed size with another root is told, and nothing is signed', async (t) => {
  const { dir, log, witness, policy, older } = await witnessedLog(t)
  writeFileSync(join(dir, HEAD_FILE), older)
  const forked = await openSigner({ dir, origin: ORIGIN })
  const { epoch } = await forked.claim()
  await forked.sign(requestOf(log.fork(6), epoch, 5, 20)) // the fork that the witness makes impossible to hide
  await forked.close()
  const signer = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(witness.url) })
  t.after(() => signer.close())
  await assert.rejects(signer.claim(), { code: 'signer-state-damaged' })
})

test('a log that no witness has seen yet begins; a policy that is none is refused', async (t) => {
  const { witness, policy } = await witnessedLog(t)
  const dir = temporaryDirectory(t)
  const fresh = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(witness.url) })
  t.after(() => fresh.close())
  // The witness knows the log of this name by another key: its head is not believed, and so nobody has answered.
  await assert.rejects(fresh.claim(), { code: 'signer-unconfirmed' })
  const other = 'log.example/other'
  const own = await openSigner({ dir: temporaryDirectory(t), origin: other, witnessPolicy: policy(witness.url) })
  t.after(() => own.close())
  assert.equal((await own.claim()).size, 0)
  const bad = await openSigner({ dir: temporaryDirectory(t), origin: other, witnessPolicy: 'nonsense\n' })
  t.after(() => bad.close())
  await assert.rejects(bad.claim(), { code: 'witness-policy-invalid' })
})
