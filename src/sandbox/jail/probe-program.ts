/**
 * Runs inside a jail as if the isolate had been broken: the whole of Node's API, trying what a cell must not be able to do.
 * Prints one JSON object: what was tried → whether it worked. Given as text to a process of its own, like the cell.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import inspector from 'node:inspector'
import { connect } from 'node:net'

interface Given {
  readonly pid: number
  readonly home: string
  readonly scratch: string
  readonly node: string
  readonly tcpPort: number
  readonly udpPort: number
  readonly unixPath: string
}

const given = JSON.parse(process.argv[1] as string) as Given
const found: Record<string, boolean> = {}

const attempt = (name: string, run: () => unknown): void => {
  try {
    run()
    found[name] = true
  } catch {
    found[name] ??= false
  }
}
const reach = (name: string, path: { port: number; host: string } | { path: string }): Promise<void> =>
  new Promise((resolve) => {
    const end = (reached: boolean): void => {
      found[name] = reached
      resolve()
    }
    try {
      const socket = connect(path, () => {
        socket.destroy()
        end(true)
      })
      socket.on('error', () => end(false))
    } catch {
      end(false)
    }
  })

attempt('read-files', () => readFileSync('/etc/passwd'))
attempt('read-home', () => readdirSync(given.home))
attempt('read-environment-of-engine', () => readFileSync(`/proc/${given.pid}/environ`))
attempt('write-files', () => {
  const path = `${given.scratch}/probe-${process.pid}`
  writeFileSync(path, 'x')
  unlinkSync(path)
})
attempt('fill-shared-memory', () => {
  const path = `/dev/shm/plinth-probe-${process.pid}`
  writeFileSync(path, 'x')
  unlinkSync(path)
})
attempt('start-programs', () => execFileSync('/bin/sh', ['-c', 'exit 0'], { stdio: 'ignore' }))
for (const node of [given.node, '/node'])
  attempt('start-programs', () => execFileSync(node, ['--eval', '0'], { stdio: 'ignore' }))
attempt('open-debugger', () => {
  inspector.open(0)
  if (inspector.url() === undefined) throw new Error('it did not open')
  inspector.close()
})
attempt('signal-engine', () => process.kill(given.pid, 0))

/** Whether it arrived is for the engine to see; here it counts as tried. */
const sendDatagram = (): Promise<void> =>
  new Promise((resolve) => {
    try {
      const socket = createSocket('udp4')
      socket.on('error', () => resolve())
      socket.send('probe', given.udpPort, '127.0.0.1', () => {
        socket.close()
        resolve()
      })
    } catch {
      resolve()
    }
  })

await Promise.all([
  reach('tcp', { port: given.tcpPort, host: '127.0.0.1' }),
  reach('unix-socket', { path: given.unixPath }),
  sendDatagram(),
])
process.stdout.write(JSON.stringify(found), () => process.exit(0))
