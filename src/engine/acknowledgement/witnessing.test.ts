/** The rounds by themselves: a log that never stands still, witnesses that are slow, busy, or away, each in its own way. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startWitnessHere, writePolicy, type Witness } from '../../../test/support/witnesses.ts'
import { systemClock } from '../../host/clock.ts'
import type { Position } from '../../model/ids.ts'
import { formatVerifierKey, noteSigner } from '../../model/signed-note.ts'
import { signCheckpoint } from '../../transparency-log/checkpoint.ts'
import { judgeCheckpoint } from '../../transparency-log/policy-file-quorum.ts'
import { verifyInclusion } from '../../transparency-log/proofs.ts'
import { StoredTree } from '../../transparency-log/stored-tree.ts'
import { packHashes, TILE_WIDTH } from '../../transparency-log/tiles.ts'
import { parseTlogProof } from '../../transparency-log/tlog-proof.ts'
import { TestLog } from '../../transparency-log/witness/testing/test-log.ts'
import { LogStop } from './log-stop.ts'
import { readWitnessPolicy } from './witness-policy.ts'
import { Witnessing } from './witnessing.ts'

const NEVER = new AbortController().signal

/** How a witness is reached: after this long, or not at all. Seeded, so that a failure can be run again. */
interface Road {
  readonly url: string
  delayMs: () => number
  /** Every so many requests are answered 503. */
  busyEvery: number
}

async function roadTo(t: TestContext, witness: Witness): Promise<Road> {
  let requests = 0
  const over = new AbortController()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => void pass(Buffer.concat(chunks)).catch(() => response.destroy()))
    const pass = async (body: Buffer): Promise<void> => {
      await sleep(road.delayMs(), undefined, { signal: over.signal })
      if (++requests % road.busyEvery === 0) return void response.writeHead(503).end('busy\n')
      const { method = 'GET', url = '/' } = request
      const answer = await fetch(witness.url + url, { method, ...(method === 'POST' ? { body } : {}) })
      const type = answer.headers.get('content-type') ?? 'text/plain'
      response.writeHead(answer.status, { 'content-type': type }).end(await answer.text())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    over.abort()
    server.close()
    server.closeAllConnections()
  })
  const road: Road = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    delayMs: () => 0,
    busyEvery: Infinity,
  }
  return road
}

/** A log in memory whose newest checkpoint is whatever it has grown to. */
function storeOf(log: TestLog) {
  const tile = (level: number, index: number): Uint8Array | null =>
    level > 0 || (index + 1) * TILE_WIDTH > log.size
      ? null
      : packHashes(Array.from({ length: TILE_WIDTH }, (_, place) => log.leaf(index * TILE_WIDTH + place)))
  const leafHashes = (from: number, to: number) =>
    Array.from({ length: Math.max(0, Math.min(to, log.size) - from) }, (_, place) => log.leaf(from + place))
  return new StoredTree({ tile, leafHashes })
}

async function witnessed(
  t: TestContext,
  threshold: number,
  names: readonly string[],
  everyMs: number,
  newest: (log: TestLog) => string = (log) => log.signed(),
) {
  const problems: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'plinth-rounds-'))
  const log = new TestLog().grow(1)
  const witnesses = await Promise.all(
    names.map((name) => startWitnessHere(t, folder, name, formatVerifierKey(log.signer))),
  )
  const roads = await Promise.all(witnesses.map((witness) => roadTo(t, witness)))
  const asked = witnesses.map((witness, place) => ({ ...witness, url: (roads[place] as Road).url }))
  const path = await writePolicy(folder, formatVerifierKey(log.signer), asked, threshold)
  const policy = readWitnessPolicy(path, log.signer)
  const stop = new LogStop(folder)
  const started: Witnessing[] = []
  const start = (note: () => string): Witnessing => {
    const witnessing = new Witnessing({
      ...{ dir: folder, log: log.pinned, policy, tree: storeOf(log), stop, clock: systemClock, everyMs },
      ...{ timeoutMs: 1_000, before: null, newest: note, onProblem: (what: string) => void problems.push(what) },
    })
    witnessing.start()
    started.push(witnessing)
    return witnessing
  }
  const witnessing = start(() => newest(log))
  t.after(async () => {
    for (const one of started) await one.close()
    rmSync(folder, { recursive: true })
  })
  return { log, roads, witnesses, witnessing, start, policy: policy.policy, stop, problems }
}

