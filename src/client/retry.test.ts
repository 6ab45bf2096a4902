import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pause, retried, TRIES_MAX } from './retry.ts'

test('tries until there is a value, with growing pauses, and then gives up with the last reason', async () => {
  const pauses: number[] = []
  const noted = async (ms: number) => void pauses.push(ms)
  let tries = 0
  assert.deepEqual(await retried(async () => (++tries < 3 ? { again: tries } : { value: 'done' }), noted), {
    value: 'done',
  })
  assert.deepEqual([tries, pauses], [3, [100, 200]])
  assert.deepEqual(await retried(async () => ({ again: ++tries }), noted), { gaveUp: 3 + TRIES_MAX })
  assert.deepEqual(pauses, [100, 200, 100, 200, 800, 2_000])
})

test('a pause ends at once when its signal does', { timeout: 120_000 }, async () => {
  const stop = new AbortController()
  const waiting = pause(3_600_000, stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await assert.rejects(pause(3_600_000, stop.signal), /enough/)
})

test('a pause that ends by itself leaves nothing on the signal', async () => {
  const stop = new AbortController()
  await pause(1, stop.signal)
  await pause(1, undefined)
  stop.abort()
})
