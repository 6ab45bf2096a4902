import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Position } from '../../model/ids.ts'
import { Timestamping } from './timestamping.ts'

const NEVER = new AbortController().signal
const HOUR = 3_600_000
const at = (position: number): Position => position as Position

/** A source that answers when it is told to. */
function slow() {
  const asked: { readonly note: string; readonly answer: (error?: Error) => void }[] = []
  const timestamp = (note: string) =>
    new Promise<{ kind: string; timeMs: number; token: string }>((resolve, reject) =>
      asked.push({
        note,
        answer: (error) => (error ? reject(error) : resolve({ kind: 'test', timeMs: 7, token: note })),
      }),
    )
  return { asked, stamping: new Timestamping({ name: 'slow', timestamp }, () => 1) }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('one stamp at a time; those who come meanwhile share the next, which is of the newest head', async () => {
  const { asked, stamping } = slow()
  let size = 10
  const head = () => ({ size, note: `head ${size}` })
  const first = stamping.wait(at(9), head, HOUR, NEVER)
  size = 20
  const second = stamping.wait(at(15), head, HOUR, NEVER)
  const third = stamping.wait(at(19), head, HOUR, NEVER)
  assert.deepEqual(
    asked.map(({ note }) => note),
    ['head 10'],
  )
  asked[0]?.answer()
  assert.equal(await first, true)
  await settled()
  assert.deepEqual(
    asked.map(({ note }) => note),
    ['head 10', 'head 20'],
  )
  asked[1]?.answer()
  assert.deepEqual(await Promise.all([second, third]), [true, true])
  assert.equal(stamping.covering(at(19))?.timestamp.token, 'head 20')
  assert.equal(stamping.covering(at(20)), null)
  assert.deepEqual(stamping.state, { source: 'slow', size: 20, lastStampedAtMs: 1, lastError: null })
  assert.equal(await stamping.wait(at(3), head, 0, NEVER), true, 'covered already')
  assert.equal(asked.length, 2)
})

test('a failure is told to those who wait, is shown, and the next who comes asks again', async () => {
  const { asked, stamping } = slow()
  const head = () => ({ size: 1, note: 'head' })
  const waiting = stamping.wait(at(0), head, HOUR, NEVER)
  asked[0]?.answer(new Error('closed on sundays'))
  assert.equal(await waiting, false)
  await settled()
  assert.equal(stamping.state.lastError, 'closed on sundays')
  const again = stamping.wait(at(0), head, HOUR, NEVER)
  asked[1]?.answer()
  assert.equal(await again, true)
  assert.equal(stamping.state.lastError, null)
})

test('closing ends the waiting, also of a source that never answers but hears the signal', async () => {
  const never = (_: string, signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  const stamping = new Timestamping({ name: 'never', timestamp: never }, () => 1)
  const waiting = stamping.wait(at(0), () => ({ size: 1, note: 'head' }), HOUR, NEVER)
  await stamping.close()
  assert.equal(await waiting, false)
  assert.equal(await stamping.wait(at(0), () => ({ size: 1, note: 'head' }), HOUR, NEVER), false)
})
