/** Counters from the log: each limit's window before a time is read once, for all limits that are new together. */
import { countedOperation } from './counted-operation.ts'
import type { LimitCounters } from './limit-counters.ts'
import type { Position } from '../../model/ids.ts'
import type { Limit } from '../../policy/limits.ts'
import type { StorageReader } from '../../storage/storage.ts'

const PAGE_RECORDS = 1_000

/** Begins these limits in `counters` with what the log holds of their windows up to `head`. @param nowMs end of the windows */
export function readCounters(
  reader: StorageReader,
  limits: readonly Limit[],
  head: Position,
  nowMs: number,
  counters: LimitCounters,
): void {
  const before = reader.positionAt(Math.max(0, nowMs - Math.max(0, ...limits.map(windowMs))))
  for (const limit of limits) counters.begin(limit, Math.min(before, head) as Position)
  for (let from = Math.max(0, before + 1); from <= head;) {
    const page = reader.records(from as Position, Math.min(PAGE_RECORDS, head + 1 - from))
    if (page.length === 0) break
    for (const { position, line, payload } of page) {
      const operation = countedOperation(line, payload)
      if (operation === null) continue
      for (const { counts } of limits) counters.addTo(counts, operation, position, operation.t)
    }
    from += page.length
  }
}

const windowMs = ({ stepMs, stepsBefore }: Limit): number => stepMs * (stepsBefore + 1)
