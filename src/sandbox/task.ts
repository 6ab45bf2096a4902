/** One piece of work for a cell, as the pool handles it: it can be started again from nothing, because application code is pure. */
import type { Usage } from '../model/decision.ts'
import type { CellFailure } from './sandbox.ts'

export interface Task {
  readonly id: number
  readonly op: 'start' | 'fold' | 'map'
  readonly release: number
  /** CPU time of one entry. */
  readonly limitMs: number
  /** First frame. Made anew for each try: reads that were served before are sent along. */
  text(): string
  /** Answers the reads that the code waits for, as the text of a `resume` frame. Rejects with a failure of the engine's own. */
  serve(wanted: string): Promise<string>
  /** The code has ended well: takes its answer. */
  done(text: string): void
  failed(failure: CellFailure): void
  /** The engine could not serve a read: not the code's doing. */
  broken(error: unknown): void
  /** Times started. */
  tries: number
  cpuUs: number
  /** Nobody waits for it any more, or it has been answered. */
  settled: boolean
}

export const failedBecause = (
  code: CellFailure['code'],
  detail: string,
  limit?: { readonly limit: string; readonly observed: string },
): CellFailure => ({ kind: 'failed', code, detail, ...limit })

/** The cell claimed reads or answers of a form that its own envelope never makes. */
export class CellLied extends Error {}

export const usageOf = (task: Task, startedAtMs: number, reads: number, outputBytes: number): Usage => ({
  cpuUs: task.cpuUs,
  wallUs: Math.round((performance.now() - startedAtMs) * 1_000),
  reads,
  outputBytes,
})