test('while the log grows faster than anybody answers, one head after the other gets its quorum, each by the policy', async (t) => {
  let seed = 7
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
  const { log, roads, witnessing, policy, stop, problems } = await witnessed(
    t,
    3,
    ['fast', 'slow', 'slower', 'moody'],
    10,
  )
  const pace = [0, 8, 20, 40]
  for (const [place, road] of roads.entries()) road.delayMs = () => random(1 + (pace[place] ?? 0))
  if (roads[3] !== undefined) roads[3].busyEvery = 2
  let growing = true
  const growth = (async () => {
    for (; growing; await sleep(1)) log.grow(log.size + 1 + random(5))
  })()
  const sizes: number[] = []
  for (let round = 0; round < 15; round++) {
    const position = (log.size - 1) as Position
    assert.ok(await witnessing.wait(position, 30_000, NEVER), witnessing.obstacle)
    const head = witnessing.witnessed
    assert.ok(head !== null && head.size > position)
    const { verdict, checkpoint } = judgeCheckpoint(policy, head.note)
    assert.deepEqual([verdict.kind, checkpoint.size], ['satisfied', head.size])
    const { proof } = witnessing.receipt(position, 'the record')
    const { hashes, index } = parseTlogProof(proof)
    assert.ok(verifyInclusion(index, head.size, log.leaf(position), hashes, checkpoint.rootHash))
    sizes.push(head.size)
  }
  growing = false
  await growth
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => a - b),
  )
  assert.deepEqual([stop.mark, problems], [null, []])
})

test('a witness that hangs costs its own time only; one that comes back is brought up while nothing else happens', async (t) => {
  const { log, roads, witnesses, witnessing } = await witnessed(t, 2, ['one', 'two', 'three'], 20)
  const third = roads[2] as Road
  third.delayMs = () => 60_000
  log.grow(700)
  assert.ok(await witnessing.wait(699 as Position, 30_000, NEVER))
  while (witnessing.witnesses[2]?.lastError?.code !== 'timed-out') await sleep(10)
  third.delayMs = () => 0
  while (witnessing.witnesses[2]?.size !== 700) await sleep(10)
  assert.equal(witnessing.witnesses[2]?.lastError, null)
  await witnesses[0]?.kill()
  log.grow(701)
  assert.ok(await witnessing.wait(700 as Position, 30_000, NEVER), 'what was brought up is a part of the quorum again')
})

test('with everybody away it asks again, says why, and stops when it is closed', async (t) => {
  const { log, roads, witnessing } = await witnessed(t, 1, ['one'], 10_000)
  assert.ok(await witnessing.wait(0 as Position, 30_000, NEVER))
  const road = roads[0] as Road
  road.busyEvery = 1
  log.grow(2)
  assert.equal(await witnessing.wait(1 as Position, 300, NEVER), false)
  while ((witnessing.witnesses[0]?.failed ?? 0) < 2 || !/`one` busy: 503/.test(witnessing.obstacle)) await sleep(10)
  const waiting = witnessing.wait(1 as Position, 60_000, NEVER)
  await witnessing.close()
  assert.equal(await waiting, false)
  assert.equal(await witnessing.wait(1 as Position, 60_000, NEVER), false)
})

test('a witness that is further than what is signed, but not than what is here, has caught nobody', async (t) => {
  const { log, witnessing, start, stop, problems } = await witnessed(t, 1, ['one'], 10)
  const [early, position] = [log.grow(3).signed(), 4 as Position]
  log.grow(5)
  assert.ok(await witnessing.wait(position, 30_000, NEVER))
  await witnessing.close()
  // As after a start of a signer that has forgotten what it signed, until a witness has told it.
  let newest = early
  const forgetful = start(() => newest)
  const waiting = forgetful.wait(position, 30_000, NEVER)
  while ((forgetful.witnesses[0]?.failed ?? 0) < 4 && stop.mark === null) await sleep(5)
  assert.equal(forgetful.witnesses[0]?.lastError?.code, 'ahead')
  newest = log.signed()
  assert.equal(await waiting, true)
  assert.deepEqual([stop.mark, problems], [null, []])
})

test('a checkpoint by a key that the policy does not have is not handed in, is told once, and is why nothing is witnessed', async (t) => {
  const stranger = noteSigner('log.example/orders', generateKeyPairSync('ed25519').privateKey)
  const foreign = (log: TestLog): string => signCheckpoint(log.checkpoint(), stranger)
  const { log, witnessing, problems, stop } = await witnessed(t, 1, ['one'], 10, foreign)
  log.grow(2)
  assert.equal(await witnessing.wait(1 as Position, 400, NEVER), false)
  assert.match(witnessing.obstacle, /cannot be handed in/)
  assert.deepEqual([problems.length, stop.mark], [1, null])
})
