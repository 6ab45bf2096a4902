/** Runs suites one after the other. A suite that fails leaves rows that say why; the others go on. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { rowsOf, type Row } from './row.ts'
import type { Figures, Sizes, Suite } from './suite.ts'

const REASON_MAX = 200 // characters

export interface PerformOptions {
  readonly suites: readonly Suite[]
  readonly sizes: Sizes
  /** Folder for data; a folder of its own is made in it and removed at the end. */
  readonly folder: string
  readonly say: (text: string) => void
  readonly onRow: (row: Row) => void
}

export async function perform({ suites, sizes, folder, say, onRow }: PerformOptions): Promise<readonly Row[]> {
  await mkdir(folder, { recursive: true })
  const scratch = await mkdtemp(join(folder, 'scratch-'))
  const rows: Row[] = []
  try {
    for (const suite of suites) {
      const startedMs = performance.now()
      for (const row of await performSuite(suite, sizes, scratch, say)) {
        rows.push(row)
        onRow(row)
      }
      say(`${suite.name}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return rows
}

async function performSuite(
  suite: Suite,
  sizes: Sizes,
  scratch: string,
  say: (text: string) => void,
): Promise<readonly Row[]> {
  const whyNot = new Map<string, string>()
  const runs: Figures[] = []
  const notMeasured = (figure: string, why: string): void => void whyNot.set(figure, why)
  const missing = (error: unknown): void => {
    say(`${suite.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    const why = firstLineOf(error instanceof Error ? error.message : String(error))
    for (const { figure } of suite.rows) if (!whyNot.has(figure)) notMeasured(figure, why)
  }
  try {
    const open = await suite.open({ sizes, scratch, notMeasured, say })
    try {
      for (let run = 1; run <= sizes.runs; run++) {
        say(`${suite.name}: run ${run} of ${sizes.runs}`)
        runs.push(await open.run())
      }
    } finally {
      await open.close()
    }
  } catch (error) {
    missing(error)
    runs.length = 0
  }
  return rowsOf(suite, runs, whyNot)
}

/** Fits into a cell of a table. */
const firstLineOf = (text: string): string => (text.split('\n')[0] ?? '').replaceAll('|', '/').slice(0, REASON_MAX)
