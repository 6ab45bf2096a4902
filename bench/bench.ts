/**
 * `npm run bench`: measures Plinth against peers and limits that are measured in the same run, and writes bench/RESULTS.md.
 *
 *   node bench/bench.ts [--json] [--only name,…] [--quick] [--dir FOLDER]
 *
 * With `--json` one object a line on stdout, a row each. `--only` runs some suites and leaves RESULTS.md as it is. Exit code 0 whatever the
 * numbers are; 2 for arguments that cannot be used.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { EXPLANATIONS, NOT_MEASURED } from './explanations.ts'
import { describeMachine } from './measure/machine.ts'
import { readOptions, USAGE, type Options } from './measure/options.ts'
import { perform } from './measure/perform.ts'
import { number, resultsMarkdown } from './measure/results.ts'
import type { Row } from './measure/row.ts'
import { SUITES } from './suites/all.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const { json, sizes, suites, folder, write } = options()

const machine = describeMachine(here('.'))
const rows = await perform({
  suites,
  sizes,
  folder,
  say: (text) => console.error(text),
  onRow: (row) => console.log(json ? JSON.stringify(row) : line(row)),
})
if (write) {
  const path = here('RESULTS.md')
  const text = resultsMarkdown({ machine, sizes, suites, rows, explanations: EXPLANATIONS, notMeasured: NOT_MEASURED })
  await writeFile(path, await format(text, { ...(await resolveConfig(path)), parser: 'markdown' }))
  console.error(`written: ${path}`)
}

function line({ what, value, unit, notMeasured, met, against }: Row): string {
  const sign = (good: boolean | null): string => (good === null ? '' : good ? ' (met)' : ' (missed)')
  const own = value === null ? `not measured: ${notMeasured ?? ''}` : `${number(value.median)} ${unit}${sign(met)}`
  const peers = against.map(
    (one) => `\n    ${one.ratio === null ? '?' : `${number(one.ratio.median)} × `}${one.what}${sign(one.met)}`,
  )
  return `${what}: ${own}${peers.join('')}`
}

function options(): Options {
  try {
    return readOptions(process.argv.slice(2), SUITES, here('results'))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    process.exit(2)
  }
}
