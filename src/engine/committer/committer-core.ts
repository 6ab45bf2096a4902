/**
 * Group commit without its thread: checks requests one by one, orders them, and makes a batch of them durable at once. Owns the tree, the
 * stream heads and the position counter; everything durable is behind the storage port.
 *
 * G1 A request is judged on what is committed and on the requests accepted before it in its batch, as if each were committed alone.
 * G2 A request that is turned down, for whatever reason, leaves no trace in the batch.
 * G3 A checkpoint is signed only over a durable tree: `head` names none but that (signing.ts).
 * G4 After a failed write nothing in memory is believed: it is read again from storage, as at the start.
 * G5 `recordedAtMs` is one for a batch and never decreases.
 */
import type { Clock } from '../../host/clock.ts'
import type { Hash, OperationId, Position, PrincipalId } from '../../model/ids.ts'
import type { ReadModelManifest } from '../../model/manifest.ts'
import type { Limit } from '../../policy/limits.ts'
import { Problem, problem } from '../../model/problems.ts'
import type { Consistency } from '../../model/receipt.ts'
import { LOG_KEY_STREAM } from '../../model/log-keys.ts'
import type { DerivedStream, LogHead, PreparedCommit, StorageReader, StorageWriter } from '../../storage/storage.ts'
import type { KeyRecordEvidence } from '../../transparency-log/signer/log-signer.ts'
import { consistencyProof, inclusionProof, inclusionProver } from '../../transparency-log/proofs.ts'
import { formatProofPath, hashTexts } from '../../transparency-log/tlog-proof.ts'
import type { Tree } from '../../transparency-log/tree.ts'
import type { CommitRequest, CommitResult } from './commit-request.ts'
import { NO_LEVERS } from './judge-levers.ts'
import { KnownOperations } from '../known-operations.ts'
import { countedRequest } from '../history/counted-operation.ts'
import { LimitCounters, type LoadedCounters } from '../history/limit-counters.ts'
import { readCounters } from '../history/read-counters.ts'
import { judgeRequest, type RecordedOperation, type Standing } from './judge-request.ts'
import type { ProofPath } from './proof-path.ts'
import { prepareCommit, type PreparedWithHeads } from './prepare-commit.ts'
import { RecentChanges } from './recent-changes.ts'
import { recoverTree } from './recover-tree.ts'
import { StreamHeads } from './stream-heads.ts'

export const BATCH_COMMANDS_MAX = 256 // larger batches cost latency and gain nothing
export const BATCH_WORK_US = 5_000 // of checking and composing; bounds the wait of whoever comes next

/** `committed` is durable, and not signed yet: `line` is the operation's record, to be proven under a signed checkpoint. */
export type CommitAnswer =
  | Exclude<CommitResult, { kind: 'committed' }>
  | (Omit<Extract<CommitResult, { kind: 'committed' }>, 'receipt'> & { readonly line: string })
  | { readonly kind: 'failed'; readonly problem: Problem }

export interface CoreParts {
  readonly storage: StorageWriter
  readonly clock: Clock
  readonly origin: string
  /** What limits count is read from: where records are sealed, with what opens them. Without it, from storage as it is. */
  readonly countedFrom?: (read: (reader: StorageReader) => void) => void
}

/** A request of the batch under way that has been accepted. */
interface Accepted {
  readonly place: number
  readonly prepared: PreparedWithHeads
}

export class CommitterCore {
  readonly #storage: StorageWriter
  readonly #clock: Clock
  readonly #origin: string
  readonly #heads: StreamHeads
  readonly #countedFrom: NonNullable<CoreParts['countedFrom']>
  #tree: Tree
  #head: LogHead
  #changes: RecentChanges
  /** Position of the newest record of the log's key, -1 before the first. */
  #keyPosition: Position
  /** So that a new operation, the usual case, costs no look at the disk. */
  readonly #known = new KnownOperations()
  #stale = false
  #models: Readonly<Record<string, ReadModelManifest>> = {}
  #counters = new LimitCounters()
  #limits: readonly Limit[] = []
  #authority = -1
  #epochs: ReadonlyMap<PrincipalId, number> = new Map()
  #levers = NO_LEVERS

  /** Reads the log's right edge and checks it against the stored head. @throws `storage-damaged` */
  constructor({ storage, clock, origin, countedFrom }: CoreParts) {
    this.#storage = storage
    this.#countedFrom = countedFrom ?? ((read) => read(storage.reader))
    this.#clock = clock
    this.#origin = origin
    this.#heads = new StreamHeads(storage.reader)
    this.#head = storage.reader.head()
    this.#tree = recoverTree(storage.reader)
    this.#changes = new RecentChanges(this.#head.position)
    this.#keyPosition = this.#newestKey()
  }

