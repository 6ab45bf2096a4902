/** A whole governed call: identified, scoped, decided in the sandbox, admitted, committed with its evidence, answered with its receipt. */
import { join } from 'node:path'
import {
  atLeast,
  atMost,
  type Bench,
  type Figures,
  type OpenSuite,
  type RowSpec,
  type Suite,
} from '../measure/suite.ts'
import { syncRate } from '../probes/fdatasync.ts'
import { accountId, APPLICATION } from '../support/application.ts'
import { putLoad } from '../support/load.ts'
import type { LoadResult } from '../support/load-client.ts'
import { httpRequest, MCP_REVISION, mcpRequest } from '../support/requests.ts'
import { processorTime, startSystem, type ProcessorTime } from '../support/system.ts'

const ACCOUNTS = 256 // so that the warm-up brings them into memory, and 64 clients seldom meet on one
export const SYNCS = 2 // of a call: the database's, and the signer's before it signs
const SMOKE_ACCOUNTS = 20
const INPUT = { account: '%T%', amount: 1, note: 'Paid at the counter; the receipt was sent to the address on file.' }
const PHASES = ['authenticate', 'begin', 'decide', 'admit', 'commit', 'door'] as const

const rowsOfDoor = (door: string, title: string): RowSpec[] => [
  {
    id: `${door}-1-p50`,
    what: `governed call over ${title}, 1 client, p50 beside its syncs`,
    unit: 'ms',
    figure: `${door}1p50Beside`,
    target: atMost(1.5),
  },
  {
    id: `${door}-1-p99`,
    what: `governed call over ${title}, 1 client, p99 beside its syncs`,
    unit: 'ms',
    figure: `${door}1p99Beside`,
    target: atMost(5),
  },
  { id: `${door}-1-whole-p50`, what: `the same, whole, p50`, unit: 'ms', figure: `${door}1p50` },
  { id: `${door}-1-whole-p99`, what: `the same, whole, p99`, unit: 'ms', figure: `${door}1p99` },
  {
    id: `${door}-1-rate`,
    what: `governed changes over ${title}, 1 client`,
    unit: 'calls/s',
    figure: `${door}1rate`,
    against: [{ what: 'fdatasync of 4 KiB, file growing', figure: 'syncGrowing' }],
  },
  {
    id: `${door}-64-rate`,
    what: `governed changes over ${title}, 64 clients`,
    unit: 'calls/s',
    figure: `${door}64rate`,
    ...(door === 'http' ? { target: atLeast(3_000) } : {}),
  },
  { id: `${door}-64-p50`, what: `the same, p50`, unit: 'ms', figure: `${door}64p50` },
  { id: `${door}-64-p99`, what: `the same, p99`, unit: 'ms', figure: `${door}64p99` },
  ...PHASES.map((phase) => ({
    id: `${door}-phase-${phase}`,
    what: `phase \`${phase}\` over ${title}, 1 client, p50`,
    unit: 'µs',
    figure: `${door}-${phase}`,
  })),
]

export const governedCall: Suite = {
  name: 'governed-call',
  title: 'A governed call',
  method:
    `One account of ${ACCOUNTS}, in memory, is read, checked and added to; six policies; one event, one row of a read model. The system runs as \`plinth start\` runs it; the client ` +
    `is a process of its own on the same two cores, over kept loopback connections. MCP is revision ${MCP_REVISION}, one tools/call a request. \`Beside its syncs\` is less two ` +
    'median fdatasyncs of the same run: the commit is synced, then the signer syncs what it is about to sign. Phases are the medians of header `Plinth-Timing`; ' +
    '`commit` holds the syncs and the signature, `door` is reading, routing and writing.',
  rows: [
    ...rowsOfDoor('http', 'HTTP'),
    ...rowsOfDoor('mcp', 'MCP'),
    {
      id: 'main-cpu',
      what: 'processor time of doors, engine and committer for one call, HTTP, 64 clients',
      unit: 'µs',
      figure: 'mainCpu',
    },
    {
      id: 'cells-cpu',
      what: 'processor time of the cells for one call, HTTP, 64 clients',
      unit: 'µs',
      figure: 'cellsCpu',
    },
    {
      id: 'client-cpu',
      what: 'processor time of the client for one call, 64 clients',
      unit: 'µs',
      figure: 'clientCpu',
    },
  ],
  open,
}

async function open({ sizes, scratch }: Bench): Promise<OpenSuite> {
  const dir = join(scratch, 'governed-call')
  const accounts = sizes.name === 'smoke' ? SMOKE_ACCOUNTS : ACCOUNTS
  await using opened = new AsyncDisposableStack()
  const system = await startSystem(dir, APPLICATION, accounts)
  opened.defer(() => system.close())
  const targets = Array.from({ length: accounts }, (_, number) => ({ target: accountId(number), run: '' }))
  const pid = system.process.pid as number
  let loads = 0

  async function run(): Promise<Figures> {
    const figures: Record<string, number> = {}
    const sync = syncRate(scratch, 'growing', sizes.probeMs)
    figures['syncGrowing'] = sync.perSecond
    const { warmupMs, measureMs } = sizes
    for (const door of ['http', 'mcp'] as const)
      for (const clients of [1, 64]) {
        const request =
          door === 'http' ? httpRequest(system, 'add', INPUT, `load-${++loads}`) : mcpRequest(system, 'add', INPUT)
        const before = processorTime(pid)
        const result = await putLoad({ ...request, clients, warmupMs, measureMs, callsMax: 0, targets })
        if (door === 'http' && clients > 1)
          Object.assign(figures, perCall(before, processorTime(pid), result.callsInAll))
        note(figures, door, clients, result, sync.p50Us)
      }
    return figures
  }
  const all = opened.move()
  return { run, close: () => all.disposeAsync() }
}

const perCall = (before: ProcessorTime, after: ProcessorTime, calls: number): Figures => ({
  mainCpu: (after.mainUs - before.mainUs) / calls,
  cellsCpu: (after.cellsUs - before.cellsUs) / calls,
})

function note(
  figures: Record<string, number>,
  door: string,
  clients: number,
  result: LoadResult,
  syncUs: number,
): void {
  figures[`${door}${clients}rate`] = result.callsPerSecond
  figures[`${door}${clients}p50`] = result.p50Us / 1000
  figures[`${door}${clients}p99`] = result.p99Us / 1000
  figures[`${door}${clients}p50Beside`] = (result.p50Us - SYNCS * syncUs) / 1000
  figures[`${door}${clients}p99Beside`] = (result.p99Us - SYNCS * syncUs) / 1000
  if (clients === 1) for (const phase of PHASES) figures[`${door}-${phase}`] = result.phases[phase] ?? Number.NaN
  else if (door === 'http') figures['clientCpu'] = result.clientCpuUs
}
