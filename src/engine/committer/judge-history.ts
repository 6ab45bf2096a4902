/**
 * Does what an admission relied on of history still hold? Counters are compared here, in the commit, so that of any number of racing calls only as
 * many land as fit under a limit, whatever they were told before.
 */
import type { CommitRequest, CommitResult } from './commit-request.ts'
import { stepOf, type LimitCounters } from '../history/limit-counters.ts'
import { problem } from '../../model/problems.ts'

/** @returns `moved` to be admitted again; null when all holds. @throws `overloaded` when a counter is not known for want of room */
export function judgeHistory(
  { history }: Pick<CommitRequest, 'history'>,
  { counters, recordedAtMs }: { readonly counters: LimitCounters; readonly recordedAtMs: number },
): Extract<CommitResult, { kind: 'moved' }> | null {
  if (history === undefined || history === null) return null
  for (const { counts, stepMs, key, relied, adding, max } of history.claims) {
    const moved = { kind: 'moved', what: `limit ${counts}` } as const
    // Counted by somebody else's policies, or in a step that has passed: what was admitted was another question.
    if (!counters.has(counts) || stepOf(history.atMs, { stepMs }) !== stepOf(recordedAtMs, { stepMs })) return moved
    const value = counters.value(counts, key, recordedAtMs)
    if (value === null) throw problem('overloaded', 'there are more counters of limits than are kept')
    if (relied !== null && value !== relied) return moved
    if (max !== null && value + adding > max) return moved
  }
  return null
}
