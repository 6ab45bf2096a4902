import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { verifyLog } from '../../event-log/verify.ts'
import { findDigest } from '../../model/find-digest.ts'
import type { OperationId, Position, PrincipalId, StreamId } from '../../model/ids.ts'
import { parseRecord } from '../../model/record-line.ts'
import { openSqliteWriter } from '../../storage/sqlite/writer.ts'
import type { PreparedBatch, StorageWriter } from '../../storage/storage.ts'
import { openCheckpoint } from '../../transparency-log/checkpoint.ts'
import { AGENT, commitRequest, dataDirectory, ORIGIN, readModel } from '../../../test/support/commits.ts'
import { verifyReceipt } from '../../transparency-log/tlog-proof.ts'
import { CommitterCore } from './committer-core.ts'
import { checkpointNow, receiptNow, signer } from './testing/signed-now.ts'

const stream = 'order/1' as StreamId
const event = (version: number, of = stream) => ({ stream: of, version, type: 'changed', data: `{"n":${version}}` })

/** Storage that fails its next write, before or after it lands. */
function failing(storage: StorageWriter): { storage: StorageWriter; failNext(moment: 'before' | 'after'): void } {
  let next: 'before' | 'after' | null = null
  const write = async (batch: PreparedBatch): Promise<void> => {
    const moment = next
    next = null
    if (moment === 'before') throw new Error('the disk is gone')
    await storage.write(batch)
    if (moment === 'after') throw new Error('the answer is lost')
  }
  return {
    storage: Object.assign(Object.create(storage) as StorageWriter, { write }),
    failNext: (moment) => (next = moment),
  }
}

async function open(clock = { nowMs: () => 1_000, monotonicUs: () => 0 }) {
  const dir = dataDirectory()
  const sqlite = openSqliteWriter(dir.path, { synchronous: 'OFF' })
  const { storage, failNext } = failing(bound(sqlite))
  const core = new CommitterCore({ storage, clock, origin: ORIGIN })
  core.adoptEpochs(1, new Map([[AGENT, 1]]))
  await core.declareReadModels({ rows: readModel([['color']]) })
  const close = (): void => {
    sqlite.close()
    dir[Symbol.dispose]()
  }
  return { core, reader: sqlite.reader, failNext, storage, [Symbol.dispose]: close }
}
/** Methods that keep their object, so that a wrapper can inherit them. */
const bound = (writer: ReturnType<typeof openSqliteWriter>): StorageWriter => ({
  reader: writer.reader,
  write: (batch) => writer.write(batch),
  writeSide: (records, snapshots) => writer.writeSide(records, snapshots),
  declareReadModels: (models) => writer.declareReadModels(models),
  replaceDerived: (derived) => writer.replaceDerived(derived),
  setMeta: (name, value) => writer.setMeta(name, value),
  close: () => writer.close(),
})

