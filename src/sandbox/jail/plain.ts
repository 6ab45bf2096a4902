/** No jail: a process of its own without environment, with limits where `prlimit` exists. What is left is the isolate and the kill. */
import { spawn } from 'node:child_process'
import { CELL_ENVIRONMENT, diesWithEngine, limitArguments } from './jail.ts'
import type { Jail } from './jail.ts'
import { programPath } from './programs.ts'

export function plainJail(engine: string): Jail {
  const prlimit = programPath('prlimit')
  return {
    kind: 'plain',
    name: prlimit === null ? 'none: a plain process' : 'none: a plain process with resource limits',
    engine,
    start(nodeArguments, limits) {
      const [command, ...rest] = [
        ...(prlimit === null ? [] : [prlimit, ...limitArguments(limits)]),
        ...diesWithEngine(),
        process.execPath,
        ...nodeArguments,
      ]
      return spawn(command as string, rest, {
        env: { ...CELL_ENVIRONMENT },
        cwd: '/',
        stdio: ['pipe', 'pipe', 'pipe'],
      })
    },
    pidOf: (child) => child.pid,
    close() {},
  }
}
