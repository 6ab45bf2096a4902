/**
 * The second-best jail, on Linux without bubblewrap: namespaces made with `unshare`, a file system put together by a short script, and
 * resource limits. There is no filter of system calls, so code that has broken the isolate meets the whole kernel.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CELL_ENVIRONMENT, diesWithEngine, limitArguments } from './jail.ts'
import type { Jail } from './jail.ts'
import { libraries, programPath } from './programs.ts'

/**
 * Arguments: an empty directory, then pairs of a file and the name it gets inside, then `--` and Node's own arguments.
 * All mounts are private to the process and vanish with it.
 */
const SCRIPT = `set -e
root=$1; shift
mount -t tmpfs -o size=64k,mode=755 none "$root"
while [ "$1" != -- ]; do
  mkdir -p "$root$(dirname "$2")"
  : > "$root$2"
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro,nosuid,nodev "$root$2"
  shift 2
done
shift
mount -o remount,bind,ro,nosuid,nodev "$root"
cd "$root"
exec chroot "$root" /node "$@"
`

export function namespacesJail(engine: string): Jail | null {
  const unshare = programPath('unshare')
  const prlimit = programPath('prlimit')
  const shell = programPath('sh')
  if (unshare === null || prlimit === null || shell === null) return null
  const inside = '/engine.node'
  const root = mkdtempSync(join(tmpdir(), 'plinth-cell-'))
  const files = [
    [realpathSync(process.execPath), '/node'],
    [engine, inside],
    ...libraries().map(({ name, file }) => [file, name]),
  ].flat() as string[]
  const namespaces = ['--user', '--map-root-user', '--mount', '--net', '--pid', '--ipc', '--uts', '--fork']
  return {
    kind: 'namespaces',
    name: 'unshare: namespaces and an empty file system, no filter of system calls',
    engine: inside,
    start(nodeArguments, limits) {
      const script = [shell, '-c', SCRIPT, 'sh', root, ...files, '--', ...nodeArguments]
      // The script needs to write nothing: the bound on file size holds for it as well.
      const jailed = [
        ...limitArguments(limits),
        ...diesWithEngine(),
        unshare,
        ...namespaces,
        '--kill-child=SIGKILL',
        ...script,
      ]
      return spawn(prlimit, jailed, {
        env: { ...CELL_ENVIRONMENT, PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
        cwd: '/',
        stdio: ['pipe', 'pipe', 'pipe'],
      })
    },
    pidOf: childOf,
    close() {
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** The process that `unshare` forked, where the kernel lists children. */
function childOf(child: ChildProcess): number | undefined {
  if (child.pid === undefined) return undefined
  try {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
    const pid = Number(children[0])
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
