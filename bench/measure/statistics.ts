/** What is said about repeated runs: median and range; quantiles of one run's samples. */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  /** As measured, in the order of the runs. */
  readonly runs: readonly number[]
}

export function spreadOf(runs: readonly number[]): Spread {
  if (runs.length === 0) throw new RangeError('a spread needs at least one run')
  return { median: quantile(runs, 0.5), min: Math.min(...runs), max: Math.max(...runs), runs }
}

/** Quantile of unsorted samples, interpolated between neighbours; `at` from 0 to 1. */
export function quantile(samples: readonly number[] | Float64Array, at: number): number {
  const sorted = Float64Array.from(samples).sort()
  const place = (sorted.length - 1) * at
  const below = Math.floor(place)
  const low = sorted[below] ?? Number.NaN
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? low
  return low + (high - low) * (place - below)
}

/** Ratio of each run to its peer in the same run. Runs are paired by their place: the machine was as busy for one as for the other. */
export function ratiosOf(ours: readonly number[], theirs: readonly number[]): readonly number[] {
  if (ours.length !== theirs.length) throw new RangeError('a ratio needs both sides of each run')
  return ours.map((value, run) => value / (theirs[run] as number))
}
