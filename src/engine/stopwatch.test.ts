import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stopwatch } from './stopwatch.ts'

test('each phase gets the time since the lap before, added up, and the phases make the whole', () => {
  let nowUs = 1_000
  const watch = new Stopwatch({ nowMs: () => 0, monotonicUs: () => nowUs })
  const laps = [
    ['authenticate', 5],
    ['begin', 7],
    ['decide', 11],
    ['decide', 13],
    ['commit', 17],
  ] as const
  for (const [phase, us] of laps) {
    nowUs += us
    watch.lap(phase)
  }
  assert.deepEqual(watch.timings(), {
    authenticateUs: 5,
    beginUs: 7,
    decideUs: 24,
    admitUs: 0,
    commitUs: 17,
    totalUs: 53,
  })
})
