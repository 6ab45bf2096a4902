/** The committer behind its thread. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { verifyLog } from '../../event-log/verify.ts'
import type { OperationId, Position, PrincipalId, StreamId } from '../../model/ids.ts'
import { parseVerifierKey } from '../../model/signed-note.ts'
import type { SideRecord } from '../../storage/storage.ts'
import { openSqliteWriter } from '../../storage/sqlite/writer.ts'
import { openCheckpoint } from '../../transparency-log/checkpoint.ts'
import { verifyReceipt } from '../../transparency-log/tlog-proof.ts'
import { AGENT, commitRequest, dataDirectory, ORIGIN, readModel } from '../../../test/support/commits.ts'
import { COMMITS_WAITING_MAX, openCommitter } from './committer.ts'

const event = (stream: string, version: number) => ({
  stream: stream as StreamId,
  version,
  type: 'changed',
  data: '{}',
})
const start = async (dir: string) => {
  const committer = await openCommitter({ dir, origin: ORIGIN, synchronous: 'OFF' })
  await committer.adoptEpochs(1, new Map([[AGENT, 1]]))
  await committer.declareReadModels({ rows: readModel([['color']]) })
  return committer
}

describe('committer thread', () => {
  test('concurrent callers each get their own answer, and readers see what was answered', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    const reader = committer.reader()
    const log = parseVerifierKey(committer.vkey)
    await Promise.all(
      Array.from({ length: 20 }, async (_, caller) => {
        for (let version = 1; version <= 10; version++) {
          const request = commitRequest(`op_${caller}_${version}`, { events: [event(`order/${caller}`, version)] })
          const answer = await committer.commit(request)
          assert(answer.kind === 'committed')
          assert.equal(verifyReceipt(answer.receipt, log).origin, ORIGIN)
          assert.match(answer.receipt.record, new RegExp(`"op":"op_${caller}_${version}"`))
          assert.equal(reader.operation(request.operation)?.position, answer.position)
        }
      }),
    )
    const report = await verifyLog(reader, { checkpoint: await committer.checkpoint(), log })
    assert.deepEqual([report.records, report.findings], [400, []])
    const receipt = await committer.receipt(7 as Position)
    assert.equal(verifyReceipt(receipt, log).size, 400)
    await assert.rejects(committer.receipt(400 as Position), { code: 'invalid-position' })
    reader.close()
    await committer.close()
  })

  test('one hot stream: of equal versions exactly one lands', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, caller) =>
        committer.commit(commitRequest(`op_${caller}`, { events: [event('order/1', 1)] })),
      ),
    )
    assert.equal(answers.filter(({ kind }) => kind === 'committed').length, 1)
    assert.equal(answers.filter(({ kind }) => kind === 'moved').length, 49)
    await committer.close()
  })

  test('commits handed in together may build on each other, in the order they were handed in', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, place) =>
        committer.commit(commitRequest(`op_${place}`, { events: [event('order/1', place + 1)] })),
      ),
    )
    assert(answers.every(({ kind }) => kind === 'committed'))
    await committer.close()
  })

  test('epochs adopted are in force for all that still waits', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    const early = committer.commit(commitRequest('op_1'))
    await early
    const adopted = committer.adoptEpochs(2, new Map([[AGENT, 2]]))
    const late = committer.commit(commitRequest('op_2'))
    await adopted
    assert.deepEqual(await late, { kind: 'revoked', principal: AGENT })
    await committer.close()
  })

  test('a receipt asked for together with commits verifies', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    await committer.commit(commitRequest('op_1'))
    const more = Array.from({ length: 5 }, (_, place) => committer.commit(commitRequest(`more_${place}`)))
    verifyReceipt(await committer.receipt(0 as Position), parseVerifierKey(committer.vkey))
    await Promise.all(more)
    await committer.close()
  })

  test('more than the queue holds is refused at once, and nothing of it is written', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    const request = (place: number) => commitRequest(`op_${place}`)
    const waiting = Array.from({ length: COMMITS_WAITING_MAX }, (_, place) => committer.commit(request(place)))
    await assert.rejects(committer.commit(request(-1)), { code: 'overloaded' })
    assert((await Promise.all(waiting)).every(({ kind }) => kind === 'committed'))
    const reader = committer.reader()
    assert.equal(reader.operation('op_-1' as OperationId), null)
    assert.equal((await committer.commit(request(-1))).kind, 'committed')
    reader.close()
    await committer.close()
  })

  test('the log goes on under the same key after closing; what waited was finished', async () => {
    using dir = dataDirectory()
    const first = await start(dir.path)
    const last = first.commit(commitRequest('op_1', { events: [event('order/1', 1)] }))
    await first.close()
    assert.equal((await last).kind, 'committed')
    await assert.rejects(first.commit(commitRequest('op_2')), { code: 'storage-unavailable' })
    await first.close()
    assert.equal(readFileSync(join(dir.path, 'log.vkey'), 'utf8'), `${first.vkey}\n`)

    const second = await start(dir.path)
    assert.equal(second.vkey, first.vkey)
    const reader = second.reader()
    const stored = reader.meta('checkpoint') ?? ''
    assert.equal(openCheckpoint(stored, parseVerifierKey(first.vkey)).size, 2)
    assert.equal((await second.commit(commitRequest('op_1', { events: [event('order/1', 1)] }))).kind, 'known')
    assert.equal((await second.commit(commitRequest('op_2', { events: [event('order/1', 2)] }))).kind, 'committed')
    reader.close()
    await second.close()
  })

  test('beside the published key lies a checkpoint under it, from the start on', async () => {
    using dir = dataDirectory()
    for (const start of ['new', 'with what was stored before']) {
      const committer = await openCommitter({ dir: dir.path, origin: ORIGIN })
      const reader = committer.reader()
      assert.equal(reader.meta('checkpoint'), await committer.checkpoint(), start)
      reader.close()
      await committer.close()
      const storage = openSqliteWriter(dir.path)
      storage.setMeta('checkpoint', 'of another key')
      storage.close()
    }
  })

  test('a directory is one log, opened once', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    await assert.rejects(openCommitter({ dir: dir.path, origin: ORIGIN }), { code: 'data-directory-locked' })
    await committer.close()
    await assert.rejects(openCommitter({ dir: dir.path, origin: 'log.example/else' }), { code: 'usage' })
  })

  test('a request that is not plain data fails alone', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    const bad = commitRequest('op_bad', { payload: (() => '{}') as never })
    const [good, refused] = await Promise.allSettled([committer.commit(commitRequest('op_1')), committer.commit(bad)])
    assert(good.status === 'fulfilled' && good.value.kind === 'committed')
    assert(refused.status === 'rejected' && refused.reason.code === 'bug')
    await committer.close()
  })

  test('the client stamps the time', async () => {
    using dir = dataDirectory()
    const clock = { nowMs: () => 42_000, monotonicUs: () => 0 }
    const committer = await openCommitter({ dir: dir.path, origin: ORIGIN, synchronous: 'OFF', clock })
    const answer = await committer.commit(commitRequest('op_1', { chain: [] }))
    assert(answer.kind === 'committed' && answer.recordedAtMs === 42_000)
    await committer.close()
  })

  test('side records and snapshots are there soon, without a commit', async () => {
    using dir = dataDirectory()
    const committer = await start(dir.path)
    const answer = await committer.commit(commitRequest('op_1', { events: [event('order/1', 1)] }))
    assert(answer.kind === 'committed')
    const [head] = answer.heads
    assert(head !== undefined)
    const denied: SideRecord = {
      ...{
        kind: 'denied',
        principal: AGENT as PrincipalId,
        operation: null,
        action: 'do',
        recordedAtMs: 1,
        body: '{}',
      },
    }
    committer.writeSide([denied], [{ ...head, position: 0 as Position, state: '{"n":1}', release: 'rel_1' }])
    const reader = committer.reader()
    while (reader.sideRecords({}, null, 1).length === 0) await setTimeout(10)
    assert.equal(reader.snapshot('order/1' as StreamId, 1 as Position)?.state, '{"n":1}')
    reader.close()
    await committer.close()
  })
})
