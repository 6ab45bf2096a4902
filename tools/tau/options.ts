/** Command lines of the two harnesses. What cannot be read ends with exit code 2 and a sentence that says what was expected. */
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DOMAINS } from './domains.ts'
import type { DomainName } from './domains.ts'

/** Something about the arguments or files that the caller can put right. */
export class UsageError extends Error {}

export const EXIT_OK = 0
export const EXIT_DIFFERENT = 1
export const EXIT_USAGE = 2

/** Beside the repository, where the data sets lie on machines that have them. */
const DATA_DEFAULT = resolve(import.meta.dirname, '../../../shared/data/tau')

export interface Options {
  readonly domain: DomainName
  /** The domain's folder: `db/*.jsonl` and the files that are not named otherwise. */
  readonly data: string
  readonly json: boolean
  /** Folder for the data directories that the run leaves; null: it leaves none. */
  readonly keep: string | null
  /** Path of a named file, or of the data folder's own. */
  file(option: string, inData: string): string
}

/** @param files options that name a file, beside `--domain`, `--data` and `--json` */
export function readOptions(args: readonly string[], files: readonly string[]): Options {
  const { values } = parsed(args, files)
  const domain = text(values['domain'])
  if (domain === undefined || !Object.hasOwn(DOMAINS, domain))
    throw new UsageError(`\`--domain\` must be one of ${Object.keys(DOMAINS).join(', ')}`)
  const data = resolve(text(values['data']) ?? join(DATA_DEFAULT, domain))
  if (!existsSync(join(data, 'db')) || !statSync(join(data, 'db')).isDirectory())
    throw new UsageError(`\`${data}\` holds no folder \`db\`: name the domain's data set with \`--data DIR\``)
  const file = (option: string, inData: string): string => {
    const path = resolve(text(values[option]) ?? join(data, inData))
    if (!existsSync(path)) throw new UsageError(`there is no file \`${path}\`: name another with \`--${option} FILE\``)
    return path
  }
  return {
    domain: domain as DomainName,
    data,
    json: values['json'] === true,
    keep: keepFolder(values['keep'], domain),
    file,
  }
}

/** `results/tau-<domain>` when nothing is said. */
function keepFolder(asked: unknown, domain: string): string | null {
  if (asked === 'none') return null
  return resolve(text(asked) ?? join(import.meta.dirname, '../../results', `tau-${domain}`))
}

function parsed(
  args: readonly string[],
  files: readonly string[],
): { readonly values: Readonly<Record<string, unknown>> } {
  try {
    return parseArgs({
      args: [...args],
      options: {
        domain: { type: 'string' },
        data: { type: 'string' },
        json: { type: 'boolean' },
        keep: { type: 'string' },
        ...Object.fromEntries(files.map((name) => [name, { type: 'string' as const }])),
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Runs a harness: its exit code, or 2 with a message for what the caller can put right. */
export async function main(run: (args: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = EXIT_USAGE
  }
}

/** For people who wait: never on the output that programs read. */
export const progress = (line: string): void => void process.stderr.write(`${line}\n`)
