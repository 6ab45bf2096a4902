/** Durable append through the committer, from one caller to a thousand, against what disk, processor, a bare loop and a peer do in the same run. */
import { join } from 'node:path'
import { mkdir, rm } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openCommitter, type OpenCommitter } from '../../src/engine/committer/committer.ts'
import { startSigner } from '../../src/transparency-log/signer/signer-process.ts'
import {
  atLeast,
  atMost,
  type Bench,
  type Figures,
  type OpenSuite,
  type RowSpec,
  type Suite,
} from '../measure/suite.ts'
import { bareFileRate, bareSqliteRate } from '../probes/bare-writers.ts'
import { emmettAppends, installEmmett } from '../probes/emmett.ts'
import { encodeAndLeafRate } from '../probes/encode-leaf.ts'
import { syncRate } from '../probes/fdatasync.ts'
import { appendLoad } from '../support/append-load.ts'
import { AGENT, appendRequest, appendStream, BENCH_ORIGIN } from '../support/append-requests.ts'

const CALLERS = [1, 64, 1_000] as const
const EVENTS_EACH = 4 // of an operation as agents cause them
const OPEN_LOOP_PER_SECOND = 10_000
const MONITOR_RESOLUTION_MS = 1

const rows: readonly RowSpec[] = [
  {
    id: 'append-1',
    what: 'durable append, 1 caller',
    unit: 'commits/s',
    figure: 'append1',
    against: [
      { what: 'fdatasync of 4 KiB, file growing', figure: 'syncGrowing', target: atLeast(0.9) },
      { what: 'fdatasync of 4 KiB, overwriting', figure: 'syncOverwriting' },
      { what: 'bare node:sqlite loop, same bytes, one a transaction', figure: 'bare1' },
      { what: 'Emmett on SQLite', figure: 'emmett' },
    ],
  },
  {
    id: 'append-64',
    what: 'durable append, 64 callers',
    unit: 'commits/s',
    figure: 'append64',
    against: [
      { what: 'bare node:sqlite loop, same bytes, same batching', figure: 'bare64', target: atLeast(0.5) },
      { what: 'Emmett on SQLite, its callers queue before one connection', figure: 'emmett', target: atLeast(20) },
      { what: 'bare growing file, same batching, without indexes', figure: 'file64' },
      { what: 'encode and leaf on one thread', figure: 'encodeAndLeaf' },
    ],
  },
  {
    id: 'append-1000',
    what: 'durable append, 1,000 callers',
    unit: 'commits/s',
    figure: 'append1000',
    against: [
      { what: 'encode and leaf on one thread', figure: 'encodeAndLeaf' },
      { what: 'bare growing file, same batching, without indexes', figure: 'file1000' },
      { what: 'bare node:sqlite loop, same bytes, same batching', figure: 'bare1000' },
      { what: 'Emmett on SQLite, its callers queue before one connection', figure: 'emmett' },
    ],
  },
  {
    id: 'append-1000x4',
    what: 'events, 1,000 callers, four an operation',
    unit: 'events/s',
    figure: 'events1000',
    against: [
      { what: 'encode and leaf on one thread', figure: 'encodeAndLeaf', target: atLeast(0.37) },
      { what: 'bare growing file, same batching, without indexes', figure: 'fileEvents1000', target: atLeast(0.8) },
      { what: 'Emmett on SQLite', figure: 'emmett' },
    ],
  },
  { id: 'append-1-p99', what: 'append latency p99, 1 caller', unit: 'µs', figure: 'p99Of1' },
  { id: 'append-64-p99', what: 'append latency p99, 64 callers', unit: 'µs', figure: 'p99Of64' },
  { id: 'append-1000-p99', what: 'append latency p99, 1,000 callers', unit: 'µs', figure: 'p99Of1000' },
  { id: 'append-batch-64', what: 'commits a batch, 64 callers', unit: 'commits', figure: 'batch64' },
  { id: 'append-batch-1000', what: 'commits a batch, 1,000 callers', unit: 'commits', figure: 'batch1000' },
  {
    id: 'append-cpu-64',
    what: 'processor time of one append, all threads, 64 callers',
    unit: 'µs',
    figure: 'cpu64',
    target: atMost(12),
  },
  {
    id: 'append-loop-delay',
    what: 'delay of the main thread, p99, while 10,000 appends/s go through it',
    unit: 'ms',
    figure: 'loopDelayP99Ms',
    target: atMost(5),
  },
]

