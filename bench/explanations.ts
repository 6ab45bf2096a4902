/** What holds back a row that misses its target, by the row's id: found by profiling, and true of the run in RESULTS.md. */
import type { Explanations } from './measure/results.ts'

export const EXPLANATIONS: Explanations = {}

/** What no suite measures, and why. */
export const NOT_MEASURED: readonly string[] = [
  'Two shards on two cores: there is one log file and one writer.',
  'PostgreSQL: its adapter is not there yet.',
  'A log of ten million events: it takes longer to build than the whole of this takes to run.',
]
