import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NEVER, openBank } from '../../test/support/bank-system.ts'
import { operationId, type PrincipalId } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'
import { WAITS_MAX } from './waits.ts'

const fails =
  (code: string, what = /./) =>
  (error: unknown) =>
    error instanceof Problem && error.code === code && what.test(error.detail)
const agents = (key: string) => operationId('agent' as PrincipalId, key)

test('an outcome is waited for while its operation runs, at most as long as asked, and by its owner alone', async (t) => {
  const sandbox = await openSandbox({ limits: { entryMs: 1_000 } }) // of hanging: much longer than what is asked meanwhile
  const bank = await openBank(t, { sandbox })
  t.after(() => sandbox.close())
  const { engine, agent, operator, frontDoor } = bank
  await assert.rejects(engine.outcome(agent, agents('none'), 0, NEVER), fails('no-such-operation'))
  const opened = await bank.do('open_account', { account: 'a', owner: 'ann' }, { key: 'open' })
  assert.deepEqual(await engine.outcome(agent, opened.operation, 0, NEVER), opened)
  assert.equal((await engine.outcome(operator, opened.operation, 0, NEVER)).kind, 'committed')
  await assert.rejects(engine.outcome(frontDoor, opened.operation, 0, NEVER), fails('no-such-operation'))

  const hanging = assert.rejects(bank.do('hang', {}, { key: 'hang' }), fails('limit-exceeded'))
  while ((await engine.self(operator, NEVER)).queues.running === 0) await sleep(1)
  await assert.rejects(engine.outcome(agent, agents('hang'), 0, NEVER), fails('operation-running'))
  const leaving = new AbortController()
  const left = engine.outcome(agent, agents('hang'), 60_000, leaving.signal)
  leaving.abort(new Error('gone'))
  await assert.rejects(left, /gone/)
  const waiting = engine.outcome(agent, agents('hang'), 60_000, NEVER)
  await assert.rejects(waiting, fails('no-such-operation', /limit-exceeded/), 'what failed is not waited for')
  await hanging
})

test('who reads rows is told what cannot be asked', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  const rows = (where: unknown, order: readonly string[] = []) =>
    bank.engine.rows(bank.operator, 'accounts_by_owner', where as never, order, { after: null, limit: 5 }, null, NEVER)
  assert.equal((await rows({ owner: 'ann' })).items.length, 1)
  for (const where of [
    { owner: {} },
    { owner: null },
    { owner: [] },
    { owner: 1 },
    { owner: true },
    { owner: '\ud800' },
  ])
    await rows(where).then(
      ({ items }) => assert.deepEqual(items, [], JSON.stringify(where)),
      (error: unknown) =>
        assert.ok(error instanceof Problem && error.code !== 'bug', `${JSON.stringify(where)}: ${String(error)}`),
    )
  for (const where of [{ balance: 0 }, { nothing: 1 }, JSON.parse('{"__proto__":1}') as object, { constructor: 1 }])
    await assert.rejects(rows(where), fails('malformed-request'))
  for (const order of [['owner', 'owner'], ['nothing'], ['__proto__'], ['balance']])
    await assert.rejects(rows({}, order), fails('malformed-request'))
})

test('one principal’s waits keep nobody else from waiting: beyond the bound it is told what is known now', async (t) => {
  const bank = await openBank(t)
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 900_000 })
  const held = await bank.do('withdraw', { account: 'a', amount: 200_000 })
  const stop = new AbortController()
  const ask = (as = bank.agent, signal = stop.signal) => bank.engine.outcome(as, held.operation, 60_000, signal)
  let over = 0
  const waiting = Array.from({ length: WAITS_MAX }, () => ask().finally(() => over++))
  const ended = Promise.allSettled(waiting)
  assert.equal((await ask()).kind, 'held')
  assert.equal(over, 0, 'while they wait')
  const operator = ask(bank.operator)
  operator.catch(() => {})
  assert.equal(await Promise.race([operator, sleep(200, 'it waits')]), 'it waits')
  stop.abort()
  await ended
  const again = ask(bank.agent, AbortSignal.timeout(300))
  await assert.rejects(again, { name: 'TimeoutError' }, 'and may wait again')
})
