/** Commits and their signatures: what waits, what is shown meanwhile, what goes on, and what must not. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OperationId, Position, StreamId } from '../../model/ids.ts'
import { parseVerifierKey } from '../../model/signed-note.ts'
import { openSqliteWriter } from '../../storage/sqlite/writer.ts'
import { openCheckpoint } from '../../transparency-log/checkpoint.ts'
import type { LogSigner } from '../../transparency-log/signer/log-signer.ts'
import { openSigner } from '../../transparency-log/signer/open-signer.ts'
import { startSigner } from '../../transparency-log/signer/signer-process.ts'
import { verifyReceipt } from '../../transparency-log/tlog-proof.ts'
import { commitRequest, dataDirectory, ORIGIN } from '../../../test/support/commits.ts'
import { openCommitter, type OpenCommitter } from './committer.ts'
import { CommitterCore } from './committer-core.ts'
import { Signing } from './signing.ts'

const request = (operation: string) => commitRequest(operation, { chain: [] })
const event = (stream: string, version: number) => ({
  stream: stream as StreamId,
  version,
  type: 'changed',
  data: '{}',
})

async function withProcess(t: TestContext, dir: string) {
  const signer = await startSigner({ dir: join(dir, 'signer'), origin: ORIGIN, onProblem: () => {} })
  const committer = await openCommitter({
    ...{ dir, origin: ORIGIN, signerSocket: signer.socket },
    onSignerSilent: () => signer.restart(),
  })
  let open = true
  const close = async (): Promise<void> => {
    if (open) await committer.close()
    if (open) await signer.close()
    open = false
  }
  t.after(close)
  return { signer, committer, close }
}
async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(25)
}

describe('signing', () => {
  test('a commit is answered under a signed checkpoint; while the signer is away it waits, and shows', async (t) => {
    using dir = dataDirectory()
    const { signer, committer } = await withProcess(t, dir.path)
    const log = parseVerifierKey(committer.vkey)
    const first = await committer.commit(request('op_1'))
    assert(first.kind === 'committed')
    verifyReceipt(first.receipt, log)
    assert.equal(committer.signing().state, 'signing')

    process.kill(signer.pid as number, 'SIGSTOP')
    const waiting = committer.commit(request('op_2'))
    const reader = committer.reader()
    t.after(() => reader.close())
    await until(() => reader.operation('op_2' as OperationId) !== null)
    await until(() => committer.signing().state === 'awaiting-signer')
    assert.equal(committer.signing().unsigned, 1)
    assert.equal(openCheckpoint(await committer.checkpoint(), log).size, 1, 'nothing is signed over it')
    assert.equal((await committer.receipt(0 as Position)).index, 0, 'what is signed is answered as ever')
    const asked = committer.checkpointOver(1 as Position)
    const again = committer.commit(request('op_2'))
    assert.equal((await again).kind, 'known')
    const receipt = committer.receipt(1 as Position)
    process.kill(signer.pid as number, 'SIGCONT')
    const second = await waiting
    assert(second.kind === 'committed')
    for (const one of [second.receipt, await receipt]) assert.equal(verifyReceipt(one, log).size, 2)
    assert.equal(openCheckpoint(await asked, log).size, 2)
    await until(() => committer.signing().state === 'signing')
  })

  test('a signer that is killed again and again: every commit is answered once, with a receipt that holds', async (t) => {
    using dir = dataDirectory()
    const { signer, committer } = await withProcess(t, dir.path)
    const log = parseVerifierKey(committer.vkey)
    let answered = 0
    const killing = (async () => {
      for (const after of [20, 90, 160, 230]) {
        await until(() => answered >= after)
        signer.restart()
      }
    })()
    await Promise.all(
      Array.from({ length: 8 }, async (_, caller) => {
        for (let version = 1; version <= 40; version++) {
          const answer = await committer.commit(
            commitRequest(`op_${caller}_${version}`, { chain: [], events: [event(`order/${caller}`, version)] }),
          )
          assert(answer.kind === 'committed')
          assert(verifyReceipt(answer.receipt, log).size > answer.position)
          answered++
        }
      }),
    )
    await killing
  })

  test('closing does not wait for ever for a signer that is away, and the next opening signs what was written', async (t) => {
    using dir = dataDirectory()
    const { signer, committer, close } = await withProcess(t, dir.path)
    process.kill(signer.pid as number, 'SIGSTOP')
    const waiting = assert.rejects(committer.commit(request('op_1')), { code: 'signer-unavailable' })
    await committer.close()
    await waiting
    process.kill(signer.pid as number, 'SIGCONT')
    await close()
    const next = await withProcess(t, dir.path)
    const receipt = await next.committer.receipt(0 as Position)
    assert.equal(verifyReceipt(receipt, parseVerifierKey(next.committer.vkey)).size, 1)
  })

  test('while the signer works, batches go on being written, and one signature covers them', async () => {
    using dir = dataDirectory()
    const signer = await openSigner({ dir: join(dir.path, 'signer'), origin: ORIGIN, durable: false })
    const storage = openSqliteWriter(dir.path, { synchronous: 'OFF' })
    const core = new CommitterCore({ storage, clock: { nowMs: () => 1, monotonicUs: () => 0 }, origin: ORIGIN })
    let gate = Promise.resolve()
    const asked: number[] = []
    const gated: LogSigner = {
      claim: () => signer.claim(),
      standing: () => signer.standing(),
      close: () => signer.close(),
      async sign(wanted) {
        asked.push(Number(wanted.body.split('\n')[1]))
        await gate
        return await signer.sign(wanted)
      },
    }
    const signed = new Set<number>()
    const signing: Signing = await Signing.open({
      ...{ signer: gated, log: core, onChange: () => {}, onSilent: () => {} },
      onSigned: () => signed.add(signing.size),
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    for (let batch = 0; batch < 5; batch++) {
      await core.commit([request(`op_${batch}`)])
      signing.wake()
      await sleep(1)
    }
    assert.equal(core.head.treeSize, 5, 'the writing does not wait')
    assert.deepEqual([signing.size, asked], [0, [0, 1]])
    resolve()
    while (signing.size < 5) await sleep(1)
    assert.deepEqual(asked, [0, 1, 5], 'four batches under one signature')
    assert.deepEqual([...signed], [1, 5])
    await signing.close()
    storage.close()
  })

  const open = (dir: string, signerDir = dir): Promise<OpenCommitter> => {
    if (signerDir === dir) return openCommitter({ dir, origin: ORIGIN, synchronous: 'OFF' })
    cpSync(join(signerDir, 'signer'), join(dir, 'signer'), { recursive: true })
    return openCommitter({ dir, origin: ORIGIN, synchronous: 'OFF' })
  }
  async function commitAndClose(committer: OpenCommitter, ...operations: string[]): Promise<void> {
    for (const operation of operations) await committer.commit(request(operation))
    await committer.close()
  }

  test('a database put back from an older copy is told at the start, and nothing is written', async () => {
    using dir = dataDirectory()
    await commitAndClose(await open(dir.path), 'op_1', 'op_2')
    const copy = readFileSync(join(dir.path, 'data.db'))
    await commitAndClose(await open(dir.path), 'op_3')
    writeFileSync(join(dir.path, 'data.db'), copy)
    await assert.rejects(open(dir.path), (error: Error & { code?: string; members?: object }) => {
      assert.deepEqual([error.code, error.members], ['log-behind-signer', { signed: 3, records: 2 }])
      return true
    })
    await assert.rejects(open(dir.path), { code: 'log-behind-signer' }, 'again, and not worn down by asking')
  })

  test('a database with another history than was signed is told at the start', async () => {
    using one = dataDirectory()
    using other = dataDirectory()
    await commitAndClose(await open(one.path), 'op_1', 'op_2')
    await commitAndClose(await open(other.path), 'op_x', 'op_y', 'op_z')
    for (const file of ['data.db', 'rows.key']) cpSync(join(other.path, file), join(one.path, file))
    await assert.rejects(open(one.path), { code: 'log-forked' })
  })

  test('who has lost the log to another writer commits nothing more, and says so', async (t) => {
    using dir = dataDirectory()
    const { signer, committer } = await withProcess(t, dir.path)
    await committer.commit(request('op_1'))
    using copy = dataDirectory()
    const writer = openSqliteWriter(copy.path)
    writer.close()
    const behind = { dir: copy.path, origin: ORIGIN, signerSocket: signer.socket }
    await assert.rejects(openCommitter(behind), { code: 'log-behind-signer' })
    assert.equal((await committer.commit(request('op_2'))).kind, 'committed', 'who may not write stops nobody')
    for (const file of ['data.db', 'data.db-wal', 'rows.key']) cpSync(join(dir.path, file), join(copy.path, file))
    const second = await openCommitter(behind)
    t.after(() => second.close())
    await assert.rejects(committer.commit(request('op_3')), { code: 'signer-fenced' })
    assert.equal(committer.signing().state, 'refused')
    await assert.rejects(committer.commit(request('op_4')), { code: 'signer-fenced' })
    assert.equal((await second.commit(request('op_5'))).kind, 'committed')
  })
})
