/** S4: a signer whose own memory was put back asks a witness, and signs nothing below what that has cosigned. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
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

test('S4: with no witness to ask it signs nothing but the last one again, says why, and goes on when one is back', async (t) => {
  const { dir, log, witness, policy } = await witnessedLog(t)
  const away = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy('http://127.0.0.1:1/') })
  const { epoch, size, unconfirmed } = await away.claim()
  assert.equal(size, 20)
  assert.match(unconfirmed ?? '', /none of 1 witnesses answered/)
  noteOf(await away.sign(requestOf(log, epoch, 20, 20)))
  await assert.rejects(away.sign(requestOf(log, epoch, 20, 25)), { code: 'signer-unconfirmed' })
  await assert.rejects(away.sign(requestOf(log.fork(12), epoch, 20, 20)), REFUSED)
  await assert.rejects(away.confirmed(), { code: 'signer-unconfirmed' })
  await away.close()
  const signer = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(witness.url) })
  t.after(() => signer.close())
  const back = await signer.claim()
  assert.deepEqual([back.size, back.unconfirmed], [20, null])
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

test('S4: a witness that never answers holds neither the others nor a question up', async (t) => {
  const { dir, log, witness, policy } = await witnessedLog(t)
  const silent = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => void silent.close())
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const other = await startWitness(t, { name: 'witness.example/two', logs: [] })
  const lines = policy(witness.url).replace('quorum w', `witness s ${other.vkey} ${url}\nquorum w`)
  const alone = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(url) })
  const { unconfirmed } = await alone.claim()
  assert.notEqual(unconfirmed, null)
  await alone.close()
  const signer = await openSigner({ dir, origin: ORIGIN, witnessPolicy: lines })
  t.after(() => signer.close())
  let standing = await signer.claim()
  while (standing.unconfirmed !== null) standing = await signer.standing()
  noteOf(await signer.sign(requestOf(log, standing.epoch, 20, 25)))
})

test('a log that no witness has seen yet begins; a policy that is none is refused', async (t) => {
  const { witness, policy } = await witnessedLog(t)
  const dir = temporaryDirectory(t)
  const fresh = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(witness.url) })
  assert.equal((await fresh.claim()).unconfirmed, null, 'its key was made now: nobody can have seen it sign')
  await fresh.close()
  const again = await openSigner({ dir, origin: ORIGIN, witnessPolicy: policy(witness.url) })
  t.after(() => again.close())
  // The witness knows the log of this name by another key: its head is not believed, and so nobody has answered.
  assert.notEqual((await again.claim()).unconfirmed, null)
  const other = 'log.example/other'
  const own = await openSigner({ dir: temporaryDirectory(t), origin: other, witnessPolicy: policy(witness.url) })
  t.after(() => own.close())
  assert.equal((await own.claim()).size, 0)
  const nonsense = { dir: temporaryDirectory(t), origin: other, witnessPolicy: 'nonsense\n' }
  await (await openSigner(nonsense)).close()
  const bad = await openSigner(nonsense)
  t.after(() => bad.close())
  await assert.rejects(bad.claim(), { code: 'witness-policy-invalid' })
})
