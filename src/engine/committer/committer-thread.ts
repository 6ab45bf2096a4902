/**
 * The committer's thread. Whatever queued up while the last batch was written becomes the next batch: no timer, no window.
 * Everything else that arrives is done between batches, so epochs adopted are in force for all that still waits. What is written is answered
 * when it is signed, and signing runs beside the writing: the next batch does not wait for it. Many callers who all wait for the one batch are cut in
 * two, so that one half is written while the other is signed, answered and sent anew.
 */
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock, type Clock } from '../../host/clock.ts'
import { Problem, problem } from '../../model/problems.ts'
import type { SideRecord, Snapshot, StorageWriter } from '../../storage/storage.ts'
import { openSqliteWriter } from '../../storage/sqlite/writer.ts'
import { batchShare } from './batch-share.ts'
import { BATCH_COMMANDS_MAX, CommitterCore, type Prover } from './committer-core.ts'
import { problemMessage, type Call, type Mail, type Reply, type ThreadMessage, type WorkerOptions } from './messages.ts'
import { receiptFrom } from './proof-path.ts'
import { publishKey } from './published-key.ts'
import { Signing } from './signing.ts'
import {
  notWritten,
  positionOf,
  UNSIGNED_WAIT_MS,
  UnsignedAnswers,
  writtenUnsigned,
  type Unsigned,
} from './unsigned.ts'
import type { LogSigner } from '../../transparency-log/signer/log-signer.ts'
import { withOpened } from '../personal/open-for-reading.ts'
import { SignerClient } from '../../transparency-log/signer/signer-client.ts'

const SIDE_FLUSH_MS = 100 // what a crash may lose of refusals, denials and snapshots
const CHECKPOINT_STORE_MS = 1_000 // how old the stored checkpoint may be under load; it is for those who verify the files alone
const LATE_LOOK_MS = 250 // how often answers that wait for the signer are looked at
const CLOSE_WAIT_MS = 3_000 // for the signer, when the log is closed
const SIDE_WAITING_MAX = 5_000 // of each; more than that within one flush are dropped, oldest first

assert(parentPort !== null)
const port = parentPort
const send = (message: ThreadMessage): void => port.postMessage(message)

try {
  await serve(workerData as WorkerOptions)
} catch (error) {
  send({ kind: 'not-ready', problem: problemMessage(error) })
}

