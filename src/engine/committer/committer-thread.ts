/**
 * The committer's thread. Whatever queued up while the last batch was written becomes the next batch: no timer, no window.
 * Everything else that arrives is done between batches, so epochs adopted are in force for all that still waits.
 */
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock, type Clock } from '../../host/clock.ts'
import { problem } from '../../model/problems.ts'
import { formatVerifierKey } from '../../model/signed-note.ts'
import type { SideRecord, Snapshot, StorageWriter } from '../../storage/storage.ts'
import { openSqliteWriter } from '../../storage/sqlite/writer.ts'
import { CommitterCore } from './committer-core.ts'
import { openLogKey } from './log-key.ts'
import { problemMessage, type Call, type Mail, type Reply, type ThreadMessage, type WorkerOptions } from './messages.ts'

const SIDE_FLUSH_MS = 100 // what a crash may lose of refusals, denials and snapshots
const SIDE_WAITING_MAX = 5_000 // of each; more than that within one flush are dropped, oldest first

assert(parentPort !== null)
const port = parentPort
const send = (message: ThreadMessage): void => port.postMessage(message)

try {
  serve(workerData as WorkerOptions)
} catch (error) {
  send({ kind: 'not-ready', problem: problemMessage(error) })
}

function serve(options: WorkerOptions): void {
  const storage = openSqliteWriter(options.dir, { synchronous: options.synchronous })
  let core: CommitterCore
  let nowMs = 0 // the clock of the main thread, as of its last mail
  const clock: Clock = { nowMs: () => nowMs, monotonicUs: () => systemClock.monotonicUs() }
  try {
    const signer = openLogKey(options.logKeyPath, options.vkeyPath, options.origin)
    claimOrigin(storage, options.origin)
    core = new CommitterCore({ storage, clock, signer })
    send({ kind: 'ready', vkey: formatVerifierKey(signer) })
  } catch (error) {
    storage.close()
    throw error
  }

  const queue: Mail['commits'][number][] = []
  const side: SideRecord[] = []
  const snapshots: Snapshot[] = []
  let running = false
  let flush: NodeJS.Timeout | undefined
  let batches = Promise.resolve()

  async function runBatches(): Promise<void> {
    running = true
    while (queue.length > 0) {
      const answers = await core.commit(queue.slice(0, 256).map(({ request }) => request))
      const taken = queue.splice(0, answers.length)
      const replies = answers.map((answer, place): Reply => {
        const { number } = taken[place] as (typeof taken)[number]
        return answer.kind === 'failed'
          ? { number, kind: 'failed', problem: problemMessage(answer.problem) }
          : { number, kind: 'done', value: answer }
      })
      send({ kind: 'replies', replies })
      await new Promise((resolve) => setImmediate(resolve)) // lets the mail in
    }
    running = false
  }

  function flushSide(): void {
    if (flush !== undefined) clearTimeout(flush)
    flush = undefined
    if (side.length === 0 && snapshots.length === 0) return
    try {
      storage.writeSide(side.splice(0), snapshots.splice(0))
      storage.setMeta('checkpoint', core.checkpoint)
    } catch (error) {
      process.emitWarning(`side records were lost: ${String(error)}`, 'PlinthStorage')
    }
  }

  async function answer(call: Call): Promise<unknown> {
    switch (call.kind) {
      case 'adopt-epochs':
        return core.adoptEpochs(call.snapshot, call.epochs)
      case 'declare':
        return core.declareReadModels(call.models)
      case 'receipt':
        return core.receipt(call.position)
      case 'checkpoint':
        return core.checkpoint
      case 'close':
        await batches
        flushSide()
        storage.setMeta('checkpoint', core.checkpoint)
        storage.close()
        return undefined
      default:
        return call satisfies never
    }
  }

  port.on('message', (mail: Mail) => {
    nowMs = mail.nowMs
    queue.push(...mail.commits)
    side.push(...mail.side)
    snapshots.push(...mail.snapshots)
    side.splice(0, Math.max(0, side.length - SIDE_WAITING_MAX))
    snapshots.splice(0, Math.max(0, snapshots.length - SIDE_WAITING_MAX))
    if ((side.length > 0 || snapshots.length > 0) && flush === undefined) flush = setTimeout(flushSide, SIDE_FLUSH_MS)
    if (!running) batches = runBatches()
    for (const { number, call } of mail.calls)
      answer(call).then(
        (value) => send({ kind: 'replies', replies: [{ number, kind: 'done', value }] }),
        (error: unknown) =>
          send({ kind: 'replies', replies: [{ number, kind: 'failed', problem: problemMessage(error) }] }),
      )
  })
}

/** A data directory holds one log, by name, for good. */
function claimOrigin(storage: StorageWriter, origin: string): void {
  const claimed = storage.reader.meta('origin')
  if (claimed === null) void storage.setMeta('origin', origin)
  else if (claimed !== origin) throw problem('usage', `this directory holds the log \`${claimed}\`, not \`${origin}\``)
}
