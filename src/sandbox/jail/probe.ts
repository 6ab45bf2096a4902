/** Runs the probe program in a jail and reports what it could do there. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import type { SandboxStatus } from '../sandbox.ts'
import type { Jail, Level } from './jail.ts'

export type Probes = SandboxStatus['probes']

/** Start of a process on a busy machine, and a second for what it tries. */
const PROBE_MS = 15_000

/** What a cell in this jail could reach. Null when no process can be started in it. */
export async function probeJail(jail: Jail, program: string): Promise<Probes | null> {
  let datagrams = 0
  const tcp = createServer((socket) => socket.destroy())
  const unix = createServer((socket) => socket.destroy())
  const udp = createSocket('udp4').on('message', () => (datagrams += 1))
  const unixPath = process.platform === 'linux' ? `\0plinth-probe-${process.pid}-${Math.random()}` : ''
  try {
    await Promise.all([
      new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve)),
      new Promise<void>((resolve) => (unixPath === '' ? resolve() : unix.listen(unixPath, resolve))),
      new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve)),
    ])
    const given = {
      pid: process.pid,
      home: homedir(),
      scratch: tmpdir(),
      node: process.execPath,
      tcpPort: (tcp.address() as AddressInfo).port,
      udpPort: udp.address().port,
      unixPath,
    }
    const found = await run(jail, program, JSON.stringify(given))
    if (found === null) return null
    await new Promise((resolve) => setImmediate(resolve)) // a datagram that was sent has arrived by now
    return asProbes({ ...found, udp: datagrams > 0 })
  } finally {
    for (const server of [tcp, unix, udp]) server.close()
  }
}

function asProbes(found: Readonly<Record<string, boolean>>): Probes {
  return Object.fromEntries(Object.entries(found).map(([name, worked]) => [name, worked ? 'allowed' : 'denied']))
}

function run(jail: Jail, program: string, given: string): Promise<Record<string, boolean> | null> {
  return new Promise((resolve) => {
    const child = jail.start(['--no-warnings', '--input-type=module', '--eval', program, given], { dataMb: null })
    let output = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_MS)
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
    child.on('error', () => resolve(null))
    child.on('close', () => {
      clearTimeout(timer)
      try {
        resolve(JSON.parse(output) as Record<string, boolean>)
      } catch {
        resolve(null)
      }
    })
  })
}

/** L3: everything probed is denied, under namespaces and a filter. L2: the engine and the network are out of reach. L1: the rest. */
export function levelOf(jail: Jail, probes: Probes): Level {
  const allowed = Object.keys(probes).filter((name) => probes[name] !== 'denied')
  if (jail.kind === 'bubblewrap' && allowed.length === 0) return 'L3'
  const reachable = ['signal-engine', 'read-environment-of-engine', 'tcp', 'udp', 'unix-socket']
  return jail.kind !== 'plain' && !allowed.some((name) => reachable.includes(name)) ? 'L2' : 'L1'
}
