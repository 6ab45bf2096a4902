/** The command line as a person runs it: real processes, on free loopback ports, over data directories that are thrown away. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const PLINTH = fileURLToPath(new URL('../../bin/plinth.mjs', import.meta.url))
export const STARTER = fileURLToPath(new URL('../../examples/starter', import.meta.url))
const READY_WITHIN_MS = 300_000 // a busy machine, a cold cache; a healthy start takes one second

/** Not the user's own: one for each test process, thrown away. */
const HEADS = mkdtempSync(join(tmpdir(), 'plinth-heads-'))
process.on('exit', () => rmSync(HEADS, { recursive: true, force: true }))

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as one JSON document. */
  json(): { readonly [member: string]: unknown }
}

export interface Where {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs one command to its end; stdin is empty and nothing is a terminal. */
export async function plinth(args: readonly string[], where: Where = {}): Promise<Finished> {
  const child = spawnPlinth(args, where)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr, json: () => JSON.parse(stdout) as ReturnType<Finished['json']> }
}

export interface Started extends AsyncDisposable {
  readonly url: string
  readonly mcpUrl: string
  readonly dir: string
  readonly agentKey: string
  readonly operatorKey: string
  readonly document: { readonly [member: string]: unknown }
  readonly child: ChildProcess
  /** Later lines of stdout. */
  lines(): AsyncIterator<string>
  stderr(): string
  /** Sends the signal; resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `plinth start` or `plinth dev` and waits until it says that it is ready. */
export async function startPlinth(
  command: 'start' | 'dev',
  args: readonly string[],
  where: Where = {},
): Promise<Started> {
  const child = spawnPlinth([command, '--json', '--port', '0', ...args], where)
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const closed = once(child, 'close') as Promise<[number | null]>
  const lines = linesOf(child)
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS)
  const first = await lines.next()
  clearTimeout(timer)
  if (first.done === true) throw new Error(`it ended before it was ready: ${stderr}`)
  const document = JSON.parse(first.value) as Started['document']
  if (document['kind'] !== 'started') throw new Error(`it did not start: ${first.value}\n${stderr}`)
  const key = (who: 'agent' | 'operator'): string => (document[who] as { key: string }).key
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    return (await closed)[0]
  }
  return {
    url: document['url'] as string,
    mcpUrl: document['mcpUrl'] as string,
    dir: document['dir'] as string,
    agentKey: key('agent'),
    operatorKey: key('operator'),
    document,
    child,
    lines: () => lines,
    stderr: () => stderr,
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}

export function spawnPlinth(args: readonly string[], { cwd, env }: Where): ChildProcess {
  return spawn(process.execPath, [PLINTH, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    env: {
      ...process.env,
      PLINTH_DIR: '',
      PLINTH_URL: '',
      PLINTH_TOKEN: '',
      PLINTH_VKEY: '',
      PLINTH_HEADS: HEADS,
      ...env,
    },
  })
}

/** Lines of stdout, as they come. */
export function linesOf(child: ChildProcess): AsyncIterator<string> {
  if (child.stdout === null) throw new Error('stdout is not a pipe')
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
}

export interface Folder extends AsyncDisposable {
  readonly path: string
}
/** Whoever was killed may have been about to write. */
const REMOVED = { recursive: true, force: true, maxRetries: 20 } as const
export async function temporaryFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'plinth-e2e-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, REMOVED) }
}

/** Sends a command over HTTP. */
export async function send(
  system: Pick<Started, 'url' | 'agentKey'>,
  command: string,
  key: string,
  input: unknown,
  token = system.agentKey,
): Promise<{ readonly status: number; readonly body: { readonly [member: string]: unknown } }> {
  const response = await fetch(`${system.url}/v1/commands/${command}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(input),
  })
  return { status: response.status, body: (await response.json()) as { [member: string]: unknown } }
}
