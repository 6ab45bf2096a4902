/** The outcome of an operation that is on record: from the log, or from the bounded side records. */
import { askedLevel } from './acknowledgement/asked-level.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { DEFAULT_LEVEL, highest } from '../model/acknowledgement.ts'
import type { Hash, OperationId, Position } from '../model/ids.ts'
import { obliged } from '../model/obligations.ts'
import type { Outcome } from '../model/operation.ts'
import { problem } from '../model/problems.ts'
import type { EventRecord, OperationRecord } from '../model/record.ts'
import type { StoredOperation } from '../storage/storage.ts'

/** An operation's own record and payload, parsed. Null when its place in the log holds something else. */
export function readOperation(
  parts: Pick<Parts, 'reader'>,
  position: Position,
): { readonly record: OperationRecord; readonly payload: OperationPayload } | null {
  const stored = parts.reader.record(position)
  if (stored === null || stored.payload === null) return null
  const record = JSON.parse(stored.line) as OperationRecord | EventRecord
  return record.kind === 'operation' ? { record, payload: JSON.parse(stored.payload) as OperationPayload } : null
}

/** @returns null when nothing is recorded. @throws `idempotency-key-reused` when `intentHash` is given and differs */
export function recordedOutcome(
  parts: Parts,
  operation: OperationId,
  intentHash: Hash | null,
): Promise<Outcome> | null {
  const stored = parts.known.mayBeRecorded(operation) ? parts.reader.operation(operation) : null
  if (stored !== null) {
    samePayload(operation, stored.intentHash, intentHash)
    return fromLog(parts, stored)
  }
  const side = parts.aside.verdict(operation)
  if (side === null) return null
  const payload = JSON.parse(side.body) as OperationPayload
  samePayload(operation, payload.intentHash, intentHash)
  return payload.outcome.kind === 'committed'
    ? null
    : Promise.resolve({ ...payload.outcome, operation, replayed: false })
}

/** With the receipt of its record, when it has one: an outcome that is looked for again and again does without until it is answered. */
export async function withReceipt(parts: Parts, outcome: Outcome): Promise<Outcome> {
  if (outcome.receipt !== undefined) return outcome
  const stored = parts.known.mayBeRecorded(outcome.operation) ? parts.reader.operation(outcome.operation) : null
  return stored === null ? outcome : { ...outcome, receipt: await parts.committer.receipt(stored.position) }
}

async function fromLog(parts: Parts, stored: StoredOperation): Promise<Outcome> {
  const found = readOperation(parts, stored.position)
  if (found === null || found.record.op !== stored.operation)
    throw problem('storage-damaged', `position ${stored.position} does not hold the operation that the index names`)
  const { operation } = stored
  const { record, payload } = found
  if (payload.outcome.kind !== 'committed') return { ...payload.outcome, operation, replayed: false }
  const first = (stored.position - record.tx.i) as Position
  const events = parts.reader
    .records(first, record.tx.i)
    .map(({ position, line }) => ({ position, event: JSON.parse(line) as EventRecord }))
    .map(({ position, event }) => ({ stream: event.stream, version: event.n, type: event.type, position }))
  const receipt = await parts.committer.receipt(stored.position)
  const least = parts.acknowledgement.leastFor(payload.command)
  const asked = highest(askedLevel(parts.release.manifest, { ...payload, events }), least)
  return {
    kind: 'committed',
    level: DEFAULT_LEVEL,
    asked,
    operation,
    position: stored.position,
    result: obliged(payload.outcome.result, payload.authority?.obligations),
    events,
    receipt,
    replayed: false,
  }
}

function samePayload(operation: OperationId, recorded: Hash, asked: Hash | null): void {
  if (asked !== null && recorded !== asked)
    throw problem('idempotency-key-reused', 'this key was used for another payload', { operation })
}
