/** What every storage adapter must do, in the words of the port. Same suite, same names; no adapter is excused. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import fc from '../support/property.ts'
import type { FindQuery, Row, RowChange } from '../../src/model/decision.ts'
import { sha256Hex, type OperationId, type Position, type PrincipalId, type StreamId } from '../../src/model/ids.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { ReadModelManifest } from '../../src/model/manifest.ts'
import { EMPTY_ROOT } from '../../src/model/merkle.ts'
import { operationDigest } from '../../src/storage/operation-digest.ts'
import {
  SIDE_BODY_BYTES_MAX,
  SIDE_RECORDS_MAX,
  type SideReader,
  type SideRecord,
  type StorageReader,
  type StorageWriter,
} from '../../src/storage/storage.ts'
import { unpackHashes } from '../../src/transparency-log/tiles.ts'
import { BatchMaker } from '../support/batches.ts'

export interface OpenStorage {
  readonly writer: StorageWriter
  /** A reader apart from the writer, as another thread has it. */
  readonly reader: StorageReader & SideReader
  /** Closes everything and opens the same data again. */
  reopen(): Promise<OpenStorage>
  close(): Promise<void>
}

const at = (position: number): Position => position as Position
const stream = (id: string): StreamId => id as StreamId
const LAST = at(Number.MAX_SAFE_INTEGER)
const model = (indexes: readonly (readonly string[])[]): ReadModelManifest => ({
  ...{ describe: '', of: 'order', row: { type: 'object' }, indexes },
})
const find = (query: Partial<FindQuery> & { readonly model: string }): FindQuery => ({
  ...{ where: {}, order: [], limit: 100, after: null },
  ...query,
})

