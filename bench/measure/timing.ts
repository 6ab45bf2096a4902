/** Loops that are timed. */
import { quantile } from './statistics.ts'

const BATCH = 64 // calls between two looks at the clock

/** Calls per second of one synchronous call, on this thread. */
export function rateOf(forMs: number, call: () => void): number {
  const startedMs = performance.now()
  const untilMs = startedMs + forMs
  let calls = 0
  do {
    for (let i = 0; i < BATCH; i++) call()
    calls += BATCH
  } while (performance.now() < untilMs)
  return (calls * 1000) / (performance.now() - startedMs)
}

export interface Latencies {
  readonly p50Us: number
  readonly p99Us: number
}

/** Latencies of a call repeated one after the other; a tenth as many calls come before, uncounted. */
export async function latenciesOf(repetitions: number, call: (i: number) => unknown): Promise<Latencies> {
  const before = Math.ceil(repetitions / 10)
  const samples = new Float64Array(repetitions)
  for (let i = -before; i < repetitions; i++) {
    const startedMs = performance.now()
    const pending = call(i + before)
    if (pending instanceof Promise) await pending
    if (i >= 0) samples[i] = (performance.now() - startedMs) * 1000
  }
  return { p50Us: quantile(samples, 0.5), p99Us: quantile(samples, 0.99) }
}
