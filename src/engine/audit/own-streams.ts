/**
 * Who may write to the engine's own streams, and that nothing changes before it is admitted: facts, decisions and erasures are written by what was
 * admitted to, a request for approval by what is held and by what ends it, a grant by who gives or uses it, everything else by the engine itself.
 * What an action that may do so writes exactly is looked at elsewhere.
 */
import type { Standing } from './standing.ts'
import type { AuditedEvent, Transaction } from './transactions.ts'
import { ATTEST } from '../attest.ts'
import { APPROVE } from '../decide-approval.ts'
import { ERASE } from '../erase.ts'
import { APPROVAL, approvalStream, ERASURE, GRANT, isEngineEntity, RUN } from '../engine-streams.ts'
import { ENGINE } from '../record-once.ts'
import { streamParts, type ApprovalId } from '../../model/ids.ts'
import { NOTIFY_EFFECT } from '../../model/obligations.ts'
import type { OperationRecord } from '../../model/record.ts'

/** Actions that write to a stream when they were admitted; of all other entities only the engine writes. */
const ADMITTED: Readonly<Record<string, (action: string) => boolean>> = {
  [RUN]: (action) => action === ATTEST,
  [APPROVAL]: (action) => action === APPROVE,
  [ERASURE]: (action) => action === ERASE,
  [GRANT]: (action) => action === APPROVE || !isEngineEntity(action),
}

/** Why an operation may not have written what it has; null when it may. */
export function ownStreamFault(
  record: OperationRecord,
  { events }: Pick<Transaction, 'events'>,
  standing: Standing,
): string | null {
  const isAdmitted = record.chain.length > 0 && record.state === 'committed'
  const isEngines = record.chain.length === 0 && record.state === 'committed' && record.actor === ENGINE.id
  const wrong = events.find((event) => {
    const { entity } = streamParts(event.record.stream)
    if (!isEngineEntity(entity)) return false
    const admitted = ADMITTED[entity]
    if (entity === APPROVAL && isOwnRequest(record, event, standing)) return false
    return admitted === undefined ? !isEngines : !(isAdmitted && admitted(record.action))
  })
  if (wrong !== undefined) return `nobody was admitted to write to \`${wrong.record.stream}\``
  const isWaiting = record.chain.length > 0 && (record.state === 'held' || record.state === 'denied')
  const changes =
    events.some((event) => !isEngineEntity(streamParts(event.record.stream).entity)) ||
    record.effects.some(({ effect }) => effect !== NOTIFY_EFFECT)
  return isWaiting && changes ? `it was ${record.state}, and changed something` : null
}

/** What is held asks for an approval of its own, and closes its request when it ends. */
function isOwnRequest({ op, state }: OperationRecord, { record, data }: AuditedEvent, standing: Standing): boolean {
  if (state === 'held') return record.type === 'requested' && record.n === 1
  const waiting = standing.waiting(op)?.approval?.approval
  const isOwn = waiting !== undefined && record.stream === approvalStream(waiting as ApprovalId)
  return isOwn && record.type === 'closed' && data?.['state'] !== 'approved'
}
