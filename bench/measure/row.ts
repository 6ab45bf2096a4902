/** A measured row: the figures of all runs, their ratios to peers of the same run, and whether the targets are met. */
import { ratiosOf, spreadOf, type Spread } from './statistics.ts'
import type { Figures, RowSpec, Suite, Target } from './suite.ts'

export interface Judged {
  readonly target: Target | null
  /** Null without a target, or when it was not measured. */
  readonly met: boolean | null
}
export interface Against extends Judged {
  readonly what: string
  /** Null when it could not be measured. */
  readonly value: Spread | null
  /** Ours divided by theirs, run by run. */
  readonly ratio: Spread | null
  readonly notMeasured: string | null
}
export interface Row extends Judged {
  readonly suite: string
  readonly id: string
  readonly what: string
  readonly unit: string
  readonly value: Spread | null
  readonly notMeasured: string | null
  readonly against: readonly Against[]
}

export function rowsOf(suite: Suite, runs: readonly Figures[], whyNot: ReadonlyMap<string, string>): readonly Row[] {
  return suite.rows.map((spec) => rowOf(suite.name, spec, runs, whyNot))
}

function rowOf(suite: string, spec: RowSpec, runs: readonly Figures[], whyNot: ReadonlyMap<string, string>): Row {
  const reasonFor = (figure: string): string => whyNot.get(figure) ?? 'no run came to an end'
  const ours = seriesOf(runs, spec.figure)
  const value = ours === null ? null : spreadOf(ours)
  const against = (spec.against ?? []).map(({ what, figure, target = null }): Against => {
    const theirs = seriesOf(runs, figure)
    const ratio = ours === null || theirs === null ? null : spreadOf(ratiosOf(ours, theirs))
    return {
      what,
      value: theirs === null ? null : spreadOf(theirs),
      ratio,
      target,
      met: judge(target, ratio),
      notMeasured: theirs === null ? reasonFor(figure) : null,
    }
  })
  const { id, what, unit, target = null } = spec
  const notMeasured = value === null ? reasonFor(spec.figure) : null
  return { suite, id, what, unit, value, target, met: judge(target, value), notMeasured, against }
}

/** The figure in every run, or null when any run lacks it: a median over fewer runs would not be what the table says. */
function seriesOf(runs: readonly Figures[], figure: string): readonly number[] | null {
  const values = runs.map((run) => run[figure]).filter((value) => value !== undefined && Number.isFinite(value))
  return values.length === runs.length && runs.length > 0 ? (values as number[]) : null
}

function judge(target: Target | null, spread: Spread | null): boolean | null {
  if (target === null || spread === null) return null
  return target.kind === 'at-least' ? spread.median >= target.value : spread.median <= target.value
}
