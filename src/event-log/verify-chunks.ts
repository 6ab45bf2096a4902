/** Runs the stretches of a log: one after the other here, or side by side in threads that read for themselves. */
import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { StorageReader } from '../storage/storage.ts'
import { CHUNK_RECORDS, verifyChunk, type ChunkReport } from './verify-chunk.ts'

const THREADS_MAX = 4 // a disk feeds few more
const YOUNG_MB = 4 // what a record leaves behind is collected soon: with the default, four threads hold hundreds of megabytes of it
const RECORDS_PER_THREAD = 2 * CHUNK_RECORDS // a thread costs about a fifth of a second to start

export interface Stretch {
  readonly from: number
  readonly to: number
  readonly rootAt: number | null
}
export interface ChunkOptions {
  /** Threads beside this one; by default as many as there are processors and work for. */
  readonly threads?: number
  /** A power of two, at least 256; tests make it small. */
  readonly stretchRecords?: number
  readonly onProgress: (records: number) => void
  readonly signal?: AbortSignal
}

/** Reports come in the order of the log. */
export async function* verifyChunks(
  reader: StorageReader,
  records: number,
  rootAt: number | null,
  options: ChunkOptions,
): AsyncGenerator<ChunkReport> {
  const stretches: Stretch[] = []
  const width = options.stretchRecords ?? CHUNK_RECORDS
  for (let from = 0; from < records; from += width)
    stretches.push({ from, to: Math.min(records, from + width), rootAt })
  const useful = Math.min(THREADS_MAX, availableParallelism(), Math.floor(records / RECORDS_PER_THREAD))
  const threads = Math.min(options.threads ?? useful, stretches.length)
  if (reader.elsewhere !== undefined && (options.threads === undefined ? threads > 1 : threads > 0))
    yield* sideBySide(reader.elsewhere, stretches, threads, options)
  else yield* oneByOne(reader, stretches, options)
}

async function* oneByOne(
  reader: StorageReader,
  stretches: readonly Stretch[],
  { onProgress, signal }: ChunkOptions,
): AsyncGenerator<ChunkReport> {
  for (const { from, to, rootAt } of stretches) {
    const chunk = verifyChunk(reader, from, to, rootAt)
    for (let step = chunk.next(); ; step = chunk.next()) {
      signal?.throwIfAborted()
      if (step.done === true) {
        yield step.value
        break
      }
      onProgress(step.value)
      await setImmediate()
    }
  }
}

async function* sideBySide(
  source: NonNullable<StorageReader['elsewhere']>,
  stretches: readonly Stretch[],
  threads: number,
  { onProgress, signal }: ChunkOptions,
): AsyncGenerator<ChunkReport> {
  const workers = Array.from(
    { length: threads },
    () =>
      new Worker(new URL('./verify-thread.ts', import.meta.url), {
        workerData: source,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      }),
  )
  try {
    let next = 0
    let done = 0
    // By place; each goes when it was given on, so that as many are kept as the threads are ahead.
    const reports = new Map(stretches.map((_, place) => [place, Promise.withResolvers<ChunkReport>()]))
    const failed = (error: unknown): void => reports.forEach(({ reject }) => reject(error))
    for (const { promise } of reports.values()) promise.catch(() => {}) // each is awaited below, unless one before it fails
    signal?.addEventListener('abort', () => failed(signal.reason), { once: true })
    for (const worker of workers) {
      const give = (): void => {
        if (next < stretches.length) worker.postMessage({ place: next, stretch: stretches[next++] })
      }
      worker.on('error', failed)
      worker.on('message', ({ place, report }: { readonly place: number; readonly report: ChunkReport }) => {
        reports.get(place)?.resolve(report)
        onProgress((done += report.count))
        give()
      })
      give()
    }
    for (const [place, { promise }] of reports) {
      signal?.throwIfAborted()
      yield await promise
      reports.delete(place)
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}
