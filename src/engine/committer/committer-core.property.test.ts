/** Batches of requests against a model that takes them one by one: same answers, same log (G1, G2). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/support/property.ts'
import { verifyLog } from '../../event-log/verify.ts'
import type { FindQuery, Row, RowKey } from '../../model/decision.ts'
import { findDigest } from '../../model/find-digest.ts'
import { sha256Hex, type Position, type PrincipalId, type StreamId } from '../../model/ids.ts'
import { mayBecome, type OperationState } from '../../model/operation.ts'
import { openSqliteWriter } from '../../storage/sqlite/writer.ts'
import { verifyReceipt } from '../../transparency-log/tlog-proof.ts'
import { commitRequest, dataDirectory, ORIGIN, readModel } from '../../../test/support/commits.ts'
import type { CommitRequest } from './commit-request.ts'
import { CommitterCore } from './committer-core.ts'
import { checkpointNow, receiptNow, signer } from './testing/signed-now.ts'

/** One wish: made into a request from the state as of the batch's begin, so that wishes of one batch conflict. */
const wish = fc.record({
  operation: fc.integer({ min: 0, max: 30 }),
  intent: fc.constantFrom('same', 'same', 'same', 'other'),
  state: fc.constantFrom<CommitRequest['state']>('committed', 'committed', 'committed', 'held', 'denied', 'expired'),
  principal: fc.constantFrom('live', 'live', 'live', 'live', 'revoked', 'unknown'),
  reads: fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 2 }),
  writes: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  skew: fc.constantFrom(0, 0, 0, 0, 0, 1),
  finds: fc.array(fc.record({ color: fc.constantFrom('red', 'blue'), limit: fc.integer({ min: 1, max: 3 }) }), {
    maxLength: 1,
  }),
  color: fc.constantFrom('red', 'blue', 'green', null),
  bad: fc.constantFrom('', '', '', '', '', '', '\ud800'),
})
type Wish = typeof wish extends fc.Arbitrary<infer Value> ? Value : never

class Model {
  readonly versions = new Map<StreamId, number>()
  readonly rows = new Map<string, Row>()
  readonly operations = new Map<string, { state: OperationState; intent: string; position: number }>()
  position = -1

  find({ where, limit }: FindQuery): Row[] {
    return [...this.rows.values()]
      .filter(({ row }) => row['color'] === where['color'])
      .sort((left, right) => (left.id < right.id ? -1 : 1))
      .slice(0, limit)
  }
  /** What a committer of one request at a time would say. */
  judge(request: CommitRequest): 'committed' | 'known' | 'revoked' | 'moved' | 'failed' {
    const known = this.operations.get(request.operation)
    if (known === undefined && !mayBecome('proposed', request.state)) return 'failed'
    if (known !== undefined && (known.intent !== request.intentHash || !mayBecome(known.state, request.state)))
      return 'known'
    if (request.chain.some(({ principal, epoch }) => principal !== 'live' || epoch !== 1)) return 'revoked'
    if (request.streams.some(({ stream, version }) => (this.versions.get(stream) ?? 0) !== version)) return 'moved'
    const versions = new Map(this.versions)
    for (const { stream, version } of request.events) {
      if (version !== (versions.get(stream) ?? 0) + 1) return 'moved'
      versions.set(stream, version)
    }
    if (request.finds.some(({ query, digest }) => findDigest(this.find(query)) !== digest)) return 'moved'
    return request.payload.isWellFormed() ? 'committed' : 'failed'
  }
  apply(request: CommitRequest): void {
    for (const { stream, version } of request.events) this.versions.set(stream, version)
    for (const { id, key, row } of request.rows)
      if (row === null) this.rows.delete(id)
      else this.rows.set(id, { id, key, row })
    this.position += request.events.length + 1
    this.operations.set(request.operation, {
      state: request.state,
      intent: request.intentHash,
      position: this.position,
    })
  }
}

