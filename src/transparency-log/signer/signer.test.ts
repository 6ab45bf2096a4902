/** The rules of the signer, S1 to S4, on its real directory. The rotation of keys is in rotation.test.ts. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { openCheckpoint } from '../checkpoint.ts'
import { HEAD_FILE, openSigner, type OpenSignerOptions } from './open-signer.ts'
import { noteOf, ORIGIN, requestOf, temporaryDirectory, testLog } from './testing/requests.ts'

async function start(test: TestContext, options: Partial<OpenSignerOptions> = {}) {
  const dir = options.dir ?? temporaryDirectory(test)
  const signer = await openSigner({ origin: ORIGIN, lockWaitMs: 0, ...options, dir })
  let open = true
  const close = async (): Promise<void> => {
    if (open) await signer.close()
    open = false
  }
  test.after(close)
  return { dir, signer, close }
}
const refused = { code: 'signer-refused' }

describe('signer', () => {
  test('signs what follows from what it signed last, from the empty tree on', async (t) => {
    const { signer } = await start(t)
    const log = testLog(600)
    const { epoch, vkey } = await signer.claim()
    let last = 0
    for (const size of [0, 0, 1, 2, 255, 256, 257, 600]) {
      const note = noteOf(await signer.sign(requestOf(log, epoch, last, size)))
      assert.deepEqual(openCheckpoint(note, parseVerifierKey(vkey)), log.checkpoint(size))
      last = size
    }
    assert.equal((await signer.standing()).size, 600)
  })

  test('refuses to shrink, to fork, to rewrite, and to sign for another log', async (t) => {
    const { signer } = await start(t)
    const log = testLog(20)
    const { epoch } = await signer.claim()
    await signer.sign(requestOf(log, epoch, 0, 10))
    const fork = log.fork(5)
    await assert.rejects(signer.sign(requestOf(log, epoch, 0, 9)), refused)
    await assert.rejects(signer.sign(requestOf(fork, epoch, 10, 10)), refused)
    await assert.rejects(signer.sign(requestOf(fork, epoch, 10, 15)), refused)
    await assert.rejects(signer.sign(requestOf(log, epoch, 10, 15, { proof: [] })), refused)
    const body = requestOf(log, epoch, 10, 15).body
    await assert.rejects(
      signer.sign(requestOf(log, epoch, 10, 15, { body: body.replace(ORIGIN, 'log.example/else') })),
      refused,
    )
    for (const bad of ['', `${body}extension\n`, body.slice(0, -1), body.replace('15', '015')])
      await assert.rejects(signer.sign(requestOf(log, epoch, 10, 15, { body: bad })), refused, JSON.stringify(bad))
    assert.equal((await signer.standing()).size, 10, 'nothing of it was kept')
    noteOf(await signer.sign(requestOf(log, epoch, 10, 15)))
  })

  test('a proof from another size than its own is answered with where it is, and nothing is signed', async (t) => {
    const { signer } = await start(t)
    const log = testLog(20)
    const { epoch } = await signer.claim()
    await signer.sign(requestOf(log, epoch, 0, 10))
    const answer = await signer.sign(requestOf(log, epoch, 4, 12))
    assert.deepEqual(answer, { kind: 'elsewhere', size: 10, rootHash: log.root(10) })
  })

  test('only the newest epoch is served, also after a restart', async (t) => {
    const { dir, signer, close } = await start(t)
    const log = testLog(20)
    const first = await signer.claim()
    const second = await signer.claim()
    await assert.rejects(signer.sign(requestOf(log, first.epoch, 0, 1)), { code: 'signer-fenced' })
    noteOf(await signer.sign(requestOf(log, second.epoch, 0, 1)))
    await close()
    const again = await start(t, { dir })
    noteOf(await again.signer.sign(requestOf(log, second.epoch, 1, 2)))
    await assert.rejects(again.signer.sign(requestOf(log, second.epoch + 1, 2, 3)), { code: 'signer-fenced' })
    assert.equal((await again.signer.claim()).epoch, second.epoch + 1)
  })

  test('what it has signed it remembers after a restart, under the same key', async (t) => {
    const { dir, signer, close } = await start(t)
    const log = testLog(40)
    const { epoch, vkey } = await signer.claim()
    await signer.sign(requestOf(log, epoch, 0, 30))
    await close()
    const again = await start(t, { dir })
    const standing = await again.signer.claim()
    assert.deepEqual([standing.size, standing.rootHash, standing.vkey], [30, log.root(30), vkey])
    await assert.rejects(again.signer.sign(requestOf(log.fork(29), standing.epoch, 30, 40)), refused)
  })

  test('a slot torn by a crash is not read; with both gone it does not start', async (t) => {
    const { dir, signer, close } = await start(t)
    const log = testLog(40)
    const { epoch } = await signer.claim()
    await signer.sign(requestOf(log, epoch, 0, 10))
    await signer.sign(requestOf(log, epoch, 10, 20))
    await close()
    const path = join(dir, HEAD_FILE)
    const whole = readFileSync(path)
    const sizes = [0, 512].map((at) => Number(/"size":([0-9]+)/.exec(whole.toString('latin1', at, at + 512))?.[1]))
    const newest = sizes.indexOf(20) * 512
    for (const torn of [newest, newest + 60, newest + 200]) {
      const file = Buffer.from(whole)
      file[torn] = 0x21
      writeFileSync(path, file)
      const again = await start(t, { dir })
      assert.equal((await again.signer.standing()).size, 10)
      await again.close()
    }
    for (const damaged of [Buffer.alloc(1024), Buffer.alloc(0), whole.subarray(0, 100)]) {
      writeFileSync(path, damaged)
      await assert.rejects(openSigner({ dir, origin: ORIGIN }), { code: 'signer-state-damaged' })
    }
    rmSync(path)
    await assert.rejects(openSigner({ dir, origin: ORIGIN }), { code: 'signer-state-damaged' })
  })

  test('its keys are its owner’s alone, and are never replaced in silence', async (t) => {
    const { dir, close } = await start(t)
    await close()
    const keys = JSON.parse(readFileSync(join(dir, 'keys.json'), 'utf8'))
    const path = join(dir, String(keys.inUse.reference).slice('file:'.length))
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(join(dir, 'keys.json')).mode & 0o777, 0o600)
    const pem = readFileSync(path, 'utf8')
    const invalid = { code: 'log-key-invalid' }
    writeFileSync(path, pem, { mode: 0o600 })
    const next = readFileSync(join(dir, String(keys.next.reference).slice('file:'.length)), 'utf8')
    writeFileSync(path, next)
    await assert.rejects(openSigner({ dir, origin: ORIGIN }), invalid, 'another key')
    writeFileSync(path, 'no key')
    await assert.rejects(openSigner({ dir, origin: ORIGIN }), (error: Error) => {
      assert.doesNotMatch(error.message, /no key`|PRIVATE/)
      return 'code' in error && error.code === 'log-key-invalid'
    })
    rmSync(path)
    await assert.rejects(openSigner({ dir, origin: ORIGIN }), invalid, 'gone')
    writeFileSync(path, pem, { mode: 0o644 })
    await assert.rejects(openSigner({ dir, origin: ORIGIN }), invalid, 'readable by others')
    rmSync(path)
    writeFileSync(path, pem, { mode: 0o600 })
    await (await openSigner({ dir, origin: ORIGIN })).close()
    await assert.rejects(openSigner({ dir, origin: 'log.example/else' }), { code: 'usage' })
  })

  test('one signer has a directory', async (t) => {
    const { dir } = await start(t)
    await assert.rejects(openSigner({ dir, origin: ORIGIN, lockWaitMs: 0 }), { code: 'data-directory-locked' })
  })
})
