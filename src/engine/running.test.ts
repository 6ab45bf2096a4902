import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RUNNING_MAX } from './bounds.ts'
import { Running } from './running.ts'
import type { Hash, OperationId } from '../model/ids.ts'
import type { Outcome } from '../model/operation.ts'
import type { Principal } from '../model/principal.ts'
import { Problem, problem } from '../model/problems.ts'

const OP = 'op_1' as OperationId
const HASH = 'h' as Hash
const ANN = { id: 'ann', chain: [] } as unknown as Principal
const DONE = { kind: 'denied', operation: OP, rules: [], replayed: false } as Outcome
const SIGNAL = new AbortController().signal
const fails = (code: string) => (error: unknown) => error instanceof Problem && error.code === code

/** Work that ends when the test says so, or when it is stopped. */
function work() {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  let stopped: AbortSignal | undefined
  return {
    finish: () => resolve(DONE),
    stopped: () => stopped?.aborted,
    do: (stop: AbortSignal): Promise<Outcome> => {
      stopped = stop
      return new Promise((done, reject) => {
        stop.addEventListener('abort', () => reject(stop.reason as Error))
        promise.then(done, reject)
      })
    },
  }
}

test('one caller who leaves does not stop what another waits for', async () => {
  const running = new Running()
  const job = work()
  const leaving = new AbortController()
  const first = running.run(OP, HASH, ANN, leaving.signal, job.do)
  const second = running.join(OP, HASH, SIGNAL)
  leaving.abort()
  await assert.rejects(first, fails('cancelled'))
  assert.equal(job.stopped(), false)
  job.finish()
  assert.equal(await second, DONE)
  assert.equal(running.count, 0)
})

test('the last one to leave stops it; who comes while it ends is told to come again', async () => {
  const running = new Running()
  const job = work()
  const [one, two] = [new AbortController(), new AbortController()]
  const first = running.run(OP, HASH, ANN, one.signal, job.do)
  const second = running.join(OP, HASH, two.signal) as Promise<Outcome>
  two.abort()
  await assert.rejects(second, fails('cancelled'))
  one.abort()
  const late = running.join(OP, HASH, SIGNAL) as Promise<Outcome>
  await assert.rejects(first, fails('cancelled'))
  await assert.rejects(late, fails('operation-running'))
  assert.equal(job.stopped(), true)
  await running.drained()
})

test('who left and comes back finds what could not be stopped any more', async () => {
  const running = new Running()
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const leaving = new AbortController()
  const first = running.run(OP, HASH, ANN, leaving.signal, () => promise) // handed in: it hears no signal
  leaving.abort()
  await assert.rejects(first, fails('cancelled'))
  const back = running.join(OP, HASH, SIGNAL)
  resolve(DONE)
  assert.equal(await back, DONE)
})

test('the same key with another payload is refused while the first is under way', async () => {
  const running = new Running()
  const job = work()
  const first = running.run(OP, HASH, ANN, SIGNAL, job.do)
  assert.throws(() => running.join(OP, 'other' as Hash, SIGNAL), fails('idempotency-key-reused'))
  job.finish()
  await first
  assert.equal(running.join(OP, HASH, SIGNAL), undefined)
})

test('stopping by principal reaches all of its work and nothing else; draining waits for the rest', async () => {
  const running = new Running()
  const [hers, his] = [work(), work()]
  const bob = { id: 'bob', chain: [] } as unknown as Principal
  const first = running.run(OP, HASH, ANN, SIGNAL, hers.do)
  const second = running.run('op_2' as OperationId, HASH, bob, SIGNAL, his.do)
  const stopped = running.stopWhere(({ principal: { id } }) =>
    id === 'ann' ? problem('principal-revoked', 'gone') : null,
  )
  assert.deepEqual(
    stopped.map(({ operation }) => operation),
    [OP],
  )
  await assert.rejects(first, fails('principal-revoked'))
  let drained = false
  const idle = running.drained().then(() => (drained = true))
  assert.equal(drained, false)
  his.finish()
  await second
  await idle
})

test('there is a bound, and what is beyond it does not run', async () => {
  const running = new Running()
  const job = work()
  const all = Array.from({ length: RUNNING_MAX }, (_, i) =>
    running.run(`op_${i}` as OperationId, HASH, ANN, SIGNAL, job.do),
  )
  let ran = false
  const over = running.run('op_over' as OperationId, HASH, ANN, SIGNAL, () => ((ran = true), Promise.resolve(DONE)))
  await assert.rejects(over, fails('overloaded'))
  assert.equal(ran, false)
  job.finish()
  await Promise.all(all)
})