  get origin(): string {
    return this.#origin
  }
  get head(): LogHead {
    return this.#head
  }
  adoptEpochs(snapshot: number, epochs: ReadonlyMap<PrincipalId, number>, levers = NO_LEVERS): void {
    if (snapshot < this.#authority) return
    this.#authority = snapshot
    this.#epochs = epochs
    this.#levers = levers
  }
  /**
   * Those adopted before stay counted as well, for what is under way. @returns the counters of these, as of the head
   * @throws `storage-unavailable`, `storage-damaged`
   */
  adoptLimits(limits: readonly Limit[]): readonly LoadedCounters[] {
    if (this.#stale) {
      const problems = this.#recover()
      if (problems !== null) throw problems
    }
    this.#counters.keepOnly(new Set([...limits, ...this.#limits].map(({ counts }) => counts)))
    const byCounts = new Map(limits.map((limit) => [limit.counts, limit]))
    const fresh = [...byCounts.values()].filter(({ counts }) => !this.#counters.has(counts))
    this.#limits = limits
    this.#count(fresh)
    return [...byCounts.keys()].map((counts) => this.#counters.dump(counts)).filter((counters) => counters !== null)
  }
  #count(limits: readonly Limit[]): void {
    if (limits.length === 0) return
    const nowMs = Math.max(this.#clock.nowMs(), this.#head.recordedAtMs)
    this.#countedFrom((reader) => readCounters(reader, limits, this.#head.position, nowMs, this.#counters))
  }
  /** Takes in which operations are on record, between other work. Until then each is looked up. */
  recallOperations(signal: AbortSignal): Promise<void> {
    return this.#known.recall(this.#storage.reader, signal)
  }
  async declareReadModels(models: Readonly<Record<string, ReadModelManifest>>): Promise<void> {
    await this.#storage.declareReadModels(models)
    this.#models = models
    this.#changes = new RecentChanges(this.#head.position)
  }

  /** What is derived of a stream, anew: nothing that was read of it before counts as unchanged. */
  async replaceDerived(derived: DerivedStream): Promise<void> {
    await this.#storage.replaceDerived(derived)
    this.#changes = new RecentChanges(this.#head.position)
  }

  /** The line of a record. @throws `invalid-position` */
  line(position: Position): string {
    const record = position > this.#head.position ? null : this.#storage.reader.record(position)
    if (record === null) throw problem('invalid-position', `the log has no position ${position}`)
    return record.line
  }

  /** Root of the first `size` records. */
  rootAt(size: number): Hash {
    return this.#tree.rootAt(size)
  }
  consistencyProof(oldSize: number, size: number): readonly Hash[] {
    return consistencyProof(this.#tree, oldSize, size)
  }
  /** Proofs under the tree of the first `size` records. */
  prover(size: number): Prover {
    const prove = inclusionProver(this.#tree, size)
    const text = hashTexts()
    return (index, record) => ({ index, record, path: formatProofPath(index, prove(index), text) })
  }
  /** The newest record of the log's key, when it is at `from` or behind, proven under the first `size` records. */
  keyRecord(from: number, size: number): KeyRecordEvidence | null {
    const index = this.#keyPosition
    if (index < from || index >= size) return null
    const record = this.#storage.reader.record(index)
    if (record === null || record.payload === null)
      throw problem('storage-damaged', `the record of the log's key at ${index} is missing`)
    const { line, payload } = record
    return { index, line, payload, proof: inclusionProof(this.#tree, index, size) }
  }

  /** From a size that somebody has kept a checkpoint of to another, up to the tree's. @throws `invalid-position` */
  consistency(from: number, to: number): Consistency {
    const size = this.#head.treeSize
    if (to > size || from > to) throw problem('invalid-position', `the log has ${size} records`, { treeSize: size })
    return { from, to, root: this.#tree.rootAt(from), proof: consistencyProof(this.#tree, from, to) }
  }

  /**
   * Commits as many of the requests as one batch takes, in order.
   * @param beforeWrite awaited once the batch is composed: room for others, who must not commit or adopt anything
   * @returns an answer for each request taken, at least one: those that are `committed` are durable
   */
  async commit(
    requests: readonly CommitRequest[],
    beforeWrite = async (): Promise<void> => {},
  ): Promise<CommitAnswer[]> {
    if (this.#stale) {
      const problems = this.#recover()
      if (problems !== null) return requests.map(() => ({ kind: 'failed', problem: problems }))
    }
    const answers: CommitAnswer[] = []
    const accepted: Accepted[] = []
    const batch = new Map<OperationId, RecordedOperation>()
    const recordedAtMs = Math.max(this.#clock.nowMs(), this.#head.recordedAtMs)
    const standing = this.#standing(batch, recordedAtMs)
    const until = this.#clock.monotonicUs() + BATCH_WORK_US
    let next = (this.#head.position + 1) as Position
    for (const [place, request] of requests.entries()) {
      if (place >= BATCH_COMMANDS_MAX || (place > 0 && this.#clock.monotonicUs() > until)) break
      try {
        const refusal = judgeRequest(request, standing)
        if (refusal !== null) {
          answers[place] = refusal
          continue
        }
        const prepared = prepareCommit(request, this.#origin, next, recordedAtMs, (stream) => this.#heads.of(stream))
        // Nothing may throw from here to the end of the iteration (G2).
        const entry = { place, prepared }
        for (const [stream, head] of prepared.heads) this.#heads.advance(stream, head)
        for (const row of prepared.commit.rows) this.#changes.add(row.position, row)
        accepted.push(entry)
        next = (next + prepared.commit.records.length) as Position
        const { operation, intentHash, state } = request
        this.#known.note(operation)
        batch.set(operation, { intentHash, state, position: (next - 1) as Position })
        if (state === 'committed') this.#counters.add(countedRequest(request), (next - 1) as Position, recordedAtMs)
        answers[place] = { kind: 'moved', what: '' } // replaced below, once it is durable
      } catch (error) {
        answers[place] = { kind: 'failed', problem: asProblem(error) }
      }
    }
    if (accepted.length === 0) return answers
    await beforeWrite()
    const failure = await this.#write(
      accepted.map(({ prepared }) => prepared.commit),
      recordedAtMs,
    )
    if (failure !== null) {
      for (const { place } of accepted) answers[place] = { kind: 'failed', problem: failure }
      return answers
    }
    for (const { place, prepared } of accepted) answers[place] = committed(prepared)
    return answers
  }

  /** What requests are judged on: the batch so far over what is committed (G1). */
  #standing(batch: ReadonlyMap<OperationId, RecordedOperation>, recordedAtMs: number): Standing {
    return {
      reader: this.#storage.reader,
      heads: this.#heads,
      changes: this.#changes,
      counters: this.#counters,
      known: this.#known,
      recordedAtMs,
      epochs: this.#epochs,
      levers: this.#levers,
      nowMs: this.#clock.nowMs(),
      models: this.#models,
      head: this.#head.position,
      batch,
    }
  }

  /** @returns null when the batch is durable. A crash before storage answers: nothing acknowledged, the batch there or not; a retry finds out. */
  async #write(commits: readonly PreparedCommit[], recordedAtMs: number): Promise<Problem | null> {
    try {
      for (const commit of commits) for (const { leaf } of commit.records) this.#tree.append(leaf)
      const head: LogHead = {
        position: (this.#tree.size - 1) as Position,
        treeSize: this.#tree.size,
        rootHash: this.#tree.rootHash(),
        recordedAtMs,
      }
      await this.#storage.write({ commits, tiles: this.#tree.takeFullTiles(), head })
      this.#head = head
      this.#heads.settle()
      for (const { events } of commits)
        for (const { stream, position } of events) if (stream === LOG_KEY_STREAM) this.#keyPosition = position
      return null
    } catch (error) {
      this.#stale = true
      this.#recover()
      return error instanceof Problem && error.code === 'storage-unavailable'
        ? error
        : problem('storage-unavailable', 'the batch could not be written', {}, error)
    }
  }

  #recover(): Problem | null {
    try {
      this.#heads.forget()
      const { reader } = this.#storage
      const head = reader.head()
      this.#tree = recoverTree(reader)
      this.#head = head
      this.#changes = new RecentChanges(head.position)
      this.#counters = new LimitCounters()
      this.#count(this.#limits)
      this.#keyPosition = this.#newestKey()
      this.#stale = false
      return null
    } catch (error) {
      return error instanceof Problem ? error : problem('storage-unavailable', 'the log cannot be read', {}, error)
    }
  }

  #newestKey(): Position {
    const { version, position } = this.#storage.reader.streamHead(LOG_KEY_STREAM)
    return version === 0 ? (-1 as Position) : position
  }
}

export type Prover = (index: Position, record: string) => ProofPath

function committed({ commit, heads }: PreparedWithHeads): CommitAnswer {
  const position = (commit.first + commit.records.length - 1) as Position
  const { line } = commit.records.at(-1) as { line: string }
  return {
    kind: 'committed',
    position,
    eventPositions: commit.events.map((event) => event.position),
    recordedAtMs: commit.recordedAtMs,
    line,
    heads: [...heads].map(([stream, { version, leaf }]) => ({ stream, version, leaf: leaf as Hash })),
  }
}

const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : problem('bug', 'the commit could not be composed', {}, error)