async function serve(options: WorkerOptions): Promise<void> {
  const storage = openSqliteWriter(options.dir, { synchronous: options.synchronous })
  const signer = await openLogSigner(options).catch((error: unknown) => {
    storage.close()
    throw error
  })
  let core: CommitterCore
  let signing: Signing
  let opened = false
  let publishedKey = ''
  let storedCheckpoint = storage.reader.meta('checkpoint')
  let nowMs = 0 // the clock of the main thread, as of its last mail
  const clock: Clock = { nowMs: () => nowMs, monotonicUs: () => systemClock.monotonicUs() }
  try {
    claimOrigin(storage, options.origin)
    core = new CommitterCore({
      ...{ storage, clock, origin: options.origin },
      countedFrom: (read) => withOpened(options.keysDir, storage.reader, read),
    })
    signing = await Signing.open({
      ...{ signer, log: core },
      onSigned: () => {
        if (signing.state.vkey !== publishedKey) publish()
        answerSigned()
        void work()
      },
      onChange: () => opened && send({ kind: 'signing', state: signing.state }),
      onSilent: () => send({ kind: 'signer-silent' }),
    })
    publish()
    send({ kind: 'ready', signing: signing.state })
  } catch (error) {
    await signer.close()
    storage.close()
    throw error
  }

  const closing = new AbortController()
  // What cannot be read is looked up, commit by commit: there it is said.
  void core.recallOperations(closing.signal).catch(() => {})
  const commits: (Mail['commits'][number] & { readonly sinceUs: number })[] = []
  const calls: Mail['calls'][number][] = []
  const unsigned = new UnsignedAnswers()
  const side: SideRecord[] = []
  let sideLost = 0
  let sideLostTold = 0
  const snapshots: Snapshot[] = []
  let working = false
  let lastWriteUs = 0
  let closingSinceUs: number | null = null
  let lateTimer: NodeJS.Timeout | undefined
  let sideTimer: NodeJS.Timeout | undefined
  let checkpointTimer: NodeJS.Timeout | undefined
  let flushDue = false

  /** One thing after the other: a call never sees a batch half done. Closing comes last. */
  async function work(): Promise<void> {
    if (working) return
    working = true
    while (mayGoOn()) {
      const ready = isSettled() ? calls.splice(0) : takeUnless(calls, ({ call }) => call.kind === 'close')
      for (const { number, call } of ready) replyAll(await replyTo(number, call))
      if (flushDue) flushSide()
      if (commits.length === 0 || unsigned.isFull) continue
      replyAll(await commitBatch())
      signing.wake()
      checkpointTimer ??= setTimeout(flushLater, CHECKPOINT_STORE_MS)
      await nextTurn()
      answerSigned()
    }
    lookForLate()
    working = false
  }

  /** At the start, and when a new key has taken over. */
  function publish(): void {
    publishedKey = signing.state.vkey
    publishKey(options.vkeyPath, { vkey: publishedKey, retired: signing.retired }, storeCheckpoint)
    if (opened) send({ kind: 'signing', state: signing.state })
    opened = true
  }

  function storeCheckpoint(): void {
    if (signing.checkpoint !== storedCheckpoint) storage.setMeta('checkpoint', signing.checkpoint)
    storedCheckpoint = signing.checkpoint
  }

  const isSettled = (): boolean => commits.length === 0 && unsigned.count === 0
  const mayGoOn = (): boolean =>
    flushDue ||
    (commits.length > 0 && !unsigned.isFull) ||
    calls.some(({ call }) => call.kind !== 'close' || isSettled())

  /** What is written waits for its signature; everything else is answered at once. */
  async function commitBatch(): Promise<Reply[]> {
    const obstacle = signing.fault ?? signing.unconfirmed
    if (obstacle !== null) return failAll(commits.splice(0), obstacle)
    const share = batchShare(commits.length, unsigned.count, lastWriteUs)
    const taken = commits.splice(0, Math.min(BATCH_COMMANDS_MAX, share))
    let writtenSinceUs = 0
    const answers = await core.commit(
      taken.map(({ request }) => request),
      async () => {
        if (unsigned.count > 0) await nextTurn() // what is signed by now is answered before the disk is waited for
        writtenSinceUs = clock.monotonicUs()
      },
    )
    if (writtenSinceUs > 0) lastWriteUs = clock.monotonicUs() - writtenSinceUs
    commits.unshift(...taken.splice(answers.length))
    const written: Unsigned[] = []
    const replies: Reply[] = []
    for (const [place, answer] of answers.entries()) {
      const { number, sinceUs } = taken[place] as (typeof taken)[number]
      if (answer.kind === 'committed') written.push({ kind: 'commit', number, sinceUs, written: answer })
      else if (answer.kind === 'failed')
        replies.push({ number, kind: 'failed', problem: problemMessage(answer.problem) })
      else replies.push({ number, kind: 'answered', answer })
    }
    if (written.length > 0) unsigned.addBatch(core.head.treeSize, written)
    return replies
  }

  /** Proofs are made here, not with the batch: several batches may have come under one checkpoint. */
  function answerSigned(): void {
    const signed = unsigned.takeSigned(signing.size)
    if (signed.length > 0) {
      const prove = core.prover(signing.size)
      reply(signed.map((one) => signedReply(one, prove)))
    }
    if (signing.fault !== null) replyAll(failAll(unsigned.takeLate(Infinity), signing.fault))
  }
  function signedReply(one: Unsigned, prove: Prover): Reply {
    const { number } = one
    if (one.kind === 'checkpoint-over') return { number, kind: 'done', value: signing.checkpoint }
    if (one.kind === 'commit') {
      const { line, ...rest } = one.written
      return { number, kind: 'answered', answer: { ...rest, proven: prove(positionOf(one), line) } }
    }
    return { number, kind: 'done', value: receiptFrom(prove(one.position, one.line), signing.checkpoint) }
  }
  function replyAll(replies: readonly Reply[]): void {
    if (replies.length > 0) reply(replies)
  }
  function reply(replies: readonly Reply[]): void {
    send({ kind: 'replies', replies, checkpoint: signing.checkpoint })
  }

  /** Callers do not wait for ever: those whose commit is written, and those behind them for whom nothing may be written yet. */
  function lookForLate(): void {
    if (unsigned.count === 0 && commits.length === 0) return
    lateTimer ??= setTimeout(() => {
      lateTimer = undefined
      const now = clock.monotonicUs()
      const waitedUs = now - (closingSinceUs ?? Infinity) > CLOSE_WAIT_MS * 1_000 ? 0 : UNSIGNED_WAIT_MS * 1_000
      replyAll(failAll(unsigned.takeLate(now - waitedUs), writtenUnsigned()))
      if (unsigned.isFull)
        replyAll(
          failAll(
            takeUnless(commits, ({ sinceUs }) => sinceUs >= now - waitedUs),
            notWritten(),
          ),
        )
      lookForLate()
      void work()
    }, LATE_LOOK_MS)
  }

  /** Nothing for what is answered later. */
  async function replyTo(number: number, call: Call): Promise<Reply[]> {
    try {
      if (call.kind === 'signer') return (void answerWhenKnown(number), [])
      if (call.kind !== 'receipt' && call.kind !== 'checkpoint-over')
        return [{ number, kind: 'done', value: await answer(call) }]
      const { kind, position } = call
      unsigned.add({ kind, number, sinceUs: clock.monotonicUs(), position, line: core.line(position) })
      answerSigned()
      return []
    } catch (error) {
      return [{ number, kind: 'failed', problem: problemMessage(error) }]
    }
  }
  /** Beside the loop: a signer that is away must hold nobody up. */
  async function answerWhenKnown(number: number): Promise<void> {
    const answered = await signing.ask().then(
      (value): Reply => ({ number, kind: 'done', value }),
      (error: unknown): Reply => ({ number, kind: 'failed', problem: problemMessage(error) }),
    )
    reply([answered])
  }

  async function answer(call: Exclude<Call, { kind: 'receipt' | 'checkpoint-over' | 'signer' }>): Promise<unknown> {
    switch (call.kind) {
      case 'adopt-epochs':
        return core.adoptEpochs(call.snapshot, call.epochs, call.levers)
      case 'adopt-limits':
        return core.adoptLimits(call.limits)
      case 'declare':
        return core.declareReadModels(call.models)
      case 'derived':
        return core.replaceDerived(call.derived)
      case 'checkpoint':
        return signing.checkpoint
      case 'consistency':
        return core.consistency(call.from, call.to)
      case 'close':
        clearTimeout(lateTimer)
        closing.abort()
        await signing.close()
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
    const waiting = side.length
    try {
      if (side.length > 0 || snapshots.length > 0) storage.writeSide(side.splice(0), snapshots.splice(0))
      storeCheckpoint()
    } catch (error) {
      sideLost += waiting
      process.emitWarning(`side records were lost: ${String(error)}`, 'PlinthStorage')
    }
    if (sideLost > sideLostTold) send({ kind: 'side-lost', count: (sideLostTold = sideLost) })
  }

  port.on('message', (mail: Mail) => {
    nowMs = mail.nowMs
    const sinceUs = clock.monotonicUs()
    for (const entry of mail.commits) commits.push({ ...entry, sinceUs })
    calls.push(...mail.calls)
    if (mail.calls.some(({ call }) => call.kind === 'close')) closingSinceUs = sinceUs
    sideLost += keepLast(side, mail.side)
    keepLast(snapshots, mail.snapshots)
    if (side.length > 0 || snapshots.length > 0) sideTimer ??= setTimeout(flushLater, SIDE_FLUSH_MS)
    void work()
  })
}

/** Lets the mail and the signer in. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** With the socket, nothing in this process can reach the key: the code that could is not even loaded. */
async function openLogSigner({ signer, origin, synchronous }: WorkerOptions): Promise<LogSigner> {
  if (signer.kind === 'socket') return new SignerClient(signer.path)
  const { openSigner } = await import('../../transparency-log/signer/open-signer.ts')
  return await openSigner({ dir: signer.dir, origin, durable: synchronous === 'FULL' })
}

const failAll = (waiting: readonly { readonly number: number }[], fault: Problem): Reply[] =>
  waiting.map(({ number }) => ({ number, kind: 'failed', problem: problemMessage(fault) }))

/** @returns how many were dropped */
function keepLast<Item>(list: Item[], more: readonly Item[]): number {
  list.push(...more)
  return list.splice(0, Math.max(0, list.length - SIDE_WAITING_MAX)).length
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
