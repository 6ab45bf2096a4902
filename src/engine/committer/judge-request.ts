/**
 * May this request be committed now? Looks, and changes nothing: a request that is turned down leaves no trace. What storage would stumble over
 * is found here too, because there it would take its whole batch along.
 */
import { findDigest } from '../../model/find-digest.ts'
import type { Hash, OperationId, Position, PrincipalId, StreamId } from '../../model/ids.ts'
import { canonicalJson } from '../../model/json.ts'
import type { ReadModelManifest } from '../../model/manifest.ts'
import { mayBecome, type OperationState } from '../../model/operation.ts'
import type { ChainLink } from '../../model/principal.ts'
import { problem } from '../../model/problems.ts'
import { sketchLine } from '../../model/record-line.ts'
import type { StorageReader } from '../../storage/storage.ts'
import type { CommitRequest, CommitResult } from './commit-request.ts'
import { judgeLevers, type Levers } from './judge-levers.ts'
import type { LimitCounters } from '../history/limit-counters.ts'
import { judgeHistory } from './judge-history.ts'
import type { RecentChanges } from './recent-changes.ts'
import type { KnownOperations } from '../known-operations.ts'
import type { StreamHeads } from './stream-heads.ts'

export type Refusal = Exclude<CommitResult, { kind: 'committed' }>

export interface RecordedOperation {
  readonly position: Position
  readonly intentHash: Hash
  readonly state: OperationState
}
/** What is committed, and what the batch under way has accepted so far. */
export interface Standing {
  readonly reader: StorageReader
  /** With the heads that the batch would leave. */
  readonly heads: StreamHeads
  /** With the changes of the batch. */
  readonly changes: RecentChanges
  /** With what the batch would add. */
  readonly counters: LimitCounters
  /** With the operations of the batch. */
  readonly known: Pick<KnownOperations, 'mayBeRecorded'>
  /** Time that this batch is stamped with. */
  readonly recordedAtMs: number
  readonly epochs: ReadonlyMap<PrincipalId, number>
  readonly levers: Levers
  readonly nowMs: number
  readonly models: Readonly<Record<string, ReadModelManifest>>
  /** Position of the last record that is committed. */
  readonly head: Position
  /** Operations of the batch. */
  readonly batch: ReadonlyMap<OperationId, RecordedOperation>
}

/** @returns null when it may. @throws Problem for a request that can never be committed */
export function judgeRequest(request: CommitRequest, standing: Standing): Refusal | null {
  return (
    judgeOperation(request, standing) ??
    judgeEpochs(request, standing) ??
    judgeLevers(request, standing.levers, standing.nowMs) ??
    judgeStreams(request, standing) ??
    judgeFinds(request, standing) ??
    judgeHistory(request, standing) ??
    judgeRows(request, standing)
  )
}

function judgeOperation(
  { operation, intentHash, state }: CommitRequest,
  { reader, batch, known }: Standing,
): Refusal | null {
  const isNew = !known.mayBeRecorded(operation)
  const recorded = isNew ? null : (batch.get(operation) ?? recordedOperation(operation, reader))
  if (recorded === null) {
    if (mayBecome('proposed', state)) return null
    throw problem('bug', `an operation does not begin as \`${state}\``)
  }
  if (recorded.intentHash === intentHash && mayBecome(recorded.state, state)) return null
  return { kind: 'known', position: recorded.position, intentHash: recorded.intentHash }
}

function recordedOperation(operation: OperationId, reader: StorageReader): RecordedOperation | null {
  const stored = reader.operation(operation)
  if (stored === null) return null
  const line = reader.record(stored.position)?.line
  const state = line === undefined ? null : (sketchLine(line)?.state ?? null)
  if (state === null)
    throw problem('storage-damaged', `the record of \`${operation}\` at ${stored.position} cannot be read`)
  return { position: stored.position, intentHash: stored.intentHash, state }
}

/** Before the first snapshot is adopted nobody has an epoch, so nobody may commit but the engine itself (an empty chain). */
function judgeEpochs({ chain, onBehalfOf, approvers = [] }: CommitRequest, { epochs }: Standing): Refusal | null {
  const isDead = ({ principal, epoch }: ChainLink): boolean => epochs.get(principal) !== epoch
  // Decided again, it finds that the approval is gone.
  const gone = approvers.find(isDead)
  if (gone !== undefined) return { kind: 'moved', what: `approval of ${gone.principal}` }
  const dead = chain.find(isDead)
  if (dead !== undefined) return { kind: 'revoked', principal: dead.principal }
  // For whom it acts may be nobody that the authority knows; but whoever it knows as revoked, nobody acts for.
  const forRevoked = onBehalfOf !== null && (epochs.get(onBehalfOf) ?? 0) < 0
  return forRevoked ? { kind: 'revoked', principal: onBehalfOf } : null
}

function judgeStreams({ streams, events }: CommitRequest, { heads }: Standing): Refusal | null {
  for (const { stream, version } of streams)
    if (heads.of(stream).version !== version) return { kind: 'moved', what: stream }
  const versions = new Map<StreamId, number>()
  for (const { stream, version } of events) {
    if (version !== (versions.get(stream) ?? heads.of(stream).version) + 1) return { kind: 'moved', what: stream }
    versions.set(stream, version)
  }
  return null
}

function judgeFinds({ finds, readPosition }: CommitRequest, { reader, changes, head }: Standing): Refusal | null {
  for (const find of finds) {
    const touched = changes.touched(find, readPosition)
    if (touched === null) continue
    const moved: Refusal = { kind: 'moved', what: find.query.model }
    // A change in this batch is not in storage yet, so the find cannot be asked again: better decided anew than committed wrongly.
    if (touched !== 'unknown' && touched > head) return moved
    if (findDigest(reader.find(find.query)) !== find.digest) return moved
    if (touched === 'unknown' && changes.touched(find, head) !== null) return moved
  }
  return null
}

function judgeRows({ rows }: CommitRequest, { models }: Standing): null {
  for (const { model, row } of rows) {
    const manifest = Object.hasOwn(models, model) ? models[model] : undefined
    if (manifest === undefined) throw problem('bug', `there is no read model \`${model}\``)
    if (row === null) continue
    canonicalJson(row) // throws where it has no JSON form, before storage would
    for (const column of manifest.indexes.flat())
      if (!['string', 'number', 'boolean'].includes(typeof row[column]))
        throw problem(
          'application-output-invalid',
          `indexed column \`${column}\` of \`${model}\` is not a string, number or boolean`,
        )
  }
  return null
}
