/** No jail: a process of its own without environment. What is left to contain the code is the isolate and the kill. */
import { spawn } from 'node:child_process'
import type { Jail } from './jail.ts'
import { CELL_ENVIRONMENT } from './jail.ts'

export const plainJail = (): Jail => ({
  name: 'plain process',
  start: (nodeArguments) =>
    spawn(process.execPath, [...nodeArguments], {
      env: { ...CELL_ENVIRONMENT },
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  pidOf: (child) => child.pid,
})
