/** The same on a real application: cancelling an order of the retail example, with its facts, its policies, its refund. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generate } from '../../examples/retail/generate.ts'
import { atMost, type Bench, type Figures, type OpenSuite, type Suite } from '../measure/suite.ts'
import { syncRate } from '../probes/fdatasync.ts'
import { SYNCS } from './governed-call.ts'
import { putLoad } from '../support/load.ts'
import { httpRequest } from '../support/requests.ts'
import { startSystem, type RunningBench } from '../support/system.ts'

const RETAIL = fileURLToPath(new URL('../../examples/retail/', import.meta.url))
const WARM_CALLS = 10 // before the first run, so that code and policies are warm; each uses up an order

export const retail: Suite = {
  name: 'retail',
  title: 'Cancelling an order of the retail example',
  method:
    'Pending orders of the generated shop are cancelled over HTTP by one client, each once, in runs whose customer, consent and agent the front door has attested ' +
    '(a run that it leaves open costs its first call one more commit): ' +
    'order and customer are read, two or more events written, a refund put into the outbox.',
  rows: [
    {
      id: 'retail-p50',
      what: 'cancel_pending_order over HTTP, 1 client, p50 beside its syncs',
      unit: 'ms',
      figure: 'p50Beside',
      target: atMost(1.5),
    },
    {
      id: 'retail-p99',
      what: 'cancel_pending_order over HTTP, 1 client, p99 beside its syncs',
      unit: 'ms',
      figure: 'p99Beside',
      target: atMost(5),
    },
    { id: 'retail-decide', what: 'phase `decide` of it, p50', unit: 'µs', figure: 'decide' },
    { id: 'retail-admit', what: 'phase `admit` of it, p50', unit: 'µs', figure: 'admit' },
  ],
  open,
}

async function open({ sizes, scratch }: Bench): Promise<OpenSuite> {
  const dir = join(scratch, 'retail')
  await using opened = new AsyncDisposableStack()
  const system = await startSystem(dir, RETAIL, 0)
  opened.defer(() => system.close())
  const pending = generate().orders.filter(({ value }) => value.status === 'pending')
  const targets = pending.map(({ id, value }) => ({ target: id, run: `run-${value.user_id}` }))
  for (const user of new Set(pending.map(({ value }) => value.user_id))) await attest(system, user)
  let used = 0
  let loads = 0
  async function cancel(calls: number) {
    const own = targets.slice(used, used + calls)
    if (own.length < calls) throw new Error(`the shop has only ${targets.length} pending orders`)
    used += calls
    const input = { order_id: '%T%', reason: 'no longer needed' }
    const request = httpRequest(system, 'cancel_pending_order', input, `cancel-${++loads}`, true)
    return putLoad({ ...request, clients: 1, warmupMs: 0, measureMs: 60_000, callsMax: calls, targets: own })
  }
  await cancel(WARM_CALLS)

  async function run(): Promise<Figures> {
    const { p50Us } = syncRate(scratch, 'growing', sizes.probeMs)
    const result = await cancel(sizes.retailCalls)
    return {
      p50Beside: (result.p50Us - SYNCS * p50Us) / 1000,
      p99Beside: (result.p99Us - SYNCS * p50Us) / 1000,
      decide: result.phases['decide'] ?? Number.NaN,
      admit: result.phases['admit'] ?? Number.NaN,
    }
  }
  const all = opened.move()
  return { run, close: () => all.disposeAsync() }
}

/** Says for a run who is being served, that they have confirmed, and whose the run is. */
async function attest(system: RunningBench, user: string): Promise<void> {
  const response = await fetch(`${system.url}/v1/runs/run-${user}/attested`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${system.frontDoorKey}`,
      'content-type': 'application/json',
      'idempotency-key': `attest-${user}`,
      'plinth-run-agent': 'agent',
    },
    body: JSON.stringify({ user_id: user, confirmed: true }),
  })
  if (!response.ok) throw new Error(`the front door was answered ${response.status}: ${await response.text()}`)
  await response.arrayBuffer()
}