export function storageConformance(name: string, open: () => Promise<OpenStorage>): void {
  describe(`storage: ${name}`, () => {
    let storage: OpenStorage
    let maker: BatchMaker
    beforeEach(async () => {
      storage = await open()
      maker = new BatchMaker()
    })
    afterEach(() => storage.close())
    const write = async (...plans: Parameters<BatchMaker['batch']>[0]): Promise<void> => {
      await storage.writer.write(maker.batch(plans))
    }

    test('an empty store has nothing, and says so', () => {
      const { reader } = storage
      assert.deepEqual(reader.head(), { position: -1, treeSize: 0, rootHash: EMPTY_ROOT, recordedAtMs: 0 })
      assert.equal(reader.positionAt(Number.MAX_SAFE_INTEGER), -1)
      assert.deepEqual(reader.streamHead(stream('order/1')), { version: 0, position: -1, leaf: '' })
      assert.deepEqual(reader.events(stream('order/1'), 0, LAST, 10), [])
      assert.deepEqual(reader.streams('order', null, LAST, 10), [])
      assert.equal(reader.snapshot(stream('order/1'), LAST), null)
      assert.equal(reader.operation('op_0' as OperationId), null)
      assert.deepEqual(reader.operationDigests(-1, 10), [])
      assert.equal(reader.record(at(0)), null)
      assert.deepEqual(reader.records(at(0), 10), [])
      assert.deepEqual(reader.leafHashes(0, 10), [])
      assert.equal(reader.tile(0, 0), null)
      assert.deepEqual(reader.effects(at(-1), 10), [])
      assert.equal(reader.effectCount(), 0)
      assert.equal(reader.meta('name'), null)
      assert.deepEqual(reader.sideRecords({}, null, 10), [])
      assert.throws(() => reader.find(find({ model: 'nothing' })), { code: 'invalid-input' })
    })

    test('S1: a batch is there as a whole, also after opening again', async () => {
      const batch = maker.batch([
        { events: [{ stream: 'order/1', data: '{"n":1}' }, { stream: 'order/2' }], payload: '{"input":1}' },
        { events: [{ stream: 'order/1', type: 'changed' }], effects: [{ effect: 'mail', payload: '{"to":"x"}' }] },
      ])
      await storage.writer.write(batch)
      for (const which of ['reader', 'writer', 'opened again'] as const) {
        if (which === 'opened again') storage = await storage.reopen()
        const reader = which === 'writer' ? storage.writer.reader : storage.reader
        assert.deepEqual(reader.head(), batch.head)
        assert.deepEqual(
          reader.records(at(0), 10).map(({ line, payload }) => ({ line, payload })),
          batch.commits.flatMap(({ records }) => records.map(({ line, payload }) => ({ line, payload }))),
        )
        assert.deepEqual(
          reader.leafHashes(0, 5),
          batch.commits.flatMap(({ records }) => records.map(({ leaf }) => leaf)),
        )
        assert.deepEqual(reader.operation('op_1' as OperationId), {
          operation: 'op_1',
          intentHash: sha256Hex('op_1'),
          position: 4,
        })
        assert.deepEqual(reader.effects(at(-1), 10), [
          { position: 4, ordinal: 0, effect: 'mail', payload: '{"to":"x"}' },
        ])
        assert.deepEqual(reader.effects(at(4), 10), [])
        assert.equal(reader.effectCount(), 1)
      }
    })

    test('S1: a batch that cannot be written leaves nothing, and the next one can', async () => {
      await write({ events: [{ stream: 'order/1' }] })
      await storage.writer.declareReadModels({ open: model([['status']]) })
      const before = storage.reader.head()
      const row = { model: 'open', id: '2', key: '', row: { status: 'open' } }
      const { commits, ...rest } = new BatchMaker().batch([
        { operation: 'op_new', events: [{ stream: 'order/2' }], rows: [row] },
        { operation: 'op_bad', events: [{ stream: 'order/1' }] },
      ])
      const shifted = commits.map((commit) => ({ ...commit, first: at(commit.first + 10) }))
      // Event 1 of order/1 is there already: the guard on stream and version refuses the batch.
      await assert.rejects(async () => storage.writer.write({ ...rest, commits: shifted }), {
        code: 'storage-unavailable',
      })
      for (const reader of [storage.reader, storage.writer.reader]) {
        assert.deepEqual(reader.head(), before)
        assert.equal(reader.operation('op_new' as OperationId), null)
        assert.equal(reader.streamHead(stream('order/2')).version, 0)
        assert.deepEqual(reader.find(find({ model: 'open' })), [])
        assert.equal(reader.records(at(0), 100).length, 2)
      }
      await write({ events: [{ stream: 'order/2' }, { stream: 'order/1' }] })
      assert.equal(storage.reader.streamHead(stream('order/1')).version, 2)
      assert.deepEqual(storage.reader.streams('order', null, LAST, 10), ['order/1', 'order/2'])
    })

    test('S2: a reader that asks at a position sees exactly what was there', async () => {
      const lengths: number[] = []
      for (let step = 0; step < 40; step++) {
        await write({
          events: Array.from({ length: 1 + (step % 3) }, () => ({ stream: 'order/1', data: `{"step":${step}}` })),
        })
        lengths.push(storage.reader.head().position)
      }
      const all = storage.reader.events(stream('order/1'), 0, LAST, 1_000)
      for (let position = -1; position <= storage.reader.head().position; position++) {
        const visible = all.filter((event) => event.position <= position)
        assert.deepEqual(storage.reader.events(stream('order/1'), 0, at(position), 1_000), visible)
        const last = visible.at(-1)
        assert.deepEqual(
          storage.reader.streamHead(stream('order/1'), at(position)),
          last === undefined
            ? { version: 0, position: -1, leaf: '' }
            : { version: last.version, position: last.position, leaf: last.leaf },
        )
      }
      assert.deepEqual(storage.reader.streamHead(stream('order/1')), storage.reader.streamHead(stream('order/1'), LAST))
    })

    test('events come in pages, within commits of many and interleaved streams', async () => {
      await write(
        { events: [{ stream: 'a/1' }, { stream: 'a/1' }, { stream: 'b/1' }, { stream: 'a/1' }] },
        { events: [{ stream: 'b/1' }] },
        { events: [{ stream: 'a/1', type: 'odd "type"\n' }] },
      )
      const all = storage.reader.events(stream('a/1'), 0, LAST, 100)
      assert.deepEqual(
        all.map(({ version, position, type }) => [version, position, type]),
        [
          [1, 0, 'happened'],
          [2, 1, 'happened'],
          [3, 3, 'happened'],
          [4, 7, 'odd "type"\n'],
        ],
      )
      for (let from = 0; from <= 4; from++)
        for (let limit = 1; limit <= 5; limit++)
          assert.deepEqual(storage.reader.events(stream('a/1'), from, LAST, limit), all.slice(from, from + limit))
      for (const event of all) assert.equal(event.line, storage.reader.record(event.position)?.line)
    })

    test('records and leaves come in pages from anywhere', async () => {
      await write({ events: [{ stream: 'a/1' }, { stream: 'a/2' }] }, {}, { events: [{ stream: 'a/1' }] })
      const all = storage.reader.records(at(0), 100)
      assert.deepEqual(
        all.map(({ position }) => position),
        [0, 1, 2, 3, 4, 5],
      )
      const leaves = storage.reader.leafHashes(0, 6)
      for (let from = 0; from <= 7; from++)
        for (let count = 0; count <= 7; count++) {
          assert.deepEqual(storage.reader.records(at(from), count), all.slice(from, from + count))
          assert.deepEqual(storage.reader.leafHashes(from, from + count), leaves.slice(from, from + count))
        }
      assert.deepEqual(storage.reader.record(at(4)), all[4])
      assert.equal(storage.reader.record(at(6)), null)
    })

    test('a position is found by its time', async () => {
      for (const time of [100, 100, 250, 300]) {
        maker.recordedAtMs = time
        await write({ events: [{ stream: 'a/1' }] }, {})
      }
      const positions = [99, 100, 249, 250, 299, 300, 9_999].map((time) => storage.reader.positionAt(time))
      assert.deepEqual(positions, [-1, 5, 5, 8, 8, 11, 11])
    })

    test('streams of an entity are listed in id order, as of a position', async () => {
      await write({ events: ['b', 'a', 'ä', '#W2', 'a/b', '😀'].map((id) => ({ stream: `order/${id}` })) })
      await write({
        events: [{ stream: 'order/c' }, { stream: 'orders/x' }, { stream: 'orde/x' }, { stream: 'order0/x' }],
      })
      const listed = storage.reader.streams('order', null, LAST, 100)
      assert.deepEqual(
        listed,
        ['#W2', 'a', 'a/b', 'b', 'c', 'ä', '😀'].map((id) => `order/${id}`),
      )
      assert.deepEqual(storage.reader.streams('order', 'a', LAST, 2), ['order/a/b', 'order/b'])
      assert.deepEqual(storage.reader.streams('order', '😀', LAST, 2), [])
      assert(!storage.reader.streams('order', null, at(6), 100).includes(stream('order/c')))
    })

    test('text of any kind comes back as it went in', async () => {
      const odd = ['', '\0', "';--", '"', '\\', 'a\nb', '\u2028', '😀', 'x'.repeat(3_000), '__proto__']
      await storage.writer.declareReadModels({ odd: model([['value']]) })
      for (const [place, text] of odd.entries())
        await write({
          events: [{ stream: `order/${text}`, type: text, data: JSON.stringify(text) }],
          rows: [{ model: 'odd', id: text, key: `k${text}`, row: { value: text, place } }],
          effects: [{ effect: `e${text}`, payload: JSON.stringify(text) }],
          payload: JSON.stringify({ text }),
        })
      for (const [place, text] of odd.entries()) {
        const [event] = storage.reader.events(stream(`order/${text}`), 0, LAST, 2)
        assert.deepEqual([event?.type, event?.data], [text, JSON.stringify(text)])
        assert.deepEqual(storage.reader.find(find({ model: 'odd', where: { value: text } })), [
          { id: text, key: `k${text}`, row: { place, value: text } },
        ])
        assert.equal(storage.reader.effects(at(-1), 100)[place]?.payload, JSON.stringify(text))
      }
    })

    test('an operation points at its latest record', async () => {
      await write({ operation: 'op_x' })
      await write({ operation: 'op_x', events: [{ stream: 'a/1' }] })
      assert.equal(storage.reader.operation('op_x' as OperationId)?.position, 2)
    })

    test('digests of all operations are listed in order, each once, page by page', async () => {
      const ids = Array.from({ length: 2_500 }, (_, i) => `op_${i}`) // more than the newest index entries hold
      for (let first = 0; first < ids.length; first += 250)
        await write(...ids.slice(first, first + 250).map((operation) => ({ operation })))
      await write({ operation: 'op_0' })
      const listed: number[] = []
      for (let page: readonly number[]; ;) {
        page = storage.reader.operationDigests(listed.at(-1) ?? -1, 700)
        listed.push(...page)
        if (page.length < 700) break
      }
      const digests = ids.map((id) => operationDigest(id as OperationId))
      assert.deepEqual(
        listed,
        digests.sort((left, right) => left - right),
      )
    })

    test('full tiles hold the leaves and the roots of the level below', async () => {
      for (let step = 0; step < 6; step++)
        await write(...Array.from({ length: 50 }, () => ({ events: [{ stream: 'a/1' }] })))
      const tile = storage.reader.tile(0, 1)
      assert(tile !== null)
      assert.deepEqual(unpackHashes(tile), storage.reader.leafHashes(256, 512))
      assert.equal(storage.reader.tile(0, 2), null)
      assert.equal(storage.reader.tile(1, 0), null)
    })

    test('snapshots are found as of a position', async () => {
      await write({ events: [{ stream: 'a/1' }] }, { events: [{ stream: 'a/1' }] })
      const snapshots = storage.reader.events(stream('a/1'), 0, LAST, 9).map(({ version, position, leaf }) => ({
        ...{ stream: stream('a/1'), version, position, leaf, state: `{"v":${version}}`, release: 'rel_1' },
      }))
      await storage.writer.writeSide([], snapshots)
      assert.deepEqual(storage.reader.snapshot(stream('a/1'), LAST), snapshots[1])
      assert.deepEqual(storage.reader.snapshot(stream('a/1'), at(1)), snapshots[0])
      const again = { ...snapshots[1], release: 'rel_2', state: '{}' } as (typeof snapshots)[number]
      await storage.writer.writeSide([], [again])
      assert.deepEqual(storage.reader.snapshot(stream('a/1'), LAST), again)
    })

    test('side records are read newest first, by kind, principal and operation', async () => {
      const record = (kind: SideRecord['kind'], principal: string, operation: string | null): SideRecord => ({
        ...{ kind, principal: principal as PrincipalId, operation: operation as OperationId | null },
        ...{ action: 'do', recordedAtMs: 5, body: '{}' },
      })
      await storage.writer.writeSide(
        [record('denied', 'a', 'op_1'), record('refused', 'a', 'op_2'), record('denied', 'b', null)],
        [],
      )
      const read = (...query: Parameters<SideReader['sideRecords']>): string[] =>
        storage.reader.sideRecords(...query).map(({ kind, principal }) => `${kind} ${principal}`)
      assert.deepEqual(read({}, null, 9), ['denied b', 'refused a', 'denied a'])
      assert.deepEqual(read({ kind: 'denied' }, null, 9), ['denied b', 'denied a'])
      assert.deepEqual(read({ kind: 'denied', principal: 'a' as PrincipalId }, null, 9), ['denied a'])
      assert.deepEqual(read({ operation: 'op_2' as OperationId }, null, 9), ['refused a'])
      const [newest] = storage.reader.sideRecords({}, null, 1)
      assert.deepEqual(read({}, newest?.id ?? 0, 9), ['refused a', 'denied a'])
      assert.equal(newest?.recordedAtMs, 5)
    })

    test('a flood of side records pushes out its own kind alone, and large bodies are cut', async () => {
      const record = (kind: SideRecord['kind'], place: number): SideRecord => ({
        ...{ kind, principal: 'a' as PrincipalId, operation: null, action: 'do', recordedAtMs: place },
        body: place === 0 ? JSON.stringify('x'.repeat(SIDE_BODY_BYTES_MAX)) : '{}',
      })
      await storage.writer.writeSide([record('refused', 0)], [])
      for (let page = 0; page < 23; page++)
        await storage.writer.writeSide(
          Array.from({ length: 1_000 }, (_, place) => record('denied', 1 + page * 1_000 + place)),
          [],
        )
      const [refused] = storage.reader.sideRecords({ kind: 'refused' }, null, 1)
      assert(refused !== undefined && refused.body.length < 100)
      const denied = storage.reader.sideRecords({ kind: 'denied' }, null, 100_000)
      assert(denied.length >= SIDE_RECORDS_MAX && denied.length <= SIDE_RECORDS_MAX + 1_000, `${denied.length} kept`)
      assert.equal(denied[0]?.recordedAtMs, 23_000)
    })

    test('meta values are kept and replaced', async () => {
      await storage.writer.setMeta('name', 'one')
      await storage.writer.setMeta('name', 'two')
      assert.equal(storage.reader.meta('name'), 'two')
      storage = await storage.reopen()
      assert.equal(storage.reader.meta('name'), 'two')
    })

    test('read models: finds go by a declared index, in its order, page by page', async () => {
      await storage.writer.declareReadModels({ orders: model([['status', 'total'], ['open']]), plain: model([]) })
      const rows: RowChange[] = [
        ['1', 'new', 30, true],
        ['2', 'new', 9, false],
        ['3', 'old', 5, true],
        ['4', 'new', 30, true],
        ['5', 'new', -1.5, true],
      ].map(([id, status, total, open]) => ({
        ...{ model: 'orders', id: id as string, key: '', row: { status, total, open } as JsonObject },
      }))
      await write({ rows: [...rows, ...rows.map((row) => ({ ...row, model: 'plain' }))] })
      const ids = (query: Parameters<typeof find>[0]): string[] => storage.reader.find(find(query)).map(({ id }) => id)
      const isNew = { model: 'orders', where: { status: 'new' } }
      assert.deepEqual(ids(isNew), ['5', '2', '1', '4'])
      assert.deepEqual(ids({ ...isNew, order: ['total'], limit: 2 }), ['5', '2'])
      assert.deepEqual(ids({ ...isNew, limit: 2, after: { id: '2', key: '' } }), ['1', '4'])
      assert.deepEqual(ids({ ...isNew, after: { id: '1', key: '' } }), ['4'])
      assert.deepEqual(ids({ model: 'orders', where: { total: 30, status: 'new' } }), ['1', '4'])
      assert.deepEqual(ids({ model: 'orders', where: { open: true } }), ['1', '3', '4', '5'])
      assert.deepEqual(ids({ model: 'orders', where: { open: 1 } }), [], 'the number 1 is not true')
      assert.deepEqual(ids({ model: 'orders', order: ['status'] }), ['5', '2', '1', '4', '3'])
      assert.deepEqual(ids({ model: 'orders' }), ['1', '2', '3', '4', '5'])
      assert.deepEqual(ids({ model: 'plain', after: { id: '3', key: '' } }), ['4', '5'])
      for (const query of [
        { where: { total: 5 } },
        { order: ['total'] },
        { where: { other: 1 } },
        { where: { status: null } },
      ])
        assert.throws(() => storage.reader.find(find({ model: 'orders', ...query })), { code: 'invalid-input' })
      assert.throws(() => storage.reader.find(find({ ...isNew, after: { id: 'gone', key: '' } })), {
        code: 'invalid-cursor',
      })
    })

    test('read models: declaring again keeps the rows, also under other indexes, for readers that are open', async () => {
      await storage.writer.declareReadModels({ orders: model([['status']]) })
      const row = (status: string): RowChange => ({ model: 'orders', id: '1', key: '', row: { status, total: 3 } })
      await write({ rows: [row('new')] }, { rows: [row('old')] })
      assert.equal(storage.reader.find(find({ model: 'orders' })).length, 1)
      await storage.writer.declareReadModels({ orders: model([['status']]) })
      await storage.writer.declareReadModels({ orders: model([['total', 'status']]) })
      const query = find({ model: 'orders', where: { total: 3 } })
      assert.deepEqual(storage.reader.find(query), [{ id: '1', key: '', row: { status: 'old', total: 3 } }])
      assert.deepEqual(storage.reader.find(query, at(0)), [{ id: '1', key: '', row: { status: 'new', total: 3 } }])
      assert.throws(() => storage.reader.find(find({ model: 'orders', where: { status: 'old' } })), {
        code: 'invalid-input',
      })
    })

    test('read models: any find at any position equals a filter over the rows of then', async () => {
      await storage.writer.declareReadModels({ rows: model([['kind', 'size'], ['size'], ['kind', 'on', 'size']]) })
      const history: Map<string, Row>[] = [new Map()]
      const positions: number[] = [-1]
      const change = fc.record({
        id: fc.constantFrom('a', 'b', 'c', 'd', 'é'),
        key: fc.constantFrom('', 'x'),
        row: fc.option(
          fc.record(
            {
              kind: fc.constantFrom('k', 'l', '\ue000', '😀'),
              size: fc.integer({ min: -2, max: 2 }),
              on: fc.boolean(),
            },
            { noNullPrototype: true },
          ),
          { freq: 3 },
        ),
      })
      for (const changes of fc.sample(fc.array(change, { minLength: 1, maxLength: 3 }), { numRuns: 320, seed: 7 })) {
        await write({ rows: changes.map((one) => ({ model: 'rows', ...one })) })
        const now = new Map(history.at(-1))
        for (const { id, key, row } of changes)
          if (row === null) now.delete(`${id}/${key}`)
          else now.set(`${id}/${key}`, { id, key, row })
        history.push(now)
        positions.push(storage.reader.head().position)
      }
      const where = fc.constantFrom<{ where: JsonObject; order: string[]; sort: string[] }>(
        { where: {}, order: [], sort: [] },
        { where: { kind: 'k' }, order: [], sort: ['size'] },
        { where: { kind: '😀' }, order: ['size'], sort: ['size'] },
        { where: {}, order: ['kind'], sort: ['kind', 'size'] },
        { where: {}, order: ['size'], sort: ['size'] },
        { where: { size: 1 }, order: [], sort: [] },
        { where: { size: 0, kind: 'l' }, order: [], sort: [] },
        { where: { kind: 'k', on: true }, order: [], sort: ['size'] },
      )
      fc.assert(
        fc.property(
          fc.nat({ max: history.length - 1 }),
          where,
          fc.integer({ min: 1, max: 4 }),
          (step, { where, order, sort }, limit) => {
            const expected = [...(history[step] as Map<string, Row>).values()]
              .filter(({ row }) => Object.entries(where).every(([column, value]) => row[column] === value))
              .sort((left, right) => compare(left, right, sort))
            const query = find({ model: 'rows', where, order, limit })
            const readAt = step === history.length - 1 ? undefined : at(positions[step] as number)
            assert.deepEqual(storage.reader.find(query, readAt), expected.slice(0, limit))
            const [first] = expected
            if (first === undefined) return
            const after = { id: first.id, key: first.key }
            assert.deepEqual(
              storage.reader.find({ ...query, after }, at(positions[step] as number)),
              expected.slice(1, limit + 1),
            )
          },
        ),
        { numRuns: 400 },
      )
    })
  })
}

function compare(left: Row, right: Row, sort: readonly string[]): number {
  for (const column of sort) {
    const [a, b] = [left.row[column], right.row[column]]
    if (a !== b) return typeof a === 'number' ? a - (b as number) : compareText(String(a), String(b))
  }
  return compareText(left.id, right.id) || compareText(left.key, right.key)
}
const compareText = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right))