describe('committer', () => {
  test('a commit is its events and then its operation, as records that name every field', async () => {
    using world = await open()
    const request = commitRequest('op_1', {
      events: [event(1), event(2)],
      effects: [{ effect: 'mail', payload: '{"to":"x"}' }],
      onBehalfOf: 'someone' as PrincipalId,
      gate: 'gate',
      correlation: 'say "hi"\n',
    })
    const [answer] = await world.core.commit([request])
    assert(answer?.kind === 'committed')
    assert.deepEqual([answer.position, answer.eventPositions, answer.recordedAtMs], [2, [0, 1], 1_000])
    const records = world.reader.records(0 as Position, 10).map(({ line }) => parseRecord(line))
    assert.deepEqual(
      records.map((record) => record?.tx),
      [0, 1, 2].map((i) => ({ i, n: 3 })),
    )
    const [first, second, last] = records
    assert(first?.kind === 'event' && second?.kind === 'event' && last?.kind === 'operation')
    assert.deepEqual([first.n, first.prev, second.n, second.prev], [1, '', 2, world.reader.leafHashes(0, 1)[0]])
    for (const record of records)
      assert.deepEqual(
        [record?.actor, record?.for, record?.corr, record?.gate, record?.t],
        [AGENT, 'someone', 'say "hi"\n', 'gate', 1_000],
      )
    assert.deepEqual([last.action, last.state, last.effects[0]?.effect], ['do', 'committed', 'mail'])
  })

  test('held first, then committed; a second final record is known', async () => {
    using world = await open()
    const intentHash = commitRequest('op_1').intentHash
    const kinds: string[] = []
    for (const state of ['held', 'held', 'committed', 'committed', 'denied'] as const)
      kinds.push((await world.core.commit([commitRequest('op_1', { state })]))[0]?.kind ?? '')
    assert.deepEqual(kinds, ['committed', 'known', 'committed', 'known', 'known'])
    assert.deepEqual(world.reader.operation('op_1' as OperationId), { operation: 'op_1', intentHash, position: 1 })
    const [other] = await world.core.commit([commitRequest('op_1', { intentHash: commitRequest('op_2').intentHash })])
    assert(other?.kind === 'known' && other.position === 1 && other.intentHash === intentHash)
  })

  test('the same holds once it is remembered which operations there are, and only those are looked up', async () => {
    using world = await open()
    await world.core.commit([commitRequest('op_before')])
    const { storage } = world
    const lookedUp: string[] = []
    const operation = (id: OperationId) => {
      lookedUp.push(id)
      return storage.reader.operation(id)
    }
    const reader = Object.assign(Object.create(storage.reader) as typeof storage.reader, {
      ...delegating(storage.reader),
      operation,
      record: (position: Position) => storage.reader.record(position),
      operationDigests: (after: number, limit: number) => storage.reader.operationDigests(after, limit),
    })
    const core = new CommitterCore({
      storage: Object.assign(Object.create(storage) as StorageWriter, { reader }),
      clock: { nowMs: () => 1_000, monotonicUs: () => 0 },
      origin: ORIGIN,
    })
    core.adoptEpochs(1, new Map([[AGENT, 1]]))
    const kinds = async (...ids: string[]): Promise<string[]> =>
      (await core.commit(ids.map((id) => commitRequest(id)))).map(({ kind }) => kind)
    assert.deepEqual(await kinds('op_early'), ['committed'])
    assert.deepEqual(lookedUp.splice(0), ['op_early'])
    await core.recallOperations(new AbortController().signal)
    assert.deepEqual(await kinds('op_new', 'op_new', 'op_before', 'op_early'), ['committed', 'known', 'known', 'known'])
    assert.deepEqual(lookedUp.splice(0), ['op_before', 'op_early'])
    world.failNext('after')
    assert.deepEqual(await kinds('op_unknown'), ['failed'])
    assert.deepEqual(await kinds('op_unknown', 'op_new'), ['known', 'known'])
    assert.deepEqual(lookedUp, ['op_unknown', 'op_new'])
  })

  test('the same holds within one batch', async () => {
    using world = await open()
    const answers = await world.core.commit([
      commitRequest('op_1', { state: 'held' }),
      commitRequest('op_1', { events: [event(1)] }),
      commitRequest('op_1', { events: [event(2)] }),
    ])
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ['committed', 'committed', 'known'],
    )
  })

  test('one bad request never fails its neighbours', async () => {
    using world = await open()
    const row = (value: unknown) => ({ model: 'rows', id: '1', key: '', row: { color: value as string } })
    const answers = await world.core.commit([
      commitRequest('op_1', { events: [event(1)] }),
      commitRequest('op_2', { events: [event(1)] }),
      commitRequest('op_3', { payload: '"\ud800"' }),
      commitRequest('op_4', { correlation: 'x'.repeat(9_000) }),
      commitRequest('op_5', { rows: [row(null)] }),
      commitRequest('op_6', { rows: [{ ...row('red'), model: 'nothing' }] }),
      commitRequest('op_7', { state: 'expired' }),
      commitRequest('op_8', { chain: [{ principal: AGENT, epoch: 2 }] }),
      commitRequest('op_9', { events: null as never }),
      commitRequest('op_\udfff'),
      commitRequest('op_a', { rows: [{ ...row('red'), row: { color: 'red', other: Number.NaN } }] }),
      commitRequest('op_b', { rows: [{ ...row('red'), model: '__proto__' }] }),
      commitRequest('op_c', { effects: [{ effect: 'mail', payload: '\ud800' }] }),
      commitRequest('op_10', { events: [event(2)], rows: [row('red')] }),
    ])
    assert.deepEqual(
      answers.map((answer) => (answer.kind === 'failed' ? answer.problem.code : answer.kind)),
      [
        'committed',
        'moved',
        'bug',
        'limit-exceeded',
        'application-output-invalid',
        'bug',
        'bug',
        'revoked',
        'bug',
        ...['bug', 'bug', 'bug', 'bug'],
        'committed',
      ],
    )
    assert.deepEqual((await verifyLog(world.reader)).findings, [])
    assert.equal(world.reader.head().treeSize, 4)
  })

  test('nobody commits before epochs are known, but the engine itself; older snapshots are passed over', async () => {
    using world = await open()
    const core = new CommitterCore({
      storage: world.storage,
      clock: { nowMs: () => 0, monotonicUs: () => 0 },
      origin: ORIGIN,
    })
    const kinds = async (): Promise<(string | undefined)[]> =>
      (
        await core.commit([commitRequest(`op_${Math.random()}`), commitRequest(`op_${Math.random()}`, { chain: [] })])
      ).map(({ kind }) => kind)
    assert.deepEqual(await kinds(), ['revoked', 'committed'])
    core.adoptEpochs(3, new Map([[AGENT, 1]]))
    assert.deepEqual(await kinds(), ['committed', 'committed'])
    core.adoptEpochs(4, new Map([[AGENT, 2]]))
    core.adoptEpochs(3, new Map([[AGENT, 1]]))
    assert.deepEqual(await kinds(), ['revoked', 'committed'])
  })

  test('what rests on an approval is decided again when its approver is another one by now', async () => {
    using world = await open()
    const core = new CommitterCore({
      storage: world.storage,
      clock: { nowMs: () => 0, monotonicUs: () => 0 },
      origin: ORIGIN,
    })
    const casey = 'casey' as typeof AGENT
    const approved = async (): Promise<string | undefined> =>
      (await core.commit([commitRequest('op_1', { approvers: [{ principal: casey, epoch: 1 }] })]))[0]?.kind
    core.adoptEpochs(3, new Map([[AGENT, 1]]))
    assert.equal(await approved(), 'moved')
    core.adoptEpochs(4, new Map([...[AGENT, casey].map((one) => [one, 1] as const)]))
    assert.equal(await approved(), 'committed')
  })

  test('a find holds as long as no row that fits has changed since', async () => {
    using world = await open()
    const row = (id: string, color: string) => ({ rows: [{ model: 'rows', id, key: '', row: { color } }] })
    await world.core.commit([commitRequest('op_1', row('1', 'red')), commitRequest('op_2', row('2', 'blue'))])
    const query = { model: 'rows', where: { color: 'red' }, order: [], limit: 10, after: null }
    const rows = world.reader.find(query)
    const find = { query, digest: findDigest(rows), rows: rows.map(({ id, key }) => ({ id, key })) }
    const read = { finds: [find], readPosition: world.reader.head().position }
    const kind = async (operation: string) => (await world.core.commit([commitRequest(operation, read)]))[0]?.kind
    await world.core.commit([commitRequest('op_3', row('2', 'green'))])
    assert.equal(await kind('op_4'), 'committed')
    await world.core.commit([commitRequest('op_5', row('3', 'red')), commitRequest('op_6', row('3', 'blue'))])
    assert.equal(await kind('op_7'), 'committed', 'touched, but the same again')
    await world.core.commit([commitRequest('op_8', row('1', 'blue'))])
    assert.equal(await kind('op_9'), 'moved')
  })

  for (const moment of ['before', 'after'] as const)
    test(`G4: a write that fails ${moment} it lands: unknown to the callers, and the log goes on`, async () => {
      using world = await open()
      await world.core.commit([commitRequest('op_1', { events: [event(1)] })])
      world.failNext(moment)
      const requests = [
        commitRequest('op_2', { events: [event(2)] }),
        commitRequest('op_3', { streams: [{ stream, version: 9 }] }),
      ]
      const answers = await world.core.commit(requests)
      assert(answers[0]?.kind === 'failed' && answers[0].problem.code === 'storage-unavailable')
      assert.equal(answers[1]?.kind, 'moved')
      const [again] = await world.core.commit([requests[0] as (typeof requests)[number]])
      assert.equal(again?.kind, moment === 'before' ? 'committed' : 'known')
      const [next] = await world.core.commit([commitRequest('op_4', { events: [event(3)] })])
      assert.equal(next?.kind, 'committed')
      const report = await verifyLog(world.reader, { checkpoint: checkpointNow(world.core), log: signer })
      assert.deepEqual(report.findings, [])
      assert.equal(world.reader.streamHead(stream).version, 3)
    })

  test('G5: time never goes back', async () => {
    let now = 5_000
    using world = await open({ nowMs: () => now, monotonicUs: () => 0 })
    const times: number[] = []
    for (const [place, time] of [5_000, 4_000, 4_500, 6_000].entries()) {
      now = time
      const [answer] = await world.core.commit([commitRequest(`op_${place}`)])
      if (answer?.kind === 'committed') times.push(answer.recordedAtMs)
    }
    assert.deepEqual(times, [5_000, 5_000, 5_000, 6_000])
  })

  test('a batch ends at its bounds, and takes at least one', async () => {
    let us = 0
    using world = await open({ nowMs: () => 0, monotonicUs: () => (us += 2_000) })
    const requests = Array.from({ length: 300 }, (_, place) => commitRequest(`op_${place}`))
    const slow = await world.core.commit(requests)
    assert(slow.length >= 1 && slow.length < 5, `${slow.length} answers`)
    us = -1e12
    using quick = await open()
    assert.equal((await quick.core.commit(requests)).length, 256)
  })

  test('receipts of old records verify under the latest checkpoint', async () => {
    using world = await open()
    for (let step = 0; step < 4; step++)
      await world.core.commit(Array.from({ length: 200 }, (_, place) => commitRequest(`op_${step}_${place}`)))
    const { size } = openCheckpoint(checkpointNow(world.core), signer)
    assert.equal(size, 800)
    for (const position of [0, 255, 256, 511, 799]) verifyReceipt(receiptNow(world.core, position as Position), signer)
    assert.throws(() => world.core.line(800 as Position), { code: 'invalid-position' })
  })

  test('what is stored is checked at the start', async () => {
    using world = await open()
    await world.core.commit([commitRequest('op_1', { events: [event(1)] })])
    const { reader } = world.storage
    const restart = (over: object): CommitterCore => {
      const changed = Object.assign(Object.create(reader) as typeof reader, delegating(reader), over)
      const storage = Object.assign(Object.create(world.storage) as StorageWriter, { reader: changed })
      return new CommitterCore({ storage, clock: { nowMs: () => 0, monotonicUs: () => 0 }, origin: ORIGIN })
    }
    restart({})
    const damaged = { code: 'storage-damaged' }
    assert.throws(() => restart({ head: () => ({ ...reader.head(), rootHash: '0'.repeat(64) }) }), damaged)
    assert.throws(() => restart({ head: () => ({ ...reader.head(), treeSize: 1, position: 0 }) }), damaged)
    assert.throws(() => restart({ leafHashes: () => ['0'.repeat(64), '0'.repeat(64)] }), damaged)
    assert.throws(() => restart({ records: () => reader.records(0 as Position, 9).slice(1) }), damaged)
  })
})

const delegating = (reader: StorageWriter['reader']): object => ({
  head: () => reader.head(),
  streamHead: (stream: StreamId) => reader.streamHead(stream),
  leafHashes: (from: number, to: number) => reader.leafHashes(from, to),
  records: (from: Position, limit: number) => reader.records(from, limit),
  tile: (level: number, index: number) => reader.tile(level, index),
})
