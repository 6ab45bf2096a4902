import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { Position, StreamId } from '../../model/ids.ts'
import { BatchMaker } from '../../../test/support/batches.ts'
import { dataDirectory } from '../../../test/support/commits.ts'
import { openSqliteReader } from './reader.ts'
import { openSqliteWriter } from './writer.ts'

const NO_LIMIT = 1_000_000

/** 12,000 events: stream 0 gets every third, the others take turns. */
function fill(path: string): Map<string, { version: number; position: number }[]> {
  const maker = new BatchMaker()
  const written = new Map<string, { version: number; position: number }[]>()
  let writer = openSqliteWriter(path, { synchronous: 'OFF' })
  for (let batch = 0; batch < 120; batch++) {
    if (batch % 50 === 25) {
      writer.close()
      writer = openSqliteWriter(path, { synchronous: 'OFF' })
    }
    const plans = Array.from({ length: 100 }, (_, place) => {
      const number = batch * 100 + place
      return { events: [{ stream: `s/${number % 3 === 0 ? 0 : number % 700}` }] }
    })
    const prepared = maker.batch(plans)
    writer.write(prepared)
    for (const { events } of prepared.commits)
      for (const { stream, version, position } of events)
        written.set(stream, [...(written.get(stream) ?? []), { version, position }])
  }
  writer.close()
  return written
}

describe('event index', () => {
  test('every event is found where it is, however far its entry has moved', () => {
    using dir = dataDirectory()
    const written = fill(dir.path)
    const database = new DatabaseSync(join(dir.path, 'data.db'))
    const counts = ['event', 'event_new'].map((table) =>
      Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.['count']),
    )
    database.close()
    assert.equal((counts[0] as number) + (counts[1] as number), 12_000)
    assert(
      counts.every((count) => count > 1_500),
      `both tables are used: ${counts.join()}`,
    )
    assert((counts[1] as number) < 2_600, 'what is gathered is bounded')
    const reader = openSqliteReader(dir.path)
    const end = reader.head().position
    for (const [stream, events] of written) {
      const found = reader.events(stream as StreamId, 0, end, NO_LIMIT)
      assert.deepEqual(
        found.map(({ version, position }) => ({ version, position })),
        events,
        stream,
      )
      for (const { version, position } of [events[0], events[events.length >> 1], events.at(-1)] as typeof events) {
        const { version: at, position: place } = reader.streamHead(stream as StreamId, position as Position)
        assert.deepEqual([at, place], [version, position], stream)
        const [next] = reader.events(stream as StreamId, version - 1, end, 1)
        assert.equal(next?.position, position)
      }
    }
    assert.deepEqual(reader.audit(end).faults, [])
    reader.close()
  })

  test('an audit sees a stream whose newest events could not be found any more', () => {
    using dir = dataDirectory()
    fill(dir.path)
    const database = new DatabaseSync(join(dir.path, 'data.db'))
    // Nothing is missing and nothing added: only the newest entry of one stream lies among those that are looked at last.
    database.exec(`
      CREATE TEMP TABLE newest AS SELECT * FROM event_new WHERE stream = 1 ORDER BY version DESC LIMIT 1;
      INSERT INTO event SELECT * FROM newest;
      DELETE FROM event_new WHERE stream = 1 AND version = (SELECT version FROM newest)`)
    database.close()
    const reader = openSqliteReader(dir.path)
    assert.deepEqual(reader.forAudit().audit(reader.head().position).faults, [
      'the index of events has the entries of stream number 1 out of order',
    ])
    reader.close()
  })
})
