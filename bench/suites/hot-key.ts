/** Increments of one hot account by sixteen clients at once: none may be lost, and it should not be much slower than on accounts of their own. */
import { join } from 'node:path'
import { atLeast, type Bench, type Figures, type OpenSuite, type Suite } from '../measure/suite.ts'
import { accountId, APPLICATION, importAccounts } from '../support/application.ts'
import { openSystem } from '../../src/main/open-system.ts'
import type { Credentials } from '../../src/model/principal.ts'

const CLIENTS = 16
const WARM_CALLS = 200

export const hotKey: Suite = {
  name: 'hot-key',
  title: 'One hot key',
  method:
    `${CLIENTS} callers add 1 to one account through the engine, in the process, until 1,000 calls are answered as committed; then the same calls go to 1,000 accounts. ` +
    'What the account holds afterwards is compared with what was acknowledged.',
  rows: [
    {
      id: 'hot-key-kept',
      what: 'acknowledged increments that are kept',
      unit: '%',
      figure: 'keptPercent',
      target: atLeast(100),
    },
    {
      id: 'hot-key-rate',
      what: 'increments of one hot account, 16 clients',
      unit: 'calls/s',
      figure: 'hot',
      against: [{ what: 'the same on accounts of their own', figure: 'cold', target: atLeast(0.5) }],
    },
  ],
  open,
}

async function open({ sizes, scratch }: Bench): Promise<OpenSuite> {
  const dir = join(scratch, 'hot-key')
  await using opened = new AsyncDisposableStack()
  const system = await openSystem({ dir, application: APPLICATION })
  opened.defer(() => system.close())
  const { engine, credentials } = system
  const bearer = (bearer: string): Credentials => ({ bearer, onBehalfOf: null })
  const agent = bearer(credentials.agent.apiKey)
  const operator = bearer(credentials.operator.apiKey)
  const signal = new AbortController().signal
  await importAccounts(engine, operator, sizes.increments)
  let keys = 0

  async function addOne(account: string): Promise<void> {
    const intent = {
      ...{ command: 'add', input: { account, amount: 1, note: 'counted' }, idempotencyKey: `hot-${++keys}` },
      ...{ run: null, correlation: null, causation: null },
    }
    const { answer } = await engine.submit(agent, intent, signal)
    if (answer.kind !== 'committed') throw new Error(`an increment was answered \`${answer.kind}\``)
  }
  /** Calls per second. */
  async function load(calls: number, accountOf: (call: number) => string): Promise<number> {
    let next = 0
    const startedMs = performance.now()
    const client = async (): Promise<void> => {
      for (let call = next++; call < calls; call = next++) await addOne(accountOf(call))
    }
    await Promise.all(Array.from({ length: CLIENTS }, client))
    return (calls * 1000) / (performance.now() - startedMs)
  }
  const balance = async (): Promise<number> => {
    const { state } = await engine.state(operator, 'account', accountId(0), null, signal)
    return (state as { readonly balance: number }).balance
  }
  await load(WARM_CALLS, (call) => accountId(call % sizes.increments))

  async function run(): Promise<Figures> {
    const before = await balance()
    const hot = await load(sizes.increments, () => accountId(0))
    const kept = (await balance()) - before
    const cold = await load(sizes.increments, (call) => accountId(call))
    return { hot, cold, keptPercent: (kept / sizes.increments) * 100 }
  }
  const all = opened.move()
  return { run, close: () => all.disposeAsync() }
}
