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
import { BATCH_COMMANDS_MAX, CommitterCore } from './committer-core.ts'
import { openLogKey } from './log-key.ts'
import { problemMessage, type Call, type Mail, type Reply, type ThreadMessage, type WorkerOptions } from './messages.ts'

const SIDE_FLUSH_MS = 100 // what a crash may lose of refusals, denials and snapshots
const CHECKPOINT_STORE_MS = 1_000 // how old the stored checkpoint may be under load; it is for those who verify the files alone
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
    claimOrigin(storage, options.origin)
    const signer = openLogKey(options.logKeyPath, options.vkeyPath, options.origin)
    core = new CommitterCore({ storage, clock, signer })
    send({ kind: 'ready', vkey: formatVerifierKey(signer) })
  } catch (error) {
    storage.close()
    throw error
  }

  const commits: Mail['commits'][number][] = []
  const calls: Mail['calls'][number][] = []
  const side: SideRecord[] = []
  const snapshots: Snapshot[] = []
  let working = false
  let sideTimer: NodeJS.Timeout | undefined
  let checkpointTimer: NodeJS.Timeout | undefined
  let flushDue = false
  let storedCheckpoint = storage.reader.meta('checkpoint')

  /** One thing after the other: a call never sees a batch half done. Closing comes last. */
  async function work(): Promise<void> {
    if (working) return
    working = true
    while (calls.length + commits.length > 0 || flushDue) {
      const ready = commits.length === 0 ? calls.splice(0) : takeUnless(calls, ({ call }) => call.kind === 'close')
      for (const { number, call } of ready) reply([await replyTo(number, call)])
      if (flushDue) flushSide()
      if (commits.length === 0) continue
      reply(await commitBatch())
      checkpointTimer ??= setTimeout(flushLater, CHECKPOINT_STORE_MS)
      await new Promise((resolve) => setImmediate(resolve)) // lets the mail in
    }
    working = false
  }

  async function commitBatch(): Promise<Reply[]> {
    const answers = await core.commit(commits.slice(0, BATCH_COMMANDS_MAX).map(({ request }) => request))
    const taken = commits.splice(0, answers.length)
    return answers.map((answer, place): Reply => {
      const { number } = taken[place] as (typeof taken)[number]
      return answer.kind === 'failed'
        ? { number, kind: 'failed', problem: problemMessage(answer.problem) }
        : { number, kind: 'answered', answer }
    })
  }
  function reply(replies: readonly Reply[]): void {
    send({ kind: 'replies', replies, checkpoint: core.checkpoint })
  }

  async function replyTo(number: number, call: Call): Promise<Reply> {
    try {
      return { number, kind: 'done', value: await answer(call) }
    } catch (error) {
      return { number, kind: 'failed', problem: problemMessage(error) }
    }
  }

  async function answer(call: Call): Promise<unknown> {
    switch (call.kind) {
      case 'adopt-epochs':
        return core.adoptEpochs(call.snapshot, call.epochs, call.levers)
      case 'adopt-limits':
        return core.adoptLimits(call.limits)
      case 'declare':
        return core.declareReadModels(call.models)
      case 'receipt':
        return core.receipt(call.position)
      case 'checkpoint':
        return core.checkpoint
      case 'consistency':
        return core.consistency(call.from, call.to)
      case 'close':
        flushSide()
        storage.close()
        return undefined
      default:
        return call satisfies never
    }
  }

  function flushLater(): void {
    flushDue = true
    void work()
  }
  /** What is lost here was said to be losable: the checkpoint can be signed again, the rest is bounded records and caches. */
  function flushSide(): void {
    clearTimeout(sideTimer)
    clearTimeout(checkpointTimer)
    sideTimer = checkpointTimer = undefined
    flushDue = false
    try {
      if (side.length > 0 || snapshots.length > 0) storage.writeSide(side.splice(0), snapshots.splice(0))
      if (core.checkpoint !== storedCheckpoint) storage.setMeta('checkpoint', core.checkpoint)
      storedCheckpoint = core.checkpoint
    } catch (error) {
      process.emitWarning(`side records were lost: ${String(error)}`, 'PlinthStorage')
    }
  }

  port.on('message', (mail: Mail) => {
    nowMs = mail.nowMs
    commits.push(...mail.commits)
    calls.push(...mail.calls)
    keepLast(side, mail.side)
    keepLast(snapshots, mail.snapshots)
    if (side.length > 0 || snapshots.length > 0) sideTimer ??= setTimeout(flushLater, SIDE_FLUSH_MS)
    void work()
  })
}

function keepLast<Item>(list: Item[], more: readonly Item[]): void {
  list.push(...more)
  list.splice(0, Math.max(0, list.length - SIDE_WAITING_MAX))
}
function takeUnless<Item>(list: Item[], stays: (item: Item) => boolean): Item[] {
  const taken = list.filter((item) => !stays(item))
  list.splice(0, list.length, ...list.filter(stays))
  return taken
}

/** A data directory holds one log, by name, for good. */
function claimOrigin(storage: StorageWriter, origin: string): void {
  const claimed = storage.reader.meta('origin')
  if (claimed === null) void storage.setMeta('origin', origin)
  else if (claimed !== origin) throw problem('usage', `this directory holds the log \`${claimed}\`, not \`${origin}\``)
}
