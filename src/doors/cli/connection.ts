/** Finds the running system and a credential for it: from the command line, the environment, or the data directory. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { LogWatch } from '../../client/log/watch-log.ts'
import { problem } from '../../model/problems.ts'
import type { ParsedOptions } from './command.ts'
import { openLogWatch } from './log-watch.ts'

export interface Connection {
  readonly url: string
  readonly token: string | null
  /** Watches the log of that system; null when no key of it is pinned. */
  readonly log: LogWatch | null
}

/** The data directory that a command is about. */
export const dataDirectory = (options: ParsedOptions): string =>
  resolve(options.text('dir') ?? environment('PLINTH_DIR') ?? '.plinth')

/**
 * The operator's key of a data directory goes only to the system that runs on it: a `--url` elsewhere needs a `--token` of its own.
 * @throws `system-unreachable` when no system is named and none runs on the data directory
 */
export async function findConnection(options: ParsedOptions): Promise<Connection> {
  const dir = dataDirectory(options)
  const named = options.text('url') ?? environment('PLINTH_URL')
  const token = options.text('token') ?? environment('PLINTH_TOKEN')
  if (named !== null) return { url: checkedUrl(named), token, log: await openLogWatch(options, null) }
  const url = await urlOf(dir)
  return { url, token: token ?? (await operatorKey(dir)), log: await openLogWatch(options, dir) }
}

/** An empty variable is as good as none. */
const environment = (name: string): string | null => process.env[name] || null

function checkedUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw problem('usage', `\`${text}\` is not an address like \`http://127.0.0.1:4000\``)
  return text.replace(/\/+$/, '')
}

async function urlOf(dir: string): Promise<string> {
  const runtime = await readJson(join(dir, 'runtime.json'))
  const urls = runtime?.['urls'] as { http?: unknown } | undefined
  if (typeof urls?.http === 'string') return urls.http
  throw problem('system-unreachable', `no system runs on \`${dir}\``)
}

async function operatorKey(dir: string): Promise<string | null> {
  const key = (await readJson(join(dir, 'operator.json')))?.['apiKey']
  return typeof key === 'string' ? key : null
}

/** The file's JSON object; null when there is no such file. */
export async function readJson(path: string): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Readonly<Record<string, unknown>>
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw problem('malformed-json', `\`${path}\` could not be read as JSON`, {}, cause)
  }
}
