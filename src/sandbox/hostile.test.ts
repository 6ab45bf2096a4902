/**
 * Every hostile program ends in its class while neighbours go on answering; the engine stays small and clean (X1, X3).
 * Runs in the best jail that this machine has.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CellDecision } from '../model/decision.ts'
import type { ReleaseId } from '../model/ids.ts'
import { openSandbox } from './open-sandbox.ts'
import type { CellAnswer, Sandbox } from './sandbox.ts'
import { callOf, commandsBundle, NEVER, readsOf, SHOP } from './testing/bundles.ts'
import { HOSTILE_PROGRAMS } from './testing/hostile-programs.ts'
import type { Expected } from './testing/hostile-programs.ts'

const HOSTILE = 'rel_hostile' as ReleaseId
const NEIGHBOUR = 'rel_neighbour' as ReleaseId
/** The engine may hold this much more after all programs than before. */
const GROWTH_BYTES_MAX = 200 * 2 ** 20

let sandbox: Sandbox
before(async () => {
  sandbox = await openSandbox({ cells: 2 })
  const bodies = Object.fromEntries(HOSTILE_PROGRAMS.map(({ name, body }) => [name, body]))
  await sandbox.load(HOSTILE, commandsBundle(bodies))
  await sandbox.load(NEIGHBOUR, SHOP)
})
after(() => sandbox.close())

const isExpected: Readonly<Record<Expected, (answer: CellAnswer<CellDecision>) => boolean>> = {
  stopped: (answer) => answer.kind === 'failed' && answer.code === 'limit-exceeded' && isStop(answer.limit),
  'stopped-or-failed': (answer) =>
    answer.kind === 'failed' && (answer.code === 'application-failed' || answer.limit !== undefined),
  bounded: () => true,
  failed: (answer) =>
    answer.kind === 'failed' && (answer.code === 'application-failed' || answer.limit === 'result_depth'),
  'output-size': (answer) => answer.kind === 'failed' && answer.limit === 'output_size',
  contained: (answer) => answer.kind === 'accepted' && String(answer.result).startsWith('contained'),
}
const isStop = (limit: string | undefined): boolean => limit === 'cpu_time' || limit === 'memory'

async function askNeighbour(): Promise<void> {
  const states = { 'order/#1': { status: 'pending', total: 3 } }
  const call = callOf('cancel', { orderId: '#1', reason: 'x' }, { release: NEIGHBOUR })
  const answer = await sandbox.decide(call, readsOf(states), NEVER)
  assert.equal(answer.kind, 'accepted', JSON.stringify(answer))
}

const rssBefore = process.memoryUsage.rss()
for (const { name, expected } of HOSTILE_PROGRAMS) {
  test(`${name}: ${expected}`, async () => {
    let done = false
    const neighbours = (async () => {
      while (!done) {
        await Promise.all([askNeighbour(), askNeighbour()])
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })()
    const answer = await sandbox.decide(callOf(name, {}, { release: HOSTILE }), readsOf(), NEVER)
    done = true
    await neighbours
    assert.ok(isExpected[expected](answer), JSON.stringify(answer).slice(0, 500))
    if (answer.kind === 'failed') assert.ok(answer.detail.length < 5_000)
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  })
}

test('the engine has stayed small', () => {
  const growth = process.memoryUsage.rss() - rssBefore
  assert.ok(growth < GROWTH_BYTES_MAX, `${Math.round(growth / 2 ** 20)} MB more`)
})
