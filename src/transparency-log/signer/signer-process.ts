/** The signer as a child: started, started again when it ends, stopped with its parent, however that ends. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Problem, problem, PROBLEMS, type ProblemCode } from '../../model/problems.ts'
import { socketPath } from './socket-path.ts'

export interface SignerProcessOptions {
  readonly dir: string
  readonly origin: string
  readonly key?: string | null
  readonly nextKey?: string | null
  /** Path of a tlog-policy. */
  readonly witnessPolicy?: string | null
  readonly onProblem: (what: string, error: unknown) => void
}
export interface SignerProcess {
  readonly socket: string
  readonly pid: number | undefined
  /** Kills it and starts another: for one that does not answer. */
  restart(): void
  close(): Promise<void>
}

const FIRST_WAIT_MS = 50
const WAIT_MAX_MS = 5_000 // between two starts of a signer that ends at once
const STOP_WITHIN_MS = 5_000

/** Resolves when it answers for the first time. @throws what it says about why it must not start */
export async function startSigner(options: SignerProcessOptions): Promise<SignerProcess> {
  const { dir, origin, onProblem } = options
  const words = ['--child', '--dir', dir, '--origin', origin]
  if (options.key != null) words.push('--key', options.key)
  if (options.nextKey != null) words.push('--next-key', options.nextKey)
  if (options.witnessPolicy != null) words.push('--witness-policy', options.witnessPolicy)
  let closing = false
  let child = await startChild(words)
  const keepRunning = async (): Promise<void> => {
    for (let waitMs = FIRST_WAIT_MS; !closing;) {
      const startedMs = performance.now()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      if (closing) return
      onProblem(
        'the signer of the log',
        problem('signer-unavailable', `it has ended (${child.signalCode ?? child.exitCode}); it is started again`),
      )
      if (performance.now() - startedMs > WAIT_MAX_MS) waitMs = FIRST_WAIT_MS
      for (let started = false; !started && !closing; waitMs = Math.min(2 * waitMs, WAIT_MAX_MS)) {
        await sleep(waitMs)
        try {
          if (!closing) child = await startChild(words)
          started = true
        } catch (error) {
          onProblem('the signer of the log', error)
        }
      }
    }
  }
  const running = keepRunning()
  return {
    socket: socketPath(dir),
    get pid() {
      return child.pid
    },
    restart: () => void child.kill('SIGKILL'),
    async close() {
      closing = true
      await ended(child)
      await running
      await ended(child) // another, that was being started meanwhile
    },
  }
}

/** Asks it to end, which it does when nobody holds its stdin, and sees to it. */
async function ended(child: ChildProcess): Promise<void> {
  child.stdin?.end()
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  clearTimeout(late)
}

async function startChild(words: readonly string[]): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./main.ts', import.meta.url))
  const child = spawn(process.execPath, [program, ...words], { stdio: ['pipe', 'pipe', 'inherit'], env: environment() })
  child.stdin.on('error', () => {}) // it has ended; its exit says so
  const lines = createInterface(child.stdout)
  const line = await new Promise<string | null>((resolve) => {
    lines.once('line', resolve)
    child.once('exit', () => resolve(null)).once('error', () => resolve(null))
  })
  const said = line === null ? null : (JSON.parse(line) as { kind: string; code: string; detail: string })
  if (said?.kind === 'started') return child
  child.kill('SIGKILL')
  if (said !== null && Object.hasOwn(PROBLEMS, said.code)) throw new Problem(said.code as ProblemCode, said.detail)
  throw problem('signer-unavailable', `the signer ended before it answered (${child.signalCode ?? child.exitCode})`)
}

/** None of our secrets reaches it: only where programs, what was compiled of them, temporary folders and the agent that may hold its key are. */
function environment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'SSH_AUTH_SOCK', 'NODE_NO_WARNINGS', 'NODE_COMPILE_CACHE']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}
