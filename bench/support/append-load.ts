/** Callers of the committer: each sends its next request when the last one has been answered as durable. */
import type { OpenCommitter } from '../../src/engine/committer/committer.ts'
import { quantile } from '../measure/statistics.ts'
import { appendRequest, appendStream } from './append-requests.ts'

export interface AppendFigures {
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** Mean number of commits made durable together. */
  readonly batch: number
  /** Processor time of this process, all of its threads, for one commit. */
  readonly cpuUs: number
}

/** @param firstStream each caller has a stream of its own, from this number on; they must be new */
export async function appendLoad(
  committer: OpenCommitter,
  callers: number,
  firstStream: number,
  warmupMs: number,
  measureMs: number,
  eventsEach = 1,
): Promise<AppendFigures> {
  const samples: number[] = []
  const batches = new Set<string>()
  const beginMs = performance.now() + warmupMs
  const endMs = beginMs + measureMs
  let cpuAtStart: NodeJS.CpuUsage | undefined

  async function call(stream: ReturnType<typeof appendStream>): Promise<void> {
    for (let version = 0; ; version += eventsEach) {
      const startedMs = performance.now()
      if (startedMs >= endMs && samples.length > 0) return // one append at least, however slow the machine
      if (startedMs >= beginMs) cpuAtStart ??= process.cpuUsage()
      const result = await committer.commit(appendRequest(stream, version, eventsEach))
      if (result.kind !== 'committed') throw new Error(`an append was answered \`${result.kind}\``)
      if (startedMs < beginMs) continue
      samples.push((performance.now() - startedMs) * 1000)
      batches.add(signedSize(result.receipt.proof))
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(appendStream(firstStream + caller))))
  const elapsedMs = performance.now() - beginMs
  const { user, system } = process.cpuUsage(cpuAtStart)
  return {
    perSecond: (samples.length * 1000) / elapsedMs,
    p50Us: quantile(samples, 0.5),
    p99Us: quantile(samples, 0.99),
    batch: samples.length / batches.size,
    cpuUs: (user + system) / samples.length,
  }
}

/** Size line of the checkpoint at the end of a proof: commits of one batch share it. */
function signedSize(proof: string): string {
  const origin = proof.indexOf('\n', proof.indexOf('\n\n') + 2) + 1
  return proof.slice(origin, proof.indexOf('\n', origin))
}
