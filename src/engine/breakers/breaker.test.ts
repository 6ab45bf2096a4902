import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/support/property.ts'
import { Breaker, type BreakerState, type Ended } from './breaker.ts'
import type { BreakerRule, Trip } from '../../policy/breakers.ts'

const rule = (trip: Trip, more: Partial<BreakerRule> = {}): BreakerRule => ({
  ...{ name: 'b', of: null, per: [], trip, openMs: 1_000, probes: 2 },
  ...more,
})
const ERRORS = rule({ kind: 'errors', share: 0.5, ofLast: 4 })
const failed: Ended = { how: 'failed', amount: 0 }
const changed = (amount = 0): Ended => ({ how: 'changed', amount })

/** Each call is taken and ended at its time. @returns the states after each */
function states(breaker: Breaker, calls: readonly (readonly [number, Ended])[]): readonly BreakerState[] {
  return calls.map(([atMs, ended]) => {
    if (breaker.take(atMs).passes) breaker.ended(ended, atMs)
    return breaker.stateAt(atMs)
  })
}

test('a share of the last calls trips it, not before there are so many', () => {
  const breaker = new Breaker(ERRORS)
  assert.deepEqual(states(breaker, [[1, failed], [2, failed], [3, changed()]]), ['closed', 'closed', 'closed']) // prettier-ignore
  assert.equal(breaker.take(4).passes, true)
  assert.deepEqual(breaker.ended(changed(), 4), {
    ...{ to: 'open', untilMs: 1_004 },
    evidence: { seen: 2, of: 4, limit: 0.5 },
  })
  assert.deepEqual(breaker.take(1_003), { passes: false, transition: null })
})

test('half open, it lets through what is needed to know, and closes when that goes well', () => {
  const breaker = new Breaker(ERRORS, 1_000)
  const first = breaker.take(1_000)
  assert.deepEqual([first.passes, first.transition?.to], [true, 'half-open'])
  assert.deepEqual([breaker.take(1_001).passes, breaker.take(1_002).passes], [true, false])
  assert.equal(breaker.ended(changed(), 1_003), null)
  assert.equal(breaker.take(1_004).passes, false)
  assert.equal(breaker.ended(changed(), 1_005)?.to, 'closed')
  assert.equal(breaker.take(1_006).passes, true)
})

test('half open, one call that goes wrong opens it again; what says nothing gives its place back', () => {
  const breaker = new Breaker(ERRORS, 1_000)
  breaker.take(1_000)
  breaker.take(1_000)
  breaker.left()
  assert.equal(breaker.take(1_001).passes, true)
  assert.equal(breaker.ended(failed, 1_002)?.to, 'open')
  assert.equal(breaker.untilMs, 2_002)
})

test('calls that never come back do not hold it half open for ever', () => {
  const breaker = new Breaker(ERRORS, 1_000)
  assert.deepEqual(
    [1_000, 1_000, 1_500, 2_000].map((atMs) => breaker.take(atMs).passes),
    [true, true, false, true],
  )
})

test('too many changes, or too large a sum, within the time', () => {
  const busy = new Breaker(rule({ kind: 'changes', max: 2, withinMs: 100 }))
  assert.deepEqual(states(busy, [[0, changed()], [50, changed()], [150, changed()], [151, changed()]]), ['closed', 'closed', 'closed', 'closed']) // prettier-ignore
  assert.deepEqual(states(busy, [[152, changed()]]), ['open'])
  const moved = new Breaker(rule({ kind: 'sum', path: ['input', 'amount'], max: 10, withinMs: 100 }))
  assert.deepEqual(states(moved, [[0, changed(10)], [1, failed], [101, changed(10)], [102, changed(1)]]), ['closed', 'closed', 'closed', 'open']) // prettier-ignore
})

test('a sum is not escaped by moving it in ever so many small amounts', () => {
  const moved = new Breaker(rule({ kind: 'sum', path: ['input', 'amount'], max: 15_000, withinMs: 86_400_000 }))
  for (let atMs = 0; atMs < 15_000_000; atMs += 1_000) moved.ended(changed(1), atMs)
  assert.equal(moved.stateAt(15_000_000), 'closed')
  assert.deepEqual(moved.ended(changed(1), 15_000_001)?.evidence, { seen: 15_001, of: 15_001, limit: 15_000 })
})

test('whatever happens, only declared transitions are made', () => {
  const next: Readonly<Record<BreakerState, readonly BreakerState[]>> = {
    closed: ['open'],
    open: ['half-open'],
    'half-open': ['closed', 'open'],
  }
  const step = fc.record({ wait: fc.nat(700), how: fc.constantFrom('changed', 'refused', 'failed', 'left' as const) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const breaker = new Breaker(ERRORS)
      let nowMs = 0
      let state: BreakerState = 'closed'
      for (const { wait, how } of steps) {
        nowMs += wait
        const { passes, transition } = breaker.take(nowMs)
        const made = [transition]
        if (passes) made.push(how === 'left' ? (breaker.left(), null) : breaker.ended({ how, amount: 0 }, nowMs))
        for (const one of made) {
          if (one === null) continue
          assert.ok(next[state].includes(one.to), `${state} to ${one.to}`)
          state = one.to
        }
      }
    }),
  )
})
