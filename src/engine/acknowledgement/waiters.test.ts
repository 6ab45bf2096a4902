import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Position } from '../../model/ids.ts'
import { Waiters, WAITERS_MAX } from './waiters.ts'

const NEVER = new AbortController().signal
const HOUR = 3_600_000
const at = (position: number): Position => position as Position

test('a size covers the records before it, and no others', async () => {
  const waiters = new Waiters()
  const [third, fourth] = [waiters.wait(at(3), HOUR, NEVER), waiters.wait(at(4), 20, NEVER)]
  assert.equal(waiters.highest, 4)
  waiters.covered(4)
  assert.equal(await third, true)
  assert.equal(await fourth, false, 'its time was up')
  assert.deepEqual([waiters.count, waiters.highest], [0, -1])
})

test('who leaves is forgotten at once, with his own reason', async () => {
  const waiters = new Waiters()
  const leaving = new AbortController()
  const waiting = waiters.wait(at(1), HOUR, leaving.signal)
  leaving.abort(new Error('gone'))
  await assert.rejects(waiting, /gone/)
  assert.equal(waiters.count, 0)
  await assert.rejects(waiters.wait(at(1), HOUR, leaving.signal), /gone/)
})

test('given up, all are told; nobody waits for no time; and there is a bound', async () => {
  const waiters = new Waiters()
  assert.equal(await waiters.wait(at(1), 0, NEVER), false)
  const leaving = new AbortController()
  const many = Array.from({ length: WAITERS_MAX }, () => waiters.wait(at(1), HOUR, leaving.signal))
  assert.equal(await waiters.wait(at(1), HOUR, NEVER), false, 'one too many')
  waiters.giveUp()
  assert.deepEqual(new Set(await Promise.all(many)), new Set([false]))
})
