/**
 * Whether an admission rests on a snapshot whose lease must have been over: none is renewed once the next snapshot is published. So a runtime that
 * passes over what is published, and says nothing of it in its log, is found by whoever has the snapshots.
 */
import type { SnapshotEvidence } from './evidence.ts'
import type { OperationRecord } from '../../model/record.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'
import { CLOCK_SKEW_MS_MAX } from '../../warden/lease.ts'

/** @param next what follows the snapshot that it was decided under @returns null also where that asks for no lease, or nothing is known to follow */
export function leaseFault(
  { state, t }: Pick<OperationRecord, 'state' | 't'>,
  { number, leaseMs }: Pick<AuthoritySnapshot, 'number' | 'leaseMs'>,
  next: SnapshotEvidence,
): string | null {
  if (state === 'denied' || leaseMs === null || next.kind !== 'found') return null
  const untilMs = next.snapshot.createdAtMs + leaseMs
  return t <= untilMs + CLOCK_SKEW_MS_MAX
    ? null
    : `snapshot ${number} had been replaced, and its lease was over by ${new Date(untilMs).toISOString()}`
}
