/** Starts a system in a process of its own, and weighs its processes. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { COMPILE_CACHE } from '../../bin/compile-cache.mjs'

const PROGRAM = fileURLToPath(new URL('system-process.ts', import.meta.url))

export interface RunningBench {
  readonly url: string
  readonly mcpUrl: string
  readonly agentKey: string
  readonly frontDoorKey: string
  readonly process: ChildProcess
  close(): Promise<void>
}

/** @throws Error with what it said when it did not start */
export async function startSystem(dir: string, application: string, accounts: number): Promise<RunningBench> {
  const child = spawn(process.execPath, [PROGRAM, dir, application, String(accounts)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...(COMPILE_CACHE === null ? {} : { NODE_COMPILE_CACHE: COMPILE_CACHE }) }, // as `bin/plinth.mjs` has it
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
  const closed = once(child, 'close')
  const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (line.done === true) throw new Error(`the system did not start: ${said}`)
  return {
    ...(JSON.parse(line.value) as Pick<RunningBench, 'url' | 'mcpUrl' | 'agentKey' | 'frontDoorKey'>),
    process: child,
    async close() {
      child.stdin.end()
      await closed
    },
  }
}

export interface Weight {
  readonly processes: number
  /** Sum over the processes; pages that they share count in each. */
  readonly residentBytes: number
  /** Sum of proportional shares: shared pages count once in all. Null where the system does not tell. */
  readonly shareBytes: number | null
}

const TICK_US = 10_000 // `/proc` counts processor time in hundredths of a second

export interface ProcessorTime {
  /** The process with doors, engine and committer; in µs since it began. */
  readonly mainUs: number
  /** All that it started: the cells. */
  readonly cellsUs: number
}
/** Processor time of a process and of all that it started. Linux only. */
export function processorTime(root: number): ProcessorTime {
  const [mainUs = 0, ...others] = descendantsOf(root).map(ticksOf)
  return { mainUs, cellsUs: others.reduce((sum, one) => sum + one, 0) }
}

function ticksOf(process: number): number {
  const stat = readFileSync(`/proc/${process}/stat`, 'utf8')
  const members = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before it may hold spaces
  return (Number(members[11]) + Number(members[12])) * TICK_US
}

/** Memory of a process and all that it started. Linux only. */
export function weigh(root: number): Weight {
  const processes = descendantsOf(root)
  let share: number | null = 0
  let resident = 0
  for (const process of processes) {
    resident += kibibytes(`/proc/${process}/status`, 'VmRSS') ?? 0
    const own = kibibytes(`/proc/${process}/smaps_rollup`, 'Pss')
    share = own === null || share === null ? null : share + own
  }
  return {
    processes: processes.length,
    residentBytes: resident * 1024,
    shareBytes: share === null ? null : share * 1024,
  }
}

function descendantsOf(root: number): readonly number[] {
  const children = readFileSync(`/proc/${root}/task/${root}/children`, 'utf8').trim()
  return [root, ...(children === '' ? [] : children.split(' ').flatMap((child) => descendantsOf(Number(child))))]
}

function kibibytes(path: string, member: string): number | null {
  try {
    const found = new RegExp(`^${member}:\\s+(\\d+) kB`, 'm').exec(readFileSync(path, 'utf8'))
    return found === null ? null : Number(found[1])
  } catch {
    return null
  }
}
