import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import { Turns } from './turns.ts'
import type { StreamId } from '../model/ids.ts'

const a = 'x/a' as StreamId
const b = 'x/b' as StreamId
const SIGNAL = new AbortController().signal

test('turns are taken in order, and end only once', async () => {
  const turns = new Turns()
  const order: string[] = []
  const first = await turns.take([a], SIGNAL)
  const second = turns.take([b, a, a], SIGNAL).then((turn) => (order.push('second'), turn))
  const third = turns.take([a], SIGNAL).then((turn) => (order.push('third'), turn))
  await setImmediate()
  assert.deepEqual(order, [])
  first.end()
  const turn = await second
  first.end()
  await setImmediate()
  assert.deepEqual(order, ['second'])
  turn.end()
  ;(await third).end()
  assert.equal(turns.size, 0)
})

test('opposite orders do not wait for each other', async () => {
  const turns = new Turns()
  await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const turn = await turns.take(i % 2 === 0 ? [a, b] : [b, a], SIGNAL)
      await setImmediate()
      turn.end()
    }),
  )
  assert.equal(turns.size, 0)
})

test('who leaves the line is told at once, lets nobody past those before, and leaves nothing behind', async () => {
  const turns = new Turns()
  const first = await turns.take([b], SIGNAL)
  const leaving = new AbortController()
  const left = turns.take([a, b], leaving.signal) // holds a, waits for b
  let third = false
  const behind = turns.take([b], SIGNAL).then((turn) => ((third = true), turn))
  await setImmediate()
  leaving.abort(new Error('gone'))
  await assert.rejects(left, /gone/)
  ;(await turns.take([a], SIGNAL)).end()
  assert.equal(third, false, 'the one before still has its turn')
  first.end()
  ;(await behind).end()
  assert.equal(turns.size, 0)
  await assert.rejects(turns.take([a], AbortSignal.abort(new Error('gone'))), /gone/)
})
