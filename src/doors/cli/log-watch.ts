/** The command line as a client that watches the log: which key it pins, and where it keeps its heads. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileHeads, usersHeads } from '../../client/log/head-files.ts'
import type { HeadStore } from '../../client/log/head-store.ts'
import { LogFault } from '../../client/log/log-fault.ts'
import { watchLog, type LogWatch } from '../../client/log/watch-log.ts'
import { Problem, problem } from '../../model/problems.ts'
import { NoteError, parseVerifierKey } from '../../model/signed-note.ts'
import type { ParsedOptions } from './command.ts'

const VKEY = /^[^+\s]+\+[0-9a-f]{8}\+\S+$/
const OFF = 'off'

/**
 * The log's public keys, one unless the log changes its key: from the command line, the environment, or the data directory when the system is the one
 * that runs on it. A file holds one a line.
 * @returns null when nobody has said whose signature counts @throws `usage`
 */
export async function pinnedKeys(options: ParsedOptions, dir: string | null): Promise<readonly string[] | null> {
  const named = options.text('vkey') ?? (process.env['PLINTH_VKEY'] || null)
  if (named !== null) return checked(VKEY.test(named) ? [named] : await keysIn(named))
  const beside = dir === null ? null : join(dir, 'log.vkey')
  return beside === null || !existsSync(beside) ? null : checked(await keysIn(beside))
}

/** Null where the heads are switched off. */
export function headStore(options: ParsedOptions): HeadStore | null {
  const folder = options.text('heads') ?? (process.env['PLINTH_HEADS'] || null)
  return folder === OFF ? null : fileHeads(folder === null ? usersHeads() : resolve(folder))
}

/** @param dir data directory of the system that is called; null for one elsewhere @returns null when no key is pinned, or heads are off */
export async function openLogWatch(options: ParsedOptions, dir: string | null): Promise<LogWatch | null> {
  const heads = headStore(options)
  const vkey = heads === null ? null : await pinnedKeys(options, dir)
  return heads === null || vkey === null ? null : watchLog({ vkey, heads })
}

/** @throws `usage` */
async function keysIn(path: string): Promise<readonly string[]> {
  try {
    return (await readFile(path, 'utf8')).trim().split(/\s+/)
  } catch (cause) {
    throw problem('usage', `\`${path}\` is neither a key nor a file that holds one`, {}, cause)
  }
}

function checked(vkeys: readonly string[]): readonly string[] {
  try {
    const [first, ...others] = vkeys.map(parseVerifierKey)
    if (others.some(({ name }) => name !== first?.name)) throw new NoteError('they are those of several logs')
    return vkeys
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('usage', `the key of the log: ${error.message}`, {}, error)
  }
}

/** What a log has done, as a problem that names the evidence and what had been answered. */
export function logProblem(fault: LogFault): Problem {
  const { code, detail, file, answer } = fault
  const said = typeof answer === 'object' && answer !== null ? (answer as { kind?: unknown; operation?: unknown }) : {}
  const answered = typeof said.kind === 'string' ? `${said.kind} ${String(said.operation ?? '')}`.trim() : null
  return problem(
    code,
    `${detail}${file === null ? '' : `; evidence: \`${file}\``}${answered === null ? '' : `; it had answered: ${answered}`}`,
    { evidence: file, answered },
    fault,
  )
}
