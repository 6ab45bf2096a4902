/** N4: a signer that ends while the log runs, with no witness to ask afterwards: nothing more is written until one is there, and then it goes on by itself. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { commitRequest, dataDirectory, ORIGIN } from '../../../test/support/commits.ts'
import { startWitnessHere } from '../../../test/support/witnesses.ts'
import { startSigner } from '../../transparency-log/signer/signer-process.ts'
import { openCommitter } from './committer.ts'

const request = (operation: string) => commitRequest(operation, { chain: [] })

test('a signer that was killed asks a witness before it signs on; while none answers, nothing is written', async (t) => {
  using dir = dataDirectory()
  const options = { dir: join(dir.path, 'signer'), origin: ORIGIN, onProblem: () => {} }
  const first = await startSigner(options)
  const opening = await openCommitter({ dir: dir.path, origin: ORIGIN, signerSocket: first.socket })
  const { vkey } = opening
  await opening.close()
  await first.close()
  const witness = await startWitnessHere(t, dir.path, 'one', vkey)
  const witnessPolicy = join(dir.path, 'policy')
  writeFileSync(witnessPolicy, `log ${vkey}\nwitness one ${witness.vkey} ${witness.url}\nquorum one\n`)

  const signer = await startSigner({ ...options, witnessPolicy })
  t.after(() => signer.close())
  const committer = await openCommitter({ dir: dir.path, origin: ORIGIN, signerSocket: signer.socket })
  t.after(() => committer.close())
  const done = await committer.commit(request('op_1'))
  assert.equal(done.kind, 'committed')
  await witness.kill()
  signer.restart()
  const written = committer.commit(request('op_2')) // nobody knows yet: it may be written, and then waits for its signature
  while (committer.signing().state !== 'unconfirmed') await sleep(20)
  assert.equal(committer.signing().lastError?.code, 'signer-unconfirmed')
  await assert.rejects(committer.commit(request('op_3')), { code: 'signer-unconfirmed' })
  assert.ok(committer.signing().unsigned <= 1)
  await witness.again()
  const late = await written.catch((error: { code: string }) => error)
  const told = ['signer-unconfirmed', 'signer-unavailable'] // not written, or written and unsigned for too long
  assert.ok('kind' in late ? late.kind === 'committed' : told.includes(late.code), JSON.stringify(late))
  while (committer.signing().state !== 'signing') await sleep(20)
  assert.equal((await committer.commit(request('op_3'))).kind, 'committed')
})
