/**
 * `npm run audit -- [--data DIR]… [--json]`: re-evaluates every admission of data directories, from their files alone. DIR is a data directory or a
 * folder of them; without one, those that `npm run tau` leaves (`results/tau-*`).
 *
 * With `--json` the last line is one object: `admissions, agreed, unchecked, disagreed[]`. Exit code 0: all agree; 1: some do not; 2: nothing to look at.
 */
import { existsSync, globSync, readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Disagreement } from '../src/engine/audit/report.ts'
import { audit } from '../src/main/audit.ts'
import { isDataDirectory } from '../src/main/data-directory.ts'
import { Problem } from '../src/model/problems.ts'

const RESULTS = join(import.meta.dirname, '../results')
const PROGRESS_EVERY = 25 // systems
const DISAGREED_MAX = 1_000
const NOWHERE = { position: null, operation: null, actor: null, action: null, recorded: null, derived: null }

export interface AuditOfMany {
  readonly systems: number
  readonly records: number
  readonly admissions: number
  readonly agreed: number
  readonly unchecked: number
  readonly disagreed: readonly (Disagreement & { readonly system: string })[]
  readonly beside: { readonly verdicts: number; readonly agreed: number }
  readonly notChecked: readonly string[]
}

/** What an audit says of admissions that it could not evaluate: a snapshot or a release is gone from the directory, or is not what its name says. */
const GONE = /^an admission under .* not at hand/

/** Data directories in a folder, or the folder itself when it is one. */
export function dataDirectoriesIn(folder: string): readonly string[] {
  if (isDataDirectory(folder)) return [folder]
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort(new Intl.Collator('en', { numeric: true }).compare)
    .map((name) => join(folder, name))
    .filter(isDataDirectory)
}

export async function auditMany(
  dirs: readonly string[],
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<AuditOfMany> {
  const total = { systems: 0, records: 0, admissions: 0, agreed: 0, unchecked: 0, beside: { verdicts: 0, agreed: 0 } }
  const disagreed: (Disagreement & { system: string })[] = []
  const notChecked = new Set<string>()
  for (const dir of dirs) {
    total.systems += 1
    const system = basename(dir)
    const report = await audit({ dir, bundle: null, rootKey: null, onProgress: () => {} }, signal).catch(
      // One directory that cannot be looked through is named like a record that differs; the others still count.
      (error: unknown) => (disagreed.push({ system, ...NOWHERE, why: reasonOf(error, signal) }), null),
    )
    onProgress(total.systems)
    if (report === null) continue
    total.records += report.records
    total.admissions += report.admissions
    total.agreed += report.agreed
    total.unchecked += report.unchecked
    total.beside.verdicts += report.beside?.verdicts ?? 0
    total.beside.agreed += report.beside?.agreed ?? 0
    for (const one of report.disagreed) if (disagreed.length < DISAGREED_MAX) disagreed.push({ system, ...one })
    const gone = report.notChecked.filter((what) => GONE.test(what))
    for (const what of gone) disagreed.push({ system, ...NOWHERE, why: `not evaluated: ${what}` })
    for (const what of report.notChecked) notChecked.add(what)
  }
  return { ...total, disagreed, notChecked: [...notChecked] }
}

/** @throws what an abort is: then nothing is said of the directory */
function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) throw error
  return error instanceof Problem ? error.detail : error instanceof Error ? error.message : String(error)
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { data: { type: 'string', multiple: true }, json: { type: 'boolean' } },
    })
    const folders = values.data?.map((folder) => resolve(folder)) ?? globSync(join(RESULTS, 'tau-*'))
    const dirs = folders.flatMap(dataDirectoriesIn)
    if (dirs.length === 0) {
      process.stderr.write(
        'there is no data directory: run `npm run tau -- --domain retail` first, or name one with `--data DIR`\n',
      )
      return 2
    }
    const stop = new AbortController()
    process.once('SIGINT', () => stop.abort())
    const report = await auditMany(
      dirs,
      (done) => {
        if (done % PROGRESS_EVERY === 0) process.stderr.write(`${done} of ${dirs.length} data directories\n`)
      },
      stop.signal,
    )
    if (values.json === true) process.stdout.write(`${JSON.stringify(report)}\n`)
    else {
      const { systems, admissions, agreed, unchecked, disagreed, beside } = report
      process.stdout.write(
        `${agreed} of ${admissions} admissions agree, and ${beside.agreed} of ${beside.verdicts} denials and reads beside the log, in ${systems} data directories${unchecked > 0 ? `; ${unchecked} admissions could not be evaluated` : ''}\n`,
      )
      for (const { system, position, action, why } of disagreed.slice(0, 20))
        process.stdout.write(`${system} #${position ?? '?'} ${action ?? ''}: ${why}\n`)
    }
    return report.disagreed.length === 0 ? 0 : 1
  } catch (error) {
    const message = error instanceof Problem ? error.detail : error instanceof Error ? error.message : String(error)
    process.stderr.write(`${message}\n`)
    return 2
  }
}
