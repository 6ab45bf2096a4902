/**
 * What grows with the log and what must not: reading the past, committing, starting, verifying, rebuilding, memory. Every log size is built once
 * and measured in every run.
 */
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
import { encodeAndLeafRate } from '../probes/encode-leaf.ts'
import { opensslSpeed } from '../probes/openssl.ts'
import { buildLog, openBuilt } from '../support/big-log.ts'
import { bareHashSeconds, hashedSizes, verifyMemoryBytes, verifySeconds } from '../support/log-hashing.ts'
import { pastReads } from '../support/past-reads.ts'
import { foldRates } from '../support/rebuild.ts'
import { startSystem, weigh, type Weight } from '../support/system.ts'
import { APPLICATION } from '../support/application.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'
import type { System } from '../../src/main/open-system.ts'

const GROWTH_MAX = 1.5 // the cost must not grow with the log; what is above 1 by less is noise
const OPENSSL_SECONDS = 1 // a block size

const SIZES = ['small', 'middle', 'large'] as const
const SIZE_NAMES = { small: '10,000', middle: '100,000', large: '1,000,000' }

const rows: readonly RowSpec[] = [
  ...SIZES.flatMap((size): RowSpec[] => {
    const against =
      size === 'small'
        ? {}
        : {
            against: [
              { what: `at ${SIZE_NAMES.small} events`, figure: 'stateSmall', target: atMost(GROWTH_MAX) },
            ] as const,
          }
    return [
      {
        id: `past-state-${size}`,
        what: `entity as of a past position, ${SIZE_NAMES[size]} events, p50`,
        unit: 'µs',
        figure: `state${nameOf(size)}`,
        ...against,
      },
    ]
  }),
  ...SIZES.map((size): RowSpec => ({
    id: `past-rows-${size}`,
    what: `rows of a read model as of a past position, ${SIZE_NAMES[size]} events, p50`,
    unit: 'µs',
    figure: `rows${nameOf(size)}`,
    ...(size === 'small'
      ? {}
      : { against: [{ what: `at ${SIZE_NAMES.small} events`, figure: 'rowsSmall', target: atMost(GROWTH_MAX) }] }),
  })),
  {
    id: 'commit-large',
    what: 'governed change in the process, 1,000,000 events, p50',
    unit: 'µs',
    figure: 'commitLarge',
    against: [{ what: 'at 10,000 events', figure: 'commitSmall', target: atMost(1.2) }],
  },
  {
    id: 'verify',
    what: 'verifying the whole log of 1,000,000 events, single-threaded',
    unit: 's',
    figure: 'verifySeconds',
    against: [
      {
        what: 'hashing the same bytes, as `openssl speed sha256` has one core',
        figure: 'bareHashSeconds',
        target: atMost(5),
      },
    ],
  },
  {
    id: 'verify-memory',
    what: 'verifying 1,000,000 events in a process of its own: resident memory, at most',
    unit: 'MB',
    figure: 'verifyMb',
    target: atMost(300),
  },
  {
    id: 'verify-threads',
    what: 'the same as `plinth verify` does it, in a thread for each processor',
    unit: 's',
    figure: 'verifyThreadsSeconds',
    against: [{ what: 'the same hashing on one core', figure: 'bareHashSeconds' }],
  },
  { id: 'verify-rate', what: 'verifying, single-threaded: records', unit: 'records/s', figure: 'verifyRate' },
  {
    id: 'rebuild',
    what: 'rebuild: events loaded, verified and folded through the sandbox, with their rows',
    unit: 'events/s',
    figure: 'rebuild',
    target: atLeast(100_000),
    against: [
      { what: 'encode and leaf on one thread', figure: 'encodeAndLeaf', target: atLeast(0.7) },
      { what: 'the same fold in this process, without verifying', figure: 'foldDirectly' },
    ],
  },
  { id: 'start-large', what: 'start on 1,000,000 events until the doors are open', unit: 'ms', figure: 'startLargeMs' },
  { id: 'build-large', what: 'bulk writing of 1,000,000 events, ten a commit', unit: 'events/s', figure: 'buildRate' },
  {
    id: 'memory-idle',
    what: 'memory of an idle system, resident, sum over its processes',
    unit: 'MB',
    figure: 'idleMb',
  },
  {
    id: 'memory-idle-share',
    what: 'memory of an idle system over all its processes, pages that they share counted once',
    unit: 'MB',
    figure: 'idleShareMb',
    target: atMost(300),
  },
  { id: 'memory-large', what: 'memory with 1,000,000 events, resident, idle', unit: 'MB', figure: 'largeMb' },
  { id: 'memory-large-share', what: 'the same, shared pages counted once', unit: 'MB', figure: 'largeShareMb' },
]

