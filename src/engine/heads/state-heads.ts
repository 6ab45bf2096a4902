/**
 * The loop that states the heads of all streams, whenever there is something new: after a time, or after so many records, whichever comes first.
 * The work is done in a thread; on the path of actions it is one more operation now and then.
 */
import { Worker } from 'node:worker_threads'
import { HEADS, HEADS_ACTION, HEADS_TYPE, readStatement, STATEMENT_RECORDS, type HeadsStatement } from './statement.ts'
import type { Parts } from '../parts.ts'
import { commitOnce } from '../record-once.ts'
import type { Loops } from '../run.ts'
import { loadEvents } from '../../event-log/load.ts'
import { canonicalJson, type Json } from '../../model/json.ts'
import { problem } from '../../model/problems.ts'

export interface HeadsOptions {
  /** Longest that something new goes unstated. */
  readonly everyMs: number
  /** Records after which it is stated sooner. */
  readonly everyRecords: number
}
/** Ten seconds; under load sooner, so that a statement never has to catch up with much. */
export const HEADS_DEFAULT: HeadsOptions = { everyMs: 10_000, everyRecords: 50_000 }

const LOOK_EVERY_MS = 1_000
const CLOSE_WITHIN_MS = 5_000 // a page takes milliseconds; then the thread ends whatever it does

export type HeadsReply =
  { readonly kind: 'stated'; readonly statement: HeadsStatement } | { readonly kind: 'failed'; readonly what: string }

/** @param onProblem told of what could not be stated; the next look tries again */
export function startHeads(
  parts: Parts,
  dir: string,
  { everyMs, everyRecords }: HeadsOptions,
  onProblem: (what: string, error: unknown) => void,
): Loops {
  let thread: Worker | null = null
  let stated: number | null = null // last position that a statement covers; null before the log was asked
  let dueAtMs = parts.clock.nowMs() + everyMs
  let looking = Promise.resolve()
  let busy = false
  let stopping = false

  const startThread = (): Worker => {
    const started = new Worker(new URL('./heads-thread.ts', import.meta.url), { workerData: { dir } })
    // Whoever waits for its end must not wait for one that has ended.
    started.once('exit', () => {
      if (thread === started) thread = null
    })
    return started
  }
  const look = async (): Promise<void> => {
    stated ??= lastStated(parts)
    const fresh = parts.states.visible - stated
    if (stopping || fresh <= STATEMENT_RECORDS || parts.firstRecords.obstacle(parts) !== null) return
    if (parts.clock.nowMs() < dueAtMs && fresh < everyRecords) return
    dueAtMs = parts.clock.nowMs() + everyMs
    thread ??= startThread()
    const { position, root, streams } = await askThread(thread)
    if (stopping) return
    await recordStatement(parts, { position, root, streams })
    stated = position
  }
  const lookOnce = async (): Promise<void> => {
    busy = true
    try {
      await look()
    } catch (error) {
      if (!stopping) onProblem('stating the heads of streams', error)
      await thread?.terminate()
      thread = null
    }
    busy = false
  }
  const timer = setInterval(
    () => {
      if (!busy) looking = lookOnce()
    },
    Math.min(everyMs, LOOK_EVERY_MS),
  )
  timer.unref()
  return {
    async stop() {
      stopping = true
      clearInterval(timer)
      if (busy) await thread?.terminate() // what it was about to state is stated by the next start
      await looking
      if (thread !== null) await closeThread(thread)
    },
  }
}

/** The newest event alone: this stream grows for ever, and each statement stands for itself. */
function lastStated({ reader }: Parts): number {
  const { version, position } = reader.streamHead(HEADS)
  const [event] = version === 0 ? [] : loadEvents(reader, HEADS, version - 1, position, 1)
  return event === undefined ? -1 : (readStatement(JSON.parse(event.data) as Json)?.position ?? -1)
}

function recordStatement(parts: Parts, { position, root, streams }: HeadsStatement): Promise<void> {
  const data = { position, root, streams }
  const text = canonicalJson(data)
  return commitOnce(parts, HEADS_ACTION, `heads:${position}`, data, () => {
    const { version } = parts.reader.streamHead(HEADS)
    return Promise.resolve({
      streams: [{ stream: HEADS, version }],
      events: [{ stream: HEADS, version: version + 1, type: HEADS_TYPE, data: text }],
      rows: [],
      after: new Map([[HEADS, text]]), // what folding gives: a statement sets every member
      result: null,
    })
  })
}

async function askThread(thread: Worker): Promise<HeadsStatement> {
  const { promise, resolve, reject } = Promise.withResolvers<HeadsReply>()
  const ended = (): void => reject(problem('storage-unavailable', 'the thread that follows stream heads has ended'))
  thread.once('message', resolve)
  thread.once('error', reject)
  thread.once('exit', ended)
  try {
    thread.postMessage('state')
    const reply = await promise
    if (reply.kind === 'failed') throw problem('storage-damaged', reply.what)
    return reply.statement
  } finally {
    thread.off('message', resolve)
    thread.off('error', reject)
    thread.off('exit', ended)
  }
}

async function closeThread(thread: Worker): Promise<void> {
  const closed = new Promise((resolve) => thread.once('exit', resolve))
  const late = setTimeout(() => void thread.terminate(), CLOSE_WITHIN_MS)
  thread.postMessage('close')
  await closed
  clearTimeout(late)
}
