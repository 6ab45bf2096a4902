/**
 * The warden as a child of `plinth start`: a process of its own with its own directory, and its own user where the system lets us (we are root and it
 * can read what it runs). It dies with us, and is started again when it dies alone.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { lchownSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text as textOf } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { problem } from '../model/problems.ts'
import type { CreateWarden } from './data-directory.ts'

const { PATH = '', NODE_COMPILE_CACHE } = process.env
/** Nothing of ours but where programs lie, and what was compiled before. */
const ENVIRONMENT = { PATH, NODE_NO_WARNINGS: '1', ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) }
const PROGRAM = fileURLToPath(new URL('./warden.ts', import.meta.url))
const READY_WITHIN_MS = 20_000
/** Between a death and the next start; doubled each time up to the longest. */
const RESTART_AFTER_MS = 200
const RESTART_AFTER_MS_MAX = 10_000
const END_WITHIN_MS = 5_000

export interface WardenChild {
  /** Process id of the one that runs now. */
  readonly pid: number | undefined
  /** The user that it runs as, when it is another one than ours. */
  readonly uid: number | null
  close(): Promise<void>
}

export interface WardenChildOptions {
  readonly dir: string
  readonly publishDir: string
  /** User and group for the warden; null for our own. */
  readonly user: number | null
  readonly onProblem: (what: string, error: unknown) => void
  /** Gives up waiting until it is ready, and ends it. */
  readonly signal: AbortSignal
}

/** Resolves when the warden answers. @throws `warden-unavailable` */
export async function startWardenChild(options: WardenChildOptions): Promise<WardenChild> {
  const uid = ownUser(options)
  let closing = false
  let child = await launch(options, uid)
  let restartAfterMs = RESTART_AFTER_MS
  const watch = (): void => {
    child.once('exit', (code, signal) => {
      if (closing) return
      options.onProblem('the warden ended', new Error(`exit code ${code}, signal ${signal}; it is started again`))
      setTimeout(() => void restart(), restartAfterMs).unref()
      restartAfterMs = Math.min(2 * restartAfterMs, RESTART_AFTER_MS_MAX)
    })
  }
  const restart = async (): Promise<void> => {
    if (closing) return
    try {
      child = await launch(options, uid)
      watch()
      if (closing) child.stdin?.end()
    } catch (error) {
      options.onProblem('the warden could not be started again', error)
      setTimeout(() => void restart(), restartAfterMs).unref()
    }
  }
  watch()
  return {
    get pid() {
      return child.pid
    },
    uid,
    async close() {
      closing = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.stdin?.end()
      const late = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS)
      await ended
      clearTimeout(late)
    },
  }
}

async function launch(
  { dir, publishDir, onProblem, signal }: WardenChildOptions,
  uid: number | null,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, '--dir', dir, '--publish', publishDir, '--child'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: ENVIRONMENT,
    ...(uid === null ? {} : { uid, gid: uid }),
  })
  const giveUp = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', giveUp, { once: true })
  child.stdin?.on('error', () => {}) // it has gone, which `exit` tells
  const first = Promise.withResolvers<Readonly<Record<string, unknown>>>()
  const timer = setTimeout(() => {
    child.kill('SIGKILL')
    first.reject(problem('warden-unavailable', `the warden was not ready within ${READY_WITHIN_MS} ms`))
  }, READY_WITHIN_MS)
  child.once('error', (cause) =>
    first.reject(problem('warden-unavailable', 'the warden could not be started', {}, cause)),
  )
  child.once('exit', () => first.reject(problem('warden-unavailable', 'the warden ended before it was ready')))
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as Readonly<Record<string, unknown>>
    if (said['kind'] === 'started') first.resolve(said)
    else {
      onProblem(`the warden: ${String(said['what'] ?? said['code'] ?? '')}`, new Error(String(said['detail'] ?? '')))
      first.reject(problem('warden-unavailable', String(said['detail'] ?? line)))
    }
  })
  try {
    await first.promise
    return child
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}

/** Makes a new warden in a process of its own, so that its root key was never in this one. @throws `warden-unavailable` */
export const createInChild: CreateWarden = async ({ dir, publishDir }, first) => {
  const child = spawn(process.execPath, [PROGRAM, '--dir', dir, '--publish', publishDir, '--create'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: ENVIRONMENT,
    timeout: READY_WITHIN_MS,
  })
  child.stdin.on('error', () => {}) // it has gone, which its output tells
  child.stdin.end(JSON.stringify(first))
  const said = (await textOf(child.stdout)).trim()
  const answer = said === '' ? {} : (JSON.parse(said) as Readonly<Record<string, unknown>>)
  if (answer['kind'] !== 'created')
    throw problem(
      'warden-unavailable',
      `the warden could not be made: ${String(answer['detail'] ?? 'it said nothing')}`,
    )
  return answer as unknown as Awaited<ReturnType<CreateWarden>>
}

/** Hands both folders to the warden's user. Null when we may not, or none was asked for. */
function ownUser({ dir, publishDir, user }: WardenChildOptions): number | null {
  if (user === null || process.getuid?.() !== 0) return null
  // Links are handed over themselves, never what they point to: after the first start these folders are the other user's to fill.
  for (const folder of [dir, publishDir]) {
    lchownSync(folder, user, user)
    for (const name of readdirSync(folder)) {
      const found = lstatSync(join(folder, name))
      if (found.isFile() && found.nlink === 1) lchownSync(join(folder, name), user, user)
    }
  }
  return user
}
