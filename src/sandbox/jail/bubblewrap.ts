/**
 * The full jail, on Linux with bubblewrap: own namespaces of every kind, a file system that holds the Node binary, its libraries and the
 * isolate engine and nothing else, no capabilities, a seccomp filter, and resource limits.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { realpathSync } from 'node:fs'
import { CELL_ENVIRONMENT, limitArguments } from './jail.ts'
import type { Jail } from './jail.ts'
import { libraries, programPath } from './programs.ts'
import { seccompFilter } from './seccomp.ts'

/** `nobody`: no file of anybody is its own. */
const NOBODY = '65534'
const FILTER_DESCRIPTOR = 3
const REPORT_DESCRIPTOR = 4

/** Null where bubblewrap or `prlimit` is missing, or no filter is written for this machine. */
export function bubblewrapJail(engine: string): Jail | null {
  const bubblewrap = programPath('bwrap')
  const prlimit = programPath('prlimit')
  const filter = seccompFilter()
  if (bubblewrap === null || prlimit === null || filter === null) return null
  const inside = '/engine.node'
  const files = [
    ['--ro-bind', realpathSync(process.execPath), '/node'],
    ['--ro-bind', engine, inside],
    ...libraries().map(({ name, file }) => ['--ro-bind', file, name]),
  ].flat()
  const jailed = [
    ...['--unshare-all', '--die-with-parent', '--new-session', '--as-pid-1', '--cap-drop', 'ALL'],
    ...['--uid', NOBODY, '--gid', NOBODY, '--hostname', 'cell', '--clearenv'],
    ...Object.entries(CELL_ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
    ...files,
    ...['--remount-ro', '/', '--chdir', '/'],
    ...['--seccomp', String(FILTER_DESCRIPTOR), '--info-fd', String(REPORT_DESCRIPTOR)],
    '/node',
  ]
  const pids = new WeakMap<ChildProcess, number>()
  return {
    kind: 'bubblewrap',
    name: 'bubblewrap: namespaces, an empty file system, seccomp',
    engine: inside,
    start(nodeArguments, limits) {
      const child = spawn(prlimit, [...limitArguments(limits), bubblewrap, ...jailed, ...nodeArguments], {
        env: {},
        cwd: '/',
        stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      })
      const filterPipe = child.stdio[FILTER_DESCRIPTOR] as Writable
      filterPipe.on('error', () => {}) // it ended before it read: its exit says why
      filterPipe.end(filter)
      readPid(child.stdio[REPORT_DESCRIPTOR] as Readable, (pid) => pids.set(child, pid))
      return child
    },
    pidOf: (child) => pids.get(child),
    close() {},
  }
}

/** Bubblewrap tells, as JSON, which process it started: as the host counts them. */
function readPid(report: Readable, found: (pid: number) => void): void {
  let text = ''
  report.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
    const pid = /"child-pid"\s*:\s*(\d+)/.exec(text)?.[1]
    if (pid !== undefined) found(Number(pid))
  })
  report.on('error', () => {})
}
