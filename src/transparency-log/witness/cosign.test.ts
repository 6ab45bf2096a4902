/** The log's half: real witnesses on loopback, some of them down, slow, behind, put back, or not who they should be. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, rmSync } from 'node:fs'
import { createServer, request, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { formatVerifierKey } from '../../model/signed-note.ts'
import { cosignatureSigner, formatCosignatureKey } from '../cosignature.ts'
import { judgeCheckpoint } from '../policy-file-quorum.ts'
import { parsePolicyFile } from '../policy-file.ts'
import { cosign, enoughFor, ownTree, type Enough } from './cosign.ts'
import { verifyEquivocation } from './equivocation.ts'
import { originHash } from './head-files.ts'
import type { RunningWitness } from './open-witness.ts'
import { post, startWitness, temporaryDirectory } from './testing/temporary.ts'
import { TestLog } from './testing/test-log.ts'
import { WitnessClient, type WitnessClientOptions } from './witness-client.ts'

const log = new TestLog().grow(600)
const logs = [log.pinned]
const never = new AbortController().signal
const tree = ownTree(log.nodes)

const clientOf = (witness: RunningWitness, options: Partial<WitnessClientOptions> = {}): WitnessClient =>
  new WitnessClient(
    { name: witness.signer.name, url: witness.url, key: witness.signer },
    { log: log.pinned, tree, timeoutMs: 60_000, ...options },
  )
const enoughOf =
  (count: number): Enough =>
  (cosigned) =>
    cosigned.size >= count
const start = (t: TestContext, number: number, dir = temporaryDirectory(t)) =>
  startWitness(t, { logs, dir, name: `w${number}` })

/** Something at a witness's address that is not a witness. */
async function impostor(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const stranger = () => cosignatureSigner('w9', generateKeyPairSync('ed25519').privateKey)
const clientAt = (url: string, options: Partial<WitnessClientOptions> = {}) =>
  new WitnessClient({ name: 'w9', url, key: stranger() }, { log: log.pinned, tree, timeoutMs: 60_000, ...options })

describe('a checkpoint is cosigned', () => {
  test('as soon as enough witnesses have, whatever the others do; their cosignatures satisfy the policy', async (t) => {
    const witnesses = [await start(t, 1), await start(t, 2)]
    const silent = clientAt(await impostor(t, () => {}))
    const policy = parsePolicyFile(
      [
        `log ${formatVerifierKey(log.signer)}`,
        ...witnesses.map(({ signer, vkey }) => `witness ${signer.name} ${vkey}`),
        `witness w9 ${formatCosignatureKey(silent.address.key)}`,
        'group q 2 w1 w2 w9',
        'quorum q',
        '',
      ].join('\n'),
    )
    const clients = [...witnesses.map((witness) => clientOf(witness)), silent]
    const abort = new AbortController()
    for (const size of [1, 256, 600]) {
      const arrived: string[] = []
      const onCosignature = (name: string) => arrived.push(name)
      const done = await cosign(log.signed(size), clients, { enough: enoughFor(policy), onCosignature }, abort.signal)
      assert.equal(done.kind, 'enough')
      assert.deepEqual(arrived.sort(), ['w1', 'w2'])
      const { checkpoint, verdict } = judgeCheckpoint(policy, done.note)
      assert.deepEqual([checkpoint, verdict], [log.checkpoint(size), { kind: 'satisfied' }])
    }
    assert.deepEqual(
      clients.map(({ state }) => [state.name, state.size, state.lag, state.inFlight]),
      [
        ['w1', 600, 0, false],
        ['w2', 600, 0, false],
        ['w9', null, null, true],
      ],
    )
    abort.abort()
  })

  test('a late cosignature still arrives, and no witness has two requests at once', async (t) => {
    const witness = await start(t, 1)
    let atOnce = 0
    let mostAtOnce = 0
    const asked = Promise.withResolvers<void>()
    const slow = await impostor(t, (incoming, outgoing) => {
      mostAtOnce = Math.max(mostAtOnce, ++atOnce)
      const forward = request(witness.url + incoming.url, { method: incoming.method }, (answer) => {
        void asked.promise.then(() => {
          atOnce--
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(outgoing)
        })
      })
      incoming.pipe(forward)
    })
    const client = new WitnessClient({ name: 'w1', url: slow, key: witness.signer }, { log: log.pinned, tree })
    const late: number[] = []
    const onCosignature = () => late.push(client.state.size ?? -1)
    const done = []
    for (let size = 100; size <= 110; size++)
      done.push(await cosign(log.signed(size), [client], { enough: enoughOf(0), onCosignature }, never))
    asked.resolve() // the first is answered only now that all the others are waiting
    const last = await Promise.all(done.map(({ settled }) => settled))
    assert(done.every(({ kind, answers }) => kind === 'enough' && answers.size === 0))
    const kinds = last.map((answers) => answers.get('w1')?.kind)
    assert.deepEqual([kinds[0], kinds[5], kinds[10]], ['cosigned', 'overtaken', 'cosigned'])
    assert.deepEqual(late, [100, 110])
    assert.equal(mostAtOnce, 1)
  })

  test('a witness that others have moved, or that is only now known, is caught up with', async (t) => {
    const witness = await start(t, 1)
    const client = clientOf(witness)
    assert.equal((await client.submit(log.signed(10), never)).kind, 'cosigned')
    await post(witness.url, log.request(10, 77))
    assert.equal((await client.submit(log.signed(300), never)).kind, 'cosigned')
    const another = clientOf(witness)
    assert.equal((await another.submit(log.signed(300), never)).kind, 'cosigned')
    assert.equal((await another.latest(never))?.checkpoint.size, 300)
    // An earlier checkpoint needs no cosignature of its own any more, and says nothing of the log.
    assert.equal((await another.submit(log.signed(20), never)).kind, 'overtaken')
    assert.equal(another.state.lastError, null)
  })

  test('a witness that is down makes it wait, visibly, and is caught up with when it is back', async (t) => {
    const dir = temporaryDirectory(t)
    const [one, two] = [await start(t, 1), await start(t, 2, dir)]
    const clients = [clientOf(one), clientOf(two)]
    const all = { enough: enoughOf(2) }
    assert.equal((await cosign(log.signed(10), clients, all, never)).kind, 'enough')
    await two.close()
    const short = await cosign(log.signed(500), clients, all, never)
    assert.deepEqual([short.kind, [...short.cosignatures.keys()]], ['short', ['w1']])
    const { lag, lastError, failed } = (clients[1] as WitnessClient).state
    assert.deepEqual([lag, lastError?.code, failed], [490, 'unreachable', 1])
    await startWitness(t, { logs, dir, name: 'w2', port: two.port })
    assert.equal((await cosign(log.signed(600), clients, all, never)).kind, 'enough')
    assert.deepEqual([clients[1]?.state.lag, clients[1]?.state.lastError], [0, null])
  })

  test('the caller may give up, and learns at the next one what was cosigned meanwhile', async (t) => {
    const abort = new AbortController()
    const client = clientAt(await impostor(t, () => abort.abort(new Error('given up'))))
    await assert.rejects(cosign(log.signed(10), [client], { enough: enoughOf(1) }, abort.signal), /given up/)
    await assert.rejects(cosign(log.signed(10), [client], { enough: enoughOf(1) }, abort.signal), /given up/)
    assert.equal(client.state.lastError, null)
  })
})

describe('what a log learns of itself', () => {
  test('a fork is refused with proof that convicts it: at another size, at the same size, and at one that was passed', async (t) => {
    const witness = await start(t, 1)
    await post(witness.url, log.request(0, 300))
    const fork = log.fork(250)
    for (const size of [400, 300]) {
      const filed: string[] = []
      const client = clientOf(witness, { tree: ownTree(fork.nodes) })
      const onRefusal = (name: string) => filed.push(name)
      const done = await cosign(fork.signed(size), [client], { enough: enoughOf(1), onRefusal }, never)
      const answer = done.answers.get('w1')
      assert(done.kind === 'refused' && answer?.kind === 'refused' && filed.length === 1)
      assert.equal(answer.error.code, 'refused')
      const text = JSON.stringify(answer.evidence.proof)
      assert.deepEqual(
        verifyEquivocation(text, log.pinned).map((head) => head.size),
        [300, size],
      )
      assert.equal(client.state.lastError?.code, 'refused')
    }
  })
  test('a log that has lost its tail is told that its witness is further', async (t) => {
    const witness = await start(t, 1)
    await post(witness.url, log.request(0, 600))
    const client = clientOf(witness)
    const answer = await client.submit(log.signed(500), never)
    assert(answer.kind === 'failed' && answer.error.code === 'ahead')
    const head = await client.latest(never)
    assert.equal(head?.checkpoint.size, 600)
    assert.equal((await client.submit(log.signed(600), never)).kind, 'cosigned')
  })
  test('a witness that was refused proof by its peer gives evidence without proof', async (t) => {
    const url = await impostor(t, (incoming, outgoing) => {
      outgoing.writeHead(incoming.method === 'POST' ? 422 : 404).end('no\n')
    })
    const answer = await clientAt(url).submit(log.signed(10), never)
    assert(answer.kind === 'refused')
    assert.deepEqual(answer.evidence, { proof: null, refused: log.signed(10), head: null })
  })
})

describe('what a log learns of its witness', () => {
  test('put back from a copy, it is brought up again, and that it forgot stays visible', async (t) => {
    const [dir, copy] = [temporaryDirectory(t), join(temporaryDirectory(t), 'copy')]
    const witness = await start(t, 1, dir)
    const client = clientOf(witness)
    await client.submit(log.signed(100), never)
    await witness.close()
    cpSync(dir, copy, { recursive: true })
    const later = await startWitness(t, { logs, dir, name: 'w1', port: witness.port })
    await client.submit(log.signed(300), never)
    await later.close()
    rmSync(dir, { recursive: true })
    await startWitness(t, { logs, dir: copy, name: 'w1', port: witness.port })
    assert.equal((await client.submit(log.signed(400), never)).kind, 'cosigned')
    assert.equal(client.state.rolledBack?.code, 'rolled-back')
    assert.equal(client.state.lastError, null)
  })

  for (const [name, code, listener] of [
    ['does not know the log', 'unknown-log', (_, outgoing) => outgoing.writeHead(404).end('no\n')],
    ['is busy', 'busy', (_, outgoing) => outgoing.writeHead(503).end('later\n')],
    ['breaks down', 'unreachable', (_, outgoing) => outgoing.writeHead(500).end('oh\n')],
    ['hangs up', 'unreachable', (incoming) => incoming.socket.destroy()],
    ['redirects', 'unreachable', (_, outgoing) => outgoing.writeHead(302, { Location: '/else' }).end()],
    ['does not answer', 'timed-out', () => {}],
    ['answers without end', 'unreachable', (_, outgoing) => outgoing.end('x'.repeat(200_000))],
    ['answers nothing', 'no-cosignature', (_, outgoing) => outgoing.end()],
    [
      'names a size that is none',
      'unreachable',
      (_, out) => out.writeHead(409, { 'Content-Type': 'text/x.tlog.size' }).end('-1\n'),
    ],
    ['names a new size each time', 'busy', wandering()],
  ] as readonly (readonly [string, string, RequestListener])[])
    test(`one that ${name} fails with \`${code}\``, async (t) => {
      const client = clientAt(await impostor(t, listener), code === 'timed-out' ? { timeoutMs: 50 } : {})
      const answer = await client.submit(log.signed(100), never)
      assert(answer.kind === 'failed')
      assert.equal(answer.error.code, code, answer.error.detail)
      assert.deepEqual(client.state.lastError, answer.error)
    })

  test('a cosignature by another key is none', async (t) => {
    const witness = await start(t, 1)
    const client = clientAt(witness.url)
    const answer = await client.submit(log.signed(100), never)
    assert(answer.kind === 'failed' && answer.error.code === 'no-cosignature')
    await assert.rejects(client.latest(never), { name: 'NoteError' })
  })
  test('its head is null where it has none, and an address must be one', async (t) => {
    const witness = await start(t, 1)
    assert.equal(await clientOf(witness).latest(never), null)
    assert.throws(() => clientAt('file:///heads'), { name: 'TypeError' })
    assert.match(originHash(log.signer.name), /^[0-9a-f]{64}$/)
  })
  test('a checkpoint of another log is not handed in', async (t) => {
    const client = clientOf(await start(t, 1))
    const other = new TestLog().grow(5)
    await assert.rejects(cosign(other.signed(), [client], { enough: enoughOf(1) }, never), { name: 'NoteError' })
  })
})

function wandering(): RequestListener {
  let size = 0
  return (_, outgoing) => void outgoing.writeHead(409, { 'Content-Type': 'text/x.tlog.size' }).end(`${++size}\n`)
}
