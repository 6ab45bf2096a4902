/** What the sandbox costs: a warm decide with one prefetched state, against the same function called in this process. */
import { atMost, type Bench, type Figures, type OpenSuite, type Suite } from '../measure/suite.ts'
import { latenciesOf } from '../measure/timing.ts'
import { echoLatency } from '../probes/echo.ts'
import { accountId } from '../support/application.ts'
import { add } from '../application/index.ts'
import { benchRelease } from '../support/release.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'
import type { Call, ReadPort } from '../../src/sandbox/sandbox.ts'

const CALLERS = 16
const MESSAGE_BYTES = 600 // about what a call and its answer have

export const sandbox: Suite = {
  name: 'sandbox',
  title: 'The sandbox',
  method:
    'Command `add` decides on an account that is sent along, one call after the other: input checked in, facts, one event, the new state, one row. ' +
    'Directly is the same function on the same values in this process, answers parsed and composed as JSON.',
  rows: [
    {
      id: 'sandbox-overhead',
      what: 'overhead of a warm decide, p50',
      unit: 'µs',
      figure: 'overhead',
      target: atMost(50),
      against: [{ what: 'one message to another process and back', figure: 'echo' }],
    },
    { id: 'sandbox-decide', what: 'a warm decide, p50', unit: 'µs', figure: 'decide' },
    { id: 'sandbox-decide-p99', what: 'a warm decide, p99', unit: 'µs', figure: 'decideP99' },
    { id: 'sandbox-direct', what: 'the same function, directly, p50', unit: 'µs', figure: 'direct' },
    { id: 'sandbox-rate', what: 'decides, 16 at once, two cells', unit: 'calls/s', figure: 'rate' },
  ],
  open,
}

async function open({ sizes }: Bench): Promise<OpenSuite> {
  await using opened = new AsyncDisposableStack()
  const cells = await openSandbox()
  opened.defer(() => cells.close())
  const release = await benchRelease(cells)
  await cells.load(release.id, release.bundle)
  const input = JSON.stringify({ account: accountId(1), amount: 5, note: 'Paid at the counter.' })
  const state = JSON.stringify({ owner: 'owner-1', balance: 100, changes: 3 })
  const noReads: ReadPort = {
    get: () => Promise.reject(new Error('the state was sent along')),
    find: () => Promise.reject(new Error('nothing is found here')),
  }
  const signal = new AbortController().signal
  const call: Call = {
    ...{ release: release.id, name: 'add', input, nowMs: 1_700_000_000_000, seed: 'op_bench', attested: {} },
    principal: { id: 'agent', kind: 'agent', onBehalfOf: null },
    prefetched: [{ entity: 'account', id: accountId(1), version: 4, state }],
  }
  async function decide(): Promise<void> {
    const answer = await cells.decide(call, noReads, signal)
    if (answer.kind !== 'accepted') throw new Error(`the decision was \`${answer.kind}\``)
  }
  async function rate(): Promise<number> {
    let calls = 0
    const startedMs = performance.now()
    const caller = async (): Promise<void> => {
      for (; performance.now() < startedMs + sizes.measureMs; calls++) await decide()
    }
    await Promise.all(Array.from({ length: CALLERS }, caller))
    return (calls * 1000) / (performance.now() - startedMs)
  }

  async function run(): Promise<Figures> {
    const inCell = await latenciesOf(sizes.repetitions, decide)
    const direct = await latenciesOf(sizes.repetitions, () => decideDirectly(input, state))
    const echo = await echoLatency(MESSAGE_BYTES, sizes.repetitions)
    return {
      decide: inCell.p50Us,
      decideP99: inCell.p99Us,
      direct: direct.p50Us,
      overhead: inCell.p50Us - direct.p50Us,
      echo: echo.p50Us,
      rate: await rate(),
    }
  }
  const all = opened.move()
  return { run, close: () => all.disposeAsync() }
}

/** The function as it is, on a transaction that does nothing but hand over and take down. */
async function decideDirectly(input: string, state: string): Promise<string> {
  const events: unknown[] = []
  const transaction = {
    get: async () => JSON.parse(state) as unknown,
    facts: () => {},
    refuse: (code: string) => code,
    append: (...event: readonly unknown[]) => void events.push(event),
  }
  const run = add.decide as unknown as (transaction: object, input: unknown) => Promise<unknown>
  const result = await run(transaction, JSON.parse(input))
  return JSON.stringify({ events, result })
}