export const append: Suite = {
  name: 'append',
  title: 'Durable append',
  method:
    'Callers send one operation of one event (460 bytes of JSON) onto streams of their own, and the next when that is durable: validated, encoded, hashed, ' +
    'in the tree, synced, its receipt signed. The bare loop gets the same rows ready made and only runs its statements, with as many commits a transaction as were ' +
    'seen in ours; it has no tree, no checks and no second thread. Each commit writes two records, the event and its operation.',
  rows,
  open,
}

async function open(bench: Bench): Promise<OpenSuite> {
  const { sizes, scratch } = bench
  const whyNoEmmett = sizes.name === 'smoke' ? 'left out of the smoke test' : await installEmmett(bench.say)
  if (whyNoEmmett !== null) bench.notMeasured('emmett', whyNoEmmett)

  async function run(): Promise<Figures> {
    const figures: Record<string, number> = {}
    const growing = syncRate(scratch, 'growing', sizes.probeMs)
    figures['syncGrowing'] = growing.perSecond
    figures['syncOverwriting'] = syncRate(scratch, 'overwriting', sizes.probeMs).perSecond
    figures['encodeAndLeaf'] = encodeAndLeafRate(sizes.probeMs)
    const dir = join(scratch, 'append')
    await mkdir(dir)
    const told = { dir: join(dir, 'signer'), origin: BENCH_ORIGIN }
    const signer = await startSigner({ ...told, onProblem: (what, error) => console.error(what, error) })
    const committer = await openCommitter({ dir, origin: BENCH_ORIGIN, signerSocket: signer.socket })
    try {
      await committer.adoptEpochs(1, new Map([[AGENT, 1]]))
      let stream = 0
      for (const callers of CALLERS) {
        const measured = await appendLoad(committer, callers, stream, sizes.warmupMs, sizes.measureMs)
        stream += callers
        figures[`append${callers}`] = measured.perSecond
        figures[`p99Of${callers}`] = measured.p99Us
        figures[`batch${callers}`] = measured.batch
        figures[`cpu${callers}`] = measured.cpuUs
        const batch = Math.max(1, Math.round(measured.batch))
        figures[`bare${callers}`] = await bareSqliteRate(scratch, batch, sizes.measureMs / 2)
        figures[`file${callers}`] = bareFileRate(scratch, batch, sizes.measureMs / 4)
      }
      const four = await appendLoad(committer, 1_000, stream, sizes.warmupMs, sizes.measureMs, EVENTS_EACH)
      stream += 1_000
      figures['events1000'] = four.perSecond * EVENTS_EACH
      const batch = Math.max(1, Math.round(four.batch))
      figures['fileEvents1000'] = bareFileRate(scratch, batch, sizes.measureMs / 4, EVENTS_EACH) * EVENTS_EACH
      figures['loopDelayP99Ms'] = await openLoop(committer, stream, sizes.measureMs)
    } finally {
      await committer.close()
      await signer.close()
      await rm(dir, { recursive: true })
    }
    if (whyNoEmmett === null) {
      try {
        figures['emmett'] = await emmettAppends(scratch, sizes.peerAppends)
      } catch (error) {
        bench.notMeasured('emmett', `Emmett failed: ${error instanceof Error ? error.message.slice(0, 200) : ''}`)
      }
    }
    return figures
  }
  return { run, close: async () => {} }
}

/** Sends at a steady rate, answered or not, and reads how late the main thread's timers come. */
async function openLoop(committer: OpenCommitter, firstStream: number, forMs: number): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: MONITOR_RESOLUTION_MS })
  const pending = new Set<Promise<unknown>>()
  const startedMs = performance.now()
  let sent = 0
  delay.enable()
  while (performance.now() - startedMs < forMs) {
    const due = ((performance.now() - startedMs) / 1000) * OPEN_LOOP_PER_SECOND
    for (; sent < due; sent++) {
      const one: Promise<unknown> = committer.commit(appendRequest(appendStream(firstStream + sent), 0))
      pending.add(one)
      void one.finally(() => pending.delete(one))
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  delay.disable()
  await Promise.all(pending)
  return delay.percentile(99) / 1e6 - MONITOR_RESOLUTION_MS
}