export const growth: Suite = {
  name: 'growth',
  title: 'What grows with the log, and what does not',
  method:
    'Accounts of a hundred events each, ten a commit, those of one account spread over the log. The past is read through the engine, with its access record: an account ' +
    'picked at random at a random position of the second half. A quick run uses logs of 2,000, 10,000 and 50,000 events under the same names.',
  rows,
  open,
}

function nameOf(size: (typeof SIZES)[number]): string {
  return size.charAt(0).toUpperCase() + size.slice(1)
}

interface Log {
  readonly dir: string
  readonly events: number
  system: System
}

async function open({ sizes, scratch, say }: Bench): Promise<OpenSuite> {
  await using opened = new AsyncDisposableStack()
  const cells = await openSandbox()
  opened.defer(() => cells.close())
  const logs: Log[] = []
  let buildRate = 0
  for (const events of sizes.logEvents) {
    const dir = join(scratch, `log-${events}`)
    const seconds = await buildLog(dir, events, cells)
    buildRate = events / seconds
    say(`growth: built ${events} events in ${seconds.toFixed(1)} s`)
    const log: Log = { dir, events, system: await openBuilt(dir, cells) }
    opened.defer(() => log.system.close())
    logs.push(log)
  }
  const [, middle, large] = logs as [Log, Log, Log]
  const hashed = hashedSizes(large.dir)
  const idleDir = join(scratch, 'idle')

  async function run(): Promise<Figures> {
    const figures: Record<string, number> = { buildRate }
    for (const [i, { system, events }] of logs.entries()) {
      const past = await pastReads(system, events, sizes.repetitions)
      const name = nameOf(SIZES[i] ?? 'large')
      figures[`state${name}`] = past.stateUs
      figures[`rows${name}`] = past.rowsUs
      figures[`commit${name}`] = past.commitUs
    }
    figures['bareHashSeconds'] = bareHashSeconds(hashed, await opensslSpeed(OPENSSL_SECONDS))
    const verified = await verifySeconds(large.dir, 0)
    figures['verifySeconds'] = verified.seconds
    figures['verifyRate'] = verified.records / verified.seconds
    figures['verifyThreadsSeconds'] = (await verifySeconds(large.dir)).seconds
    figures['verifyMb'] = (await verifyMemoryBytes(large.dir)) / 1e6
    figures['encodeAndLeaf'] = encodeAndLeafRate(sizes.probeMs)
    const { release } = middle.system
    return {
      ...figures,
      ...(await foldRates(middle.dir, release, cells, sizes.rebuildEvents)),
      ...(await weights()),
    }
  }

  /** A system of its own, first on nothing, then on the largest log, which this process lets go of meanwhile. */
  async function weights(): Promise<Figures> {
    const idle = await weighStarted(idleDir)
    await large.system.close()
    const full = await weighStarted(large.dir).finally(async () => {
      large.system = await openBuilt(large.dir, cells)
    })
    const mb = (bytes: number | null): number => (bytes === null ? Number.NaN : bytes / 1e6)
    return {
      startLargeMs: full.startMs,
      idleMb: mb(idle.residentBytes),
      idleShareMb: mb(idle.shareBytes),
      largeMb: mb(full.residentBytes),
      largeShareMb: mb(full.shareBytes),
    }
  }
  async function weighStarted(dir: string): Promise<Weight & { readonly startMs: number }> {
    const startedMs = performance.now()
    const system = await startSystem(dir, APPLICATION, 0)
    const startMs = performance.now() - startedMs
    await new Promise((resolve) => setTimeout(resolve, sizes.settleMs))
    const weight = weigh(system.process.pid as number)
    await system.close()
    return { ...weight, startMs }
  }

  const all = opened.move()
  return { run, close: () => all.disposeAsync() }
}
