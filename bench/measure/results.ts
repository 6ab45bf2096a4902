/** RESULTS.md: what was measured, against what, on which machine, what was not; where a target is missed, by how much and why. */
import type { Machine } from './machine.ts'
import type { Against, Row } from './row.ts'
import type { Spread } from './statistics.ts'
import type { Sizes, Suite, Target } from './suite.ts'

/** What holds back a row that misses its target, by the row's id. */
export type Explanations = Readonly<Record<string, string>>

export interface Results {
  readonly machine: Machine
  readonly sizes: Sizes
  readonly suites: readonly Suite[]
  readonly rows: readonly Row[]
  readonly explanations: Explanations
  /** Sentences on what no suite measures. */
  readonly notMeasured: readonly string[]
}

export function resultsMarkdown(results: Results): string {
  const parts = [head(results), targets(results)]
  for (const suite of results.suites) {
    const rows = results.rows.filter((row) => row.suite === suite.name)
    parts.push(`## ${suite.title}\n\n${suite.method}\n\n${table(rows)}`)
  }
  parts.push(missing(results))
  return `${parts.join('\n\n')}\n`
}

function head({ machine, sizes }: Results): string {
  const quick =
    sizes.name === 'full'
      ? ''
      : '\n\n**A quick run, with few calls a row and small logs: what is labelled 10,000, 100,000 and 1,000,000 events was 2,000, 10,000 and 50,000. Good for the shape of this page, not for quoting; `npm run bench` makes the full one.**'
  return (
    '# Measurements\n\nWritten by `npm run bench`; not edited by hand. ' +
    `Medians of ${sizes.runs} runs, with the least and the greatest in brackets. A ratio is ours divided by what it is compared with, ` +
    `taken within each run, so that a busy machine is as busy for both.${quick}\n\n` +
    '| machine | |\n| --- | --- |\n' +
    `| processor | ${machine.processor}, ${machine.cores} cores |\n` +
    `| memory | ${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB |\n` +
    `| system | ${machine.kernel}, ${machine.fileSystem} |\n` +
    `| programs | Node.js ${machine.node}, SQLite ${machine.sqlite}, ${machine.openssl} |\n` +
    `| load before the first run | ${machine.load.toFixed(2)} |\n` +
    `| started | ${machine.at} |`
  )
}

interface Aim {
  readonly row: Row
  readonly what: string
  readonly target: Target
  readonly value: Spread | null
  readonly unit: string
  readonly met: boolean | null
  readonly notMeasured: string | null
}

function targets({ rows, explanations }: Results): string {
  const aims = rows.flatMap(aimsOf)
  const lines = aims.map(
    ({ what, target, value, unit, met, notMeasured }) =>
      `| ${what} | ${target.kind.replace('-', ' ')} ${number(target.value)}${unit} | ${
        value === null ? `not measured: ${notMeasured ?? ''}` : `${spread(value)}${unit}`
      } | ${met === null ? '?' : met ? 'met' : 'missed'} |`,
  )
  const missed = aims.filter(({ met }) => met === false)
  const why = missed.map(
    ({ row, what, target, value, unit }) =>
      `- **${what}**: ${number((value as Spread).median)}${unit} instead of ${number(target.value)}${unit}, ` +
      `${gap(target, (value as Spread).median)}. ${explanations[row.id] ?? 'Not looked into yet.'}`,
  )
  return (
    `## Targets\n\n| what | target | measured | |\n| --- | --- | --- | --- |\n${lines.join('\n')}` +
    (why.length === 0 ? '' : `\n\nMissed, and what holds it back:\n\n${why.join('\n')}`)
  )
}

function aimsOf(row: Row): Aim[] {
  const own: Aim[] =
    row.target === null ? [] : [{ ...row, row, target: row.target, unit: ` ${row.unit}`, notMeasured: row.notMeasured }]
  const ratios = row.against.flatMap(({ what, target, ratio, met, notMeasured }): Aim[] =>
    target === null
      ? []
      : [
          {
            ...{ row, what: `${row.what} / ${what}`, target, value: ratio, unit: ' ×', met },
            notMeasured: notMeasured ?? row.notMeasured,
          },
        ],
  )
  return [...own, ...ratios]
}

const gap = ({ kind, value }: Target, median: number): string =>
  kind === 'at-least'
    ? `${Math.round((1 - median / value) * 100)} % short`
    : `${Math.round((median / value - 1) * 100)} % over`

function table(rows: readonly Row[]): string {
  const lines = rows.flatMap((row) => {
    const measured = row.value === null ? `not measured: ${row.notMeasured ?? ''}` : spread(row.value)
    const own = `| ${row.what} | ${measured} ${row.value === null ? '' : row.unit}`.trimEnd()
    if (row.against.length === 0) return [`${own} | | | |`]
    return row.against.map((against, i) => `${i === 0 ? own : '| |'} | ${comparison(row, against)} |`)
  })
  return `| what | measured | against | it did | ratio |\n| --- | --- | --- | --- | --- |\n${lines.join('\n')}`
}

function comparison(row: Row, { what, value, ratio, notMeasured }: Against): string {
  if (value === null) return `${what} | not measured: ${notMeasured ?? ''} |`
  return `${what} | ${spread(value)} ${row.unit} | ${ratio === null ? '' : spread(ratio)}`
}

function missing({ rows, notMeasured }: Results): string {
  const failed = rows
    .filter((row) => row.value === null)
    .map(({ what, notMeasured: why }) => `${what}: ${why ?? 'unknown'}.`)
  return `## Not measured\n\n${[...notMeasured, ...failed].map((line) => `- ${line}`).join('\n')}`
}

const spread = ({ median, min, max }: Spread): string =>
  min === max ? number(median) : `${number(median)} [${number(min)} … ${number(max)}]`

/** Three significant digits, thousands with commas. */
export function number(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 4)
}