function requestOf(model: Model, wanted: Wish): CommitRequest {
  const stream = (place: number): StreamId => `order/${place}` as StreamId
  const versions = new Map(model.versions)
  const events = wanted.writes.map((place) => {
    const version = (versions.get(stream(place)) ?? 0) + 1
    versions.set(stream(place), version)
    return { stream: stream(place), version, type: 'happened', data: `{"place":${place}}` }
  })
  const rows = [...new Set(wanted.writes)].map((place) => ({
    ...{ model: 'colors', id: String(place), key: '' },
    row: wanted.color === null ? null : { color: wanted.color },
  }))
  const finds = wanted.finds.map(({ color, limit }) => {
    const query: FindQuery = { model: 'colors', where: { color }, order: [], limit, after: null }
    const found = model.find(query)
    return { query, digest: findDigest(found), rows: found.map(({ id, key }): RowKey => ({ id, key })) }
  })
  return commitRequest(`op_${wanted.operation}`, {
    intentHash: sha256Hex(wanted.intent),
    state: wanted.state,
    chain: [{ principal: wanted.principal as PrincipalId, epoch: 1 }],
    streams: wanted.reads.map((place) => ({
      stream: stream(place),
      version: (model.versions.get(stream(place)) ?? 0) + wanted.skew,
    })),
    ...{ events, rows, finds, readPosition: model.position as Position, payload: `"${wanted.bad}"` },
  })
}

test('answers and log are those of one request at a time, whatever the batches', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(wish, { minLength: 1, maxLength: 8 }), { maxLength: 12 }), async (batches) => {
      using dir = dataDirectory()
      const storage = openSqliteWriter(dir.path, { synchronous: 'OFF' })
      const clock = { nowMs: () => 1_000, monotonicUs: () => 0 }
      let core = new CommitterCore({ storage, clock, origin: ORIGIN })
      const prepare = async (): Promise<void> => {
        core.adoptEpochs(
          1,
          new Map([
            ['live', 1],
            ['revoked', 2],
          ] as [PrincipalId, number][]),
        )
        await core.declareReadModels({ colors: readModel([['color']]) })
      }
      await prepare()
      const model = new Model()
      for (const [step, batch] of batches.entries()) {
        if (step % 5 === 4) {
          core = new CommitterCore({ storage, clock, origin: ORIGIN }) // as after a restart
          await prepare()
        }
        const requests = batch.map((wanted) => requestOf(model, wanted))
        const begin = model.position
        for (const [place, answer] of (await core.commit(requests)).entries()) {
          const request = requests[place] as CommitRequest
          const expected = model.judge(request)
          // A find of a model that this batch has changed may be turned down although it still holds.
          const cautious = answer.kind === 'moved' && answer.what === 'colors' && model.position > begin
          if (!(cautious && (expected === 'committed' || expected === 'failed'))) assert.equal(answer.kind, expected)
          if (answer.kind !== 'committed') continue
          model.apply(request)
          assert.equal(answer.position, model.position)
          assert(verifyReceipt(receiptNow(core, answer.position), signer).size > answer.position)
          for (const { stream, version } of answer.heads) assert.equal(model.versions.get(stream), version)
        }
        assert.equal(storage.reader.head().position, model.position)
      }
      for (const [stream, version] of model.versions) assert.equal(storage.reader.streamHead(stream).version, version)
      for (const color of ['red', 'blue', 'green']) {
        const query: FindQuery = { model: 'colors', where: { color }, order: [], limit: 100, after: null }
        assert.deepEqual(storage.reader.find(query), model.find(query))
      }
      for (const [operation, { position }] of model.operations)
        assert.equal(storage.reader.operation(operation as never)?.position, position)
      const report = await verifyLog(storage.reader, { checkpoint: checkpointNow(core), log: signer })
      assert.deepEqual(report.findings, [])
      assert.equal(report.records, model.position + 1)
      storage.close()
    }),
    { numRuns: 80 },
  )
})
