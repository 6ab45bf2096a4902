/** What it costs to say `committed` only when others have cosigned: 1, 3 and 4 witnesses, one operation to two thousand at once. */
import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import { quantile } from '../measure/statistics.ts'
import type { Bench, Figures, OpenSuite, RowSpec, Suite } from '../measure/suite.ts'
import { openWitnessBench } from '../support/witness-round.ts'

/** Witnesses, and how many of them are a quorum: as many as live with one down, where there are that many. */
const POLICIES = [
  [1, 1],
  [3, 2],
  [4, 3],
] as const
const BATCHES = [1, 20, 200, 2_000] as const
const ROUNDS_LEAST = 3
/** Rounds of one size, as a part of the repetitions of a run: larger ones take longer, and vary less. */
const PART: Readonly<Record<(typeof BATCHES)[number], number>> = { 1: 4, 20: 4, 200: 10, 2_000: 20 }
const WARM_ROUNDS = 3

const rows: readonly RowSpec[] = [
  ...POLICIES.flatMap(([count, threshold]) =>
    BATCHES.flatMap((batch): readonly RowSpec[] => {
      const what = `${threshold} of ${count} witnesses, ${batch === 1 ? 'one operation' : `${batch} at once`}`
      const id = `witness-${count}x${batch}`
      const signed = (at: string) => ({ what: 'the same at level signed', figure: `${id}-signed-${at}` })
      return [
        { id: `${id}-p50`, what: `${what}: witnessed, p50`, unit: 'ms', figure: `${id}-p50`, against: [signed('p50')] },
        { id: `${id}-p99`, what: `${what}: witnessed, p99`, unit: 'ms', figure: `${id}-p99`, against: [signed('p99')] },
      ]
    }),
  ),
  ...POLICIES.map(([count, threshold]) => ({
    id: `witness-${count}-rate`,
    what: `${threshold} of ${count} witnesses, 2000 at once: witnessed`,
    unit: 'operations/s',
    figure: `witness-${count}-rate`,
  })),
]

export const witness: Suite = {
  name: 'witness',
  title: 'Witnessed acknowledgement',
  method:
    'Witnesses are processes on this machine, reached over loopback; each verifies the consistency proof, signs, and syncs its state before it answers. A batch of operations of one event is handed ' +
    'to the committer at once; the time is until one checkpoint over its last record has the cosignatures of a quorum, syncs of log and witnesses included. ' +
    'Over a network the round trip to the slowest of the quorum comes on top.',
  rows,
  open,
}

async function open({ sizes, scratch }: Bench): Promise<OpenSuite> {
  async function measure(count: number, threshold: number): Promise<Figures> {
    const folder = join(scratch, `witness-${count}`)
    const figures: Record<string, number> = {}
    try {
      await using bench = await openWitnessBench(folder, count, threshold)
      for (const batch of BATCHES) {
        const rounds = Math.max(ROUNDS_LEAST, Math.round(sizes.repetitions / PART[batch]))
        for (let round = 0; round < Math.min(WARM_ROUNDS, rounds); round++) await bench.round(batch)
        const [signed, witnessed]: [number[], number[]] = [[], []]
        for (let round = 0; round < rounds; round++) {
          const { signedMs, witnessedMs } = await bench.round(batch)
          signed.push(signedMs)
          witnessed.push(witnessedMs)
        }
        const id = `witness-${count}x${batch}`
        for (const [at, part] of [
          ['p50', 0.5],
          ['p99', 0.99],
        ] as const) {
          figures[`${id}-${at}`] = quantile(witnessed, part)
          figures[`${id}-signed-${at}`] = quantile(signed, part)
        }
        const spentMs = witnessed.reduce((sum, ms) => sum + ms, 0)
        figures[`witness-${count}-rate`] = (batch * rounds * 1_000) / spentMs
      }
      return figures
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  async function run(): Promise<Figures> {
    let figures: Figures = {}
    for (const [count, threshold] of POLICIES) figures = { ...figures, ...(await measure(count, threshold)) }
    return figures
  }
  return { run, close: async () => {} }
}
