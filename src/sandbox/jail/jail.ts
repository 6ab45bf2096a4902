/** A jail starts a cell's process with as little as the system allows, and says how little that is. */
import type { ChildProcess } from 'node:child_process'
import type { SandboxStatus } from '../sandbox.ts'

export interface Jail {
  readonly name: string
  /** Starts the engine's own Node binary with these arguments: pipes for input, output and errors, and nothing else. */
  start(nodeArguments: readonly string[]): ChildProcess
  /** Host pid of the cell itself, once started: the process that is limited, watched and killed. */
  pidOf(child: ChildProcess): number | undefined
}

export type Level = SandboxStatus['level']
/** No variable of the engine reaches a cell. The time zone is fixed, so that local dates are the same everywhere. */
export const CELL_ENVIRONMENT: Readonly<Record<string, string>> = { TZ: 'UTC', LANG: 'C' }
