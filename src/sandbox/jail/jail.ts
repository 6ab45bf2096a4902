/** A jail starts a cell's process with as little as the system allows. What it keeps out is probed, not assumed: `probe.ts`. */
import type { ChildProcess } from 'node:child_process'
import type { SandboxStatus } from '../sandbox.ts'
import { programPath } from './programs.ts'

export type JailKind = 'bubblewrap' | 'namespaces' | 'plain'
export type Level = SandboxStatus['level']

export interface Jail {
  readonly kind: JailKind
  readonly name: string
  /** Path of the isolate engine as the process inside sees it. */
  readonly engine: string
  /** Starts the engine's own Node binary: pipes for input, output and errors, and nothing else. */
  start(nodeArguments: readonly string[], limits: ProcessLimits): ChildProcess
  /** Host pid of the cell itself, once started: the process that is limited, watched and killed. */
  pidOf(child: ChildProcess): number | undefined
  close(): void
}

export interface ProcessLimits {
  /** Data segment; null when code is compiled: V8 then reserves far more address space than it uses. */
  readonly dataMb: number | null
}

/** No variable of the engine reaches a cell. The time zone is fixed, so that local dates are the same everywhere. */
export const CELL_ENVIRONMENT: Readonly<Record<string, string>> = { TZ: 'UTC', LANG: 'C' }

/** Descriptors: three pipes, the engine's library, what Node opens for itself. */
const OPEN_FILES_MAX = 64

/** Arguments of `prlimit` for a cell: no core files, no bytes into files, a bound on memory. */
export const limitArguments = ({ dataMb }: ProcessLimits): readonly string[] => [
  '--core=0',
  `--nofile=${OPEN_FILES_MAX}`,
  '--fsize=0',
  ...(dataMb === null ? [] : [`--data=${dataMb * 2 ** 20}`]),
]

/** Start of a command line: the kernel kills the process when the engine is gone, even one that never reads its closed pipe again. */
export function diesWithEngine(): readonly string[] {
  const setpriv = programPath('setpriv')
  return setpriv === null ? [] : [setpriv, '--no-new-privs', '--pdeathsig', 'KILL']
}
