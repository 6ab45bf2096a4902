import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from '../../test/support/property.ts'
import { EventRuns } from './event-runs.ts'
import type { StreamId } from './ids.ts'

/** A log: each step appends so many events to one of three streams, then an operation's own record. */
const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 4 })), { maxLength: 20 })
interface At {
  readonly stream: StreamId
  readonly version: number
  readonly position: number
}
function eventsOf(log: readonly (readonly [number, number])[]): {
  readonly events: readonly At[]
  readonly size: number
} {
  const versions = [0, 0, 0]
  const events: At[] = []
  let position = 0
  for (const [stream, count] of log) {
    for (let i = 0; i < count; i++)
      events.push({
        stream: `s/${stream}` as StreamId,
        version: (versions[stream] = (versions[stream] ?? 0) + 1),
        position: position++,
      })
    position++
  }
  return { events, size: position }
}
const added = (events: readonly At[], runs = new EventRuns()): EventRuns => {
  for (const { stream, version, position } of events) runs.add(stream, version, position)
  return runs
}

describe('runs of events', () => {
  test('a log that is cut anywhere and joined again has the runs of the whole', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.nat({ max: 60 }), { maxLength: 5 }), (log, cuts) => {
        const { events, size } = eventsOf(log)
        const joined = new EventRuns()
        const edges = [0, ...cuts.sort((a, b) => a - b), Math.max(size, 61)]
        for (const [i, from] of edges.slice(0, -1).entries())
          joined.take(
            added(events.filter(({ position }) => position >= from && position < (edges[i + 1] as number))).part,
          )
        assert.deepEqual(joined.total, added(events).total)
      }),
    )
  })

  test('an index gives them by stream and version, in runs of its own, and has the same', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (log, single) => {
        const { events } = eventsOf(log)
        const index = new EventRuns()
        const byStream = events.toSorted((a, b) => a.stream.localeCompare(b.stream) || a.version - b.version)
        if (single) added(byStream, index)
        else
          for (const { stream, version, position } of byStream.filter(({ version }) => version % 2 === 1)) {
            const next = byStream.find((other) => other.stream === stream && other.version === version + 1)
            const together = next?.position === position + 1
            index.add(stream, version, position, together ? 2 : 1)
            if (next !== undefined && !together) index.add(stream, version + 1, next.position)
          }
        assert.deepEqual(index.total, added(events).total)
      }),
    )
  })

  test('any event that is elsewhere, missing or there twice gives another sum', () => {
    fc.assert(
      fc.property(steps, fc.nat(), fc.integer({ min: 0, max: 4 }), (log, pick, change) => {
        const { events } = eventsOf(log)
        if (events.length === 0) return
        const at = pick % events.length
        const one = events[at] as At
        const other = [
          { ...one, position: one.position + 1_000 },
          { ...one, version: one.version + 1_000 },
          { ...one, stream: 's/9' as StreamId },
        ][change]
        const changed = events.flatMap((event, i) => (i !== at ? event : change === 4 ? [] : (other ?? [event, event])))
        assert.notDeepEqual(added(changed).total, added(events).total)
      }),
    )
  })
})
