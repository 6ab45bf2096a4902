/** What a commit claims of history: plain data that crosses to the committer, which compares it with the counters there (judge-history.ts). */
import type { Hash } from '../../model/ids.ts'
import type { Limit } from '../../policy/limits.ts'

export interface HistoryClaim {
  readonly counts: Hash
  readonly stepMs: Limit['stepMs']
  readonly key: string
  /** Value that the admission rested on, when a policy saw it: the commit lands only on the same. Null compares only with `max`. */
  readonly relied: number | null
  readonly adding: number
  readonly max: number | null
}
export interface HistoryClaims {
  /** When it was admitted: the commit lands only in the same step of every limit. */
  readonly atMs: number
  readonly claims: readonly HistoryClaim[]
}

/** One limit as an operation's payload records it: with the log before the record, anybody comes to the same value. */
export interface HistoryEntry {
  readonly limit: string
  readonly counts: Hash
  readonly key: string
  readonly value: number
  readonly adding: number
  readonly max: number | null
  /** Whether a policy saw the value, so that it is exact; otherwise it may be higher than what the log holds, by what was under way and failed. */
  readonly exact: boolean
}
export interface RecordedHistory {
  readonly atMs: number
  readonly entries: readonly HistoryEntry[]
}
