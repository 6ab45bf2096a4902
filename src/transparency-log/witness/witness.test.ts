/** The witness over HTTP, as tlog-witness has it: what it answers, what it remembers, and when it does not start. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { EMPTY_ROOT, leafHash } from '../../model/merkle.ts'
import { noteSigner, parseNote, signNote } from '../../model/signed-note.ts'
import { checkpointText, signCheckpoint } from '../checkpoint.ts'
import { cosignatureLine, verifyCosignatures } from '../cosignature.ts'
import { ADD_CHECKPOINT_BYTES_MAX, formatAddCheckpoint, SIZE_TYPE } from './add-checkpoint.ts'
import { verifyEquivocation } from './equivocation.ts'
import { originHash } from './head-files.ts'
import { get, post, startWitness, temporaryDirectory } from './testing/temporary.ts'
import { TestLog } from './testing/test-log.ts'

const newKey = () => generateKeyPairSync('ed25519').privateKey
const log = new TestLog().grow(600)
const logs = [log.pinned]
const path = `/${originHash(log.signer.name)}/checkpoint`

describe('what a witness answers', () => {
  test('an honest log gets a cosignature for every step, and its last head back', async (t) => {
    const witness = await startWitness(t, { logs })
    assert.equal((await get(witness.url, path)).status, 404)
    for (const [oldSize, size] of [
      [0, 0],
      [0, 1],
      [1, 255],
      [255, 256],
      [256, 256],
      [256, 600],
    ] as const) {
      const { status, body, type } = await post(witness.url, log.request(oldSize, size))
      assert.equal(status, 200, body)
      assert.match(type ?? '', /^text\/plain/)
      const [cosignature] = verifyCosignatures(log.signed(size) + body, [witness.signer])
      assert.equal(cosignature?.line, body)
    }
    const head = await get(witness.url, path)
    assert.equal(parseNote(head.body).text, checkpointText(log.checkpoint(600)))
    assert.equal(verifyCosignatures(head.body, [witness.signer]).length, 1)
  })

  test('each fault has the status of the specification', async (t) => {
    const witness = await startWitness(t, { logs })
    const { url } = witness
    const other = noteSigner(log.signer.name, newKey())
    const ask = async (body: string) => (await post(url, body)).status
    assert.equal(await ask(log.request(0, 300)), 200)
    const note = log.signed(400)
    const proof = log.consistencyProof(300, 400)
    const request = (changes: Partial<Parameters<typeof formatAddCheckpoint>[0]>) =>
      ask(formatAddCheckpoint({ oldSize: 300, proof, note, ...changes }))

    for (const body of [
      '',
      'old 300\n',
      `old 300\n${note}`,
      `old 0300\n\n${note}`,
      `old -1\n\n${note}`,
      `size 300\n\n${note}`,
    ])
      assert.equal(await ask(body), 400, body)
    assert.equal(await ask(`old 300\n?\n\n${note}`), 400)
    assert.equal(await ask(`old 300\n${`${'A'.repeat(43)}=\n`.repeat(64)}\n${note}`), 400)
    assert.equal(await request({ note: note.replace('\n400\n', '\n0400\n') }), 400)
    assert.equal(await request({ oldSize: 401 }), 400)
    assert.equal((await post(url, Buffer.from([0xff, 0xfe]))).status, 400)

    const stranger = new TestLog(noteSigner('log.example/else', newKey())).grow(5)
    assert.equal(await ask(stranger.request(0)), 404)
    assert.equal(await request({ note: signCheckpoint(log.checkpoint(400), other) }), 403)
    assert.equal(await request({ note: note.replace('\n400\n', '\n401\n') }), 403)
    // A wrong signature of the pinned key is not made good by anything beside it.
    assert.equal(await request({ note: note.replace(/.{8}\n$/, 'AAAAAA==\n') }), 403)

    const conflict = await post(url, log.request(200, 400))
    assert.deepEqual([conflict.status, conflict.body, conflict.type], [409, '300\n', SIZE_TYPE])
    assert.deepEqual((await post(url, log.request(0, 0))).body, '300\n')

    assert.equal(await request({ proof: [] }), 422)
    assert.equal(await request({ proof: proof.slice(1) }), 422)
    assert.equal(await request({ proof: proof.with(0, leafHash('else')) }), 422)
    assert.equal(await request({ proof: [...proof, leafHash('more')] }), 422)
    assert.equal(await ask(formatAddCheckpoint({ oldSize: 300, proof, note: log.signed(300) })), 422)

    assert.equal((await get(url, '/add-checkpoint')).status, 405)
    assert.equal((await get(url, '/')).status, 404)
    assert.equal((await get(url, path.toUpperCase())).status, 404)
    assert.equal(await request({}), 200) // nothing of the above has changed what it remembers
  })

  test('a fork, a rollback, and an empty tree with a root are refused; two roots of one size are filed as proof', async (t) => {
    const dir = temporaryDirectory(t)
    const witness = await startWitness(t, { logs, dir })
    const fork = log.fork(299)
    assert.equal((await post(witness.url, log.request(0, 300))).status, 200)
    const refused = async (body: string) => {
      const { status, type } = await post(witness.url, body)
      return [status, type === SIZE_TYPE]
    }
    assert.deepEqual(await refused(fork.request(300, 400)), [422, false])
    assert.deepEqual(await refused(fork.request(300, 300)), [409, false])
    assert.deepEqual(await refused(fork.request(299, 300)), [409, true])
    assert.deepEqual(await refused(log.request(200, 200)), [409, true])
    const note = signCheckpoint({ ...log.checkpoint(0), rootHash: leafHash('else') }, log.signer)
    const empty = await startWitness(t, { logs })
    assert.equal((await post(empty.url, formatAddCheckpoint({ oldSize: 0, proof: [], note }))).status, 422)
    assert.equal(log.root(0), EMPTY_ROOT)

    const files = readdirSync(join(dir, 'evidence'))
    assert.equal(files.length, 1)
    const proof = readFileSync(join(dir, 'evidence', files[0] as string), 'utf8')
    assert.deepEqual(
      verifyEquivocation(proof, log.pinned).map(({ size }) => size),
      [300, 300],
    )
  })

  test('extension lines, unknown signatures and keys of another name are taken as they come', async (t) => {
    const signer = noteSigner('key.example', newKey())
    const next = noteSigner('key.example/next', newKey())
    const witness = await startWitness(t, { logs: [{ origin: 'a log', keys: [signer, next] }] })
    const text = `${checkpointText({ origin: 'a log', size: 0, rootHash: EMPTY_ROOT })}an extension\n`
    for (const signers of [[noteSigner('stranger', newKey()), signer], [next]]) {
      const note = signNote(text, signers)
      const { status, body } = await post(witness.url, formatAddCheckpoint({ oldSize: 0, proof: [], note }))
      assert.equal(status, 200, body)
      assert.equal(verifyCosignatures(note + body, [witness.signer]).length, 1)
    }
    const { body } = await get(witness.url, `/${originHash('a log')}/checkpoint`)
    assert.deepEqual(
      parseNote(body).signatures.map(({ name }) => name),
      ['key.example', 'witness.example/one'],
    )
  })

  test('a clock that is set back does not date a later cosignature before an earlier one', async (t) => {
    let nowMs = 1_700_000_000_000
    const clock = { nowMs: () => nowMs, monotonicUs: () => performance.now() * 1000 }
    const witness = await startWitness(t, { logs, clock })
    const times = []
    for (const [size, ms] of [
      [1, 0],
      [2, -9_000],
      [2, -9_000],
      [3, 5_000],
    ] as const) {
      nowMs += ms
      const { body } = await post(witness.url, log.request(times.length === 2 ? 2 : Math.max(size - 1, 0), size))
      times.push(verifyCosignatures(log.signed(size) + body, [witness.signer])[0]?.timeSeconds)
    }
    assert.deepEqual(times, [1_700_000_000, 1_700_000_000, 1_700_000_000, 1_700_000_000])
  })

  test('a body beyond its bound is refused before it is read to its end', async (t) => {
    const witness = await startWitness(t, { logs })
    assert.equal((await post(witness.url, 'x'.repeat(ADD_CHECKPOINT_BYTES_MAX))).status, 400)
    assert.equal((await post(witness.url, 'x'.repeat(ADD_CHECKPOINT_BYTES_MAX + 1))).status, 413)
    const socket = connect(witness.port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write('POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`
    for (let sent = 0; sent <= ADD_CHECKPOINT_BYTES_MAX; sent += 0x8000) socket.write(chunk)
    const [reply] = (await once(socket.on('error', () => {}).setEncoding('utf8'), 'data')) as [string]
    assert.match(reply, /^HTTP\/1\.1 413 /)
  })

  test('an address that sends nonsense has to wait; a log that asks too often, too', async (t) => {
    const clock = { nowMs: () => Date.now(), monotonicUs: () => 0 } // nothing is refilled, however long it takes
    const nonsense = await startWitness(t, { logs, clock, limits: { refusedPerSecond: 1 } })
    const statuses = []
    for (let count = 0; count < 5; count++) statuses.push((await post(nonsense.url, 'nonsense')).status)
    assert.deepEqual(statuses, [400, 400, 429, 429, 429])
    const busy = await startWitness(t, { logs, clock, limits: { perOriginPerSecond: 1 } })
    const asked = []
    for (let count = 0; count < 5; count++) asked.push((await post(busy.url, log.request(0, 0))).status)
    assert.deepEqual(asked, [200, 200, 429, 429, 429])
  })
})

describe('what a witness remembers', () => {
  test('of concurrent requests from one old size, exactly one wins, and it is the one that is kept', async (t) => {
    const dir = temporaryDirectory(t)
    const witness = await startWitness(t, { logs, dir })
    assert.equal((await post(witness.url, log.request(0, 100))).status, 200)
    const sizes = Array.from({ length: 16 }, (_, index) => 101 + index)
    const answers = await Promise.all(
      sizes.map(async (size) => ({ size, ...(await post(witness.url, log.request(100, size))) })),
    )
    const [winner, ...more] = answers.filter(({ status }) => status === 200)
    assert(winner !== undefined && more.length === 0)
    assert(
      answers
        .filter((one) => one !== winner)
        .every(({ status, body }) => status === 409 && body === `${winner.size}\n`),
    )
    await witness.close()
    const again = await startWitness(t, { logs, dir })
    assert.equal((await post(again.url, log.request(0, 600))).body, `${winner.size}\n`)
  })

  test('a witness that stops answers what is in work, and goes on from there when it starts again', async (t) => {
    const dir = temporaryDirectory(t)
    const witness = await startWitness(t, { logs, dir })
    const answer = post(witness.url, log.request(0, 300))
    await answer
    const [late] = await Promise.allSettled([post(witness.url, log.request(300, 301)), witness.close()])
    const again = await startWitness(t, { logs, dir })
    const { body } = await post(again.url, log.request(0, 600))
    assert.equal(again.vkey, witness.vkey)
    assert.equal(body, late.status === 'fulfilled' && late.value.status === 200 ? '301\n' : '300\n')
  })

  test('a caller who never ends his request does not keep it from stopping', async (t) => {
    const witness = await startWitness(t, { logs, limits: { requestMs: 100 } })
    const socket = connect(witness.port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.on('error', () => {}).write('POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nold')
    await post(witness.url, 'nonsense') // by now the other has been heard, too
    await witness.close()
    await assert.rejects(fetch(witness.url))
  })

  test('a caller who has only connected does not keep it from stopping', { timeout: 30_000 }, async (t) => {
    const witness = await startWitness(t, { logs, limits: { requestMs: 600_000 } })
    const socket = connect(witness.port, '127.0.0.1')
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    await post(witness.url, 'nonsense') // by now the other has been let in, too
    await witness.close()
  })

  test('one process at a time has the directory', async (t) => {
    const dir = temporaryDirectory(t)
    await startWitness(t, { logs, dir })
    await assert.rejects(startWitness(t, { logs, dir }), { name: 'WitnessFault', code: 'directory-in-use' })
  })

  test('a half-written head is dropped, because nobody was told of it', async (t) => {
    const dir = temporaryDirectory(t)
    const witness = await startWitness(t, { logs, dir })
    await post(witness.url, log.request(0, 300))
    await witness.close()
    const file = join(dir, 'heads', originHash(log.signer.name))
    writeFileSync(`${file}.new`, readFileSync(file, 'utf8').slice(0, 40))
    const again = await startWitness(t, { logs, dir })
    assert.equal((await post(again.url, log.request(300, 301))).status, 200)
  })

  test('a disk that does not take a head ends all signing', async (t) => {
    const dir = temporaryDirectory(t)
    const faults: string[] = []
    const witness = await startWitness(t, { logs, dir, onFault: ({ code }) => faults.push(code) })
    await post(witness.url, log.request(0, 300))
    mkdirSync(join(dir, 'heads', `${originHash(log.signer.name)}.new`))
    assert.equal((await post(witness.url, log.request(300, 301))).status, 503)
    rmSync(join(dir, 'heads', `${originHash(log.signer.name)}.new`), { recursive: true })
    assert.equal((await post(witness.url, log.request(300, 301))).status, 503)
    assert.deepEqual(faults, ['storage-failed'])
    await witness.close()
    const again = await startWitness(t, { logs, dir })
    assert.equal((await post(again.url, log.request(300, 301))).status, 200)
  })
})

describe('a witness does not start', () => {
  const head = originHash(log.signer.name)
  const stopped = async (t: Parameters<typeof temporaryDirectory>[0]) => {
    const dir = temporaryDirectory(t)
    const witness = await startWitness(t, { logs, dir })
    await post(witness.url, log.request(0, 300))
    await witness.close()
    return { dir, witness }
  }
  const fault = (code: string) => ({ name: 'WitnessFault', code })

  test('without its name the first time, or under another name later', async (t) => {
    const dir = temporaryDirectory(t)
    await assert.rejects(startWitness(t, { logs, dir, name: 'a name' }), fault('bad-option'))
    const { dir: known } = await stopped(t)
    await assert.rejects(startWitness(t, { logs, dir: known, name: 'witness.example/two' }), fault('bad-option'))
  })
  test('with its heads gone, its key gone, or a head damaged, swapped or of another witness', async (t) => {
    const { dir } = await stopped(t)
    const broken = async (change: (dir: string) => void) => {
      const copy = join(temporaryDirectory(t), 'copy')
      cpSync(dir, copy, { recursive: true })
      change(copy)
      await startWitness(t, { logs, dir: copy })
    }
    await broken(() => {})
    const rewrite = (change: (note: string) => string) => (copy: string) => {
      const file = join(copy, 'heads', head)
      writeFileSync(file, change(readFileSync(file, 'utf8')))
    }
    const gone = fault('state-incomplete')
    await assert.rejects(
      broken((copy) => rmSync(join(copy, 'heads'), { recursive: true })),
      gone,
    )
    await assert.rejects(
      broken((copy) => rmSync(join(copy, 'witness.key'))),
      gone,
    )
    const damaged = fault('state-damaged')
    await assert.rejects(broken(rewrite((note) => note.slice(0, -10))), damaged)
    await assert.rejects(broken(rewrite(() => '')), damaged)
    await assert.rejects(broken(rewrite((note) => note.replace('\n300\n', '\n200\n'))), damaged)
    await assert.rejects(broken(rewrite(() => log.signed(200))), damaged)
    await assert.rejects(
      broken((copy) => cpSync(join(copy, 'heads', head), join(copy, 'heads', 'a'.repeat(64)))),
      damaged,
    )
    await assert.rejects(
      broken((copy) => writeFileSync(join(copy, 'witness.vkey'), 'nonsense')),
      damaged,
    )
  })
  test('with a clock behind what it has already said', async (t) => {
    const { dir } = await stopped(t)
    const clock = { nowMs: () => Date.now() - 3_600_000, monotonicUs: () => performance.now() * 1000 }
    await assert.rejects(startWitness(t, { logs, dir, clock }), fault('clock-behind'))
  })
  test('below a head that it has cosigned, when the operator holds one', async (t) => {
    const { dir, witness } = await stopped(t)
    const copy = join(temporaryDirectory(t), 'copy')
    cpSync(dir, copy, { recursive: true })
    const floor = (size: number) =>
      log.signed(size) + cosignatureLine(checkpointText(log.checkpoint(size)), witness.signer, 5)
    await assert.rejects(startWitness(t, { logs, dir, floors: [floor(300), floor(301)] }), fault('state-rolled-back'))
    await assert.rejects(startWitness(t, { logs, dir, floors: [log.signed(300)] }), fault('state-damaged'))
    await startWitness(t, { logs, dir, floors: [floor(300), floor(200)] })
  })
  test('once somebody has shown it a newer cosignature of its own: put back from a copy, it stops and stays stopped', async (t) => {
    const { dir } = await stopped(t)
    const copy = join(temporaryDirectory(t), 'copy')
    cpSync(dir, copy, { recursive: true })
    const later = await startWitness(t, { logs, dir })
    const cosigned = log.signed(500) + (await post(later.url, log.request(300, 500))).body
    await later.close()

    const faults: string[] = []
    const restored = await startWitness(t, { logs, dir: copy, onFault: ({ code }) => faults.push(code) })
    const forged = cosigned.replace(/.{8}\n$/, 'AAAAAA==\n')
    const body = (note: string) => formatAddCheckpoint({ oldSize: 0, proof: [], note })
    assert.equal((await post(restored.url, body(forged))).status, 409) // anybody can write a wrong one
    assert.equal((await post(restored.url, body(cosigned))).status, 503)
    assert.equal((await post(restored.url, log.request(300, 301))).status, 503)
    assert.deepEqual(faults, ['state-rolled-back'])
    assert.equal(restored.fault()?.code, 'state-rolled-back')
    await restored.close()
    await assert.rejects(startWitness(t, { logs, dir: copy }), fault('state-rolled-back'))
  })
})
