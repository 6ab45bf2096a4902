/** What stands behind answers now: policy, witnesses one by one, what waits for them, and whether the log is stopped. */
import type { AcknowledgementStatus } from './engine.ts'
import type { Parts } from './parts.ts'
import { countAwaiting, nextFor } from './ready-effects.ts'

export function acknowledgementStatus(parts: Parts): AcknowledgementStatus {
  const { acknowledgement, reader } = parts
  const { witnessing, timestamps, witnessedSize } = acknowledgement
  const awaiting = countAwaiting(parts)
  const { treeSize } = reader.head()
  return {
    highest: witnessing === null ? 'signed' : timestamps === null ? 'witnessed' : 'timestamped',
    policy:
      witnessing === null
        ? null
        : {
            path: witnessing.policy.path,
            digest: witnessing.policy.digest,
            ...witnessing.policy.safety,
            fault: acknowledgement.policyFault,
          },
    witnessedSize,
    lag: treeSize - witnessedSize,
    obstacle: witnessing === null || treeSize === witnessedSize ? null : witnessing.trouble,
    witnesses: witnessing?.witnesses ?? [],
    waiting: witnessing?.waiting ?? 0,
    timestamps,
    effectsAwaitingWitness: { ...awaiting, next: awaiting.count === 0 ? null : nextFor(parts, 'awaiting-witness') },
    stopped: acknowledgement.stop.mark,
  }
}
