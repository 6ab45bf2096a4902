/**
 * Calls an HTTP door over kept connections, in a process of its own: plain sockets and one string a request, so that the client costs little.
 * Takes a `Load` as its argument and prints a `LoadResult`, both as JSON.
 */
import { connect, type Socket } from 'node:net'
import { quantile } from '../measure/statistics.ts'

export interface Load {
  readonly host: string
  readonly port: number
  readonly clients: number
  readonly warmupMs: number
  readonly measureMs: number
  /** Calls in all, warm-up included; 0 for as many as the time allows. */
  readonly callsMax: number
  /** First lines and headers, without `Content-Length` and without the empty line. */
  readonly head: string
  /** In it and in the head `%N%` becomes the number of the call, `%T%` a target and `%R%` its run, in turn. */
  readonly body: string
  readonly targets: readonly { readonly target: string; readonly run: string }[]
}
export interface LoadResult {
  /** Measured; `callsInAll` counts those of the warm-up as well. */
  readonly calls: number
  readonly callsInAll: number
  readonly callsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** Answers that were not what success looks like, by status and beginning; empty when all is well. */
  readonly failures: Readonly<Record<string, number>>
  /** Medians of the phases in header `Plinth-Timing`, in µs. */
  readonly phases: Readonly<Record<string, number>>
  /** Processor time of this client for one call, in µs. */
  readonly clientCpuUs: number
}

const load = JSON.parse(process.argv[2] ?? '{}') as Load
const CUT = '\r\n\r\n'
const samples: number[] = []
const phases = new Map<string, number[]>()
const failures: Record<string, number> = {}
let called = 0
const beginMs = performance.now() + load.warmupMs
const endMs = beginMs + load.measureMs
let cpuAtBegin: NodeJS.CpuUsage | undefined

await Promise.all(Array.from({ length: load.clients }, client))
const elapsedMs = performance.now() - beginMs
const { user, system } = process.cpuUsage(cpuAtBegin)
const result: LoadResult = {
  calls: samples.length,
  callsInAll: called,
  callsPerSecond: (samples.length * 1000) / elapsedMs,
  p50Us: quantile(samples, 0.5),
  p99Us: quantile(samples, 0.99),
  failures,
  phases: Object.fromEntries([...phases].map(([name, values]) => [name, quantile(values, 0.5)])),
  clientCpuUs: (user + system) / Math.max(1, samples.length),
}
console.log(JSON.stringify(result))

/** One connection: the next request when the last answer is complete. */
function client(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: load.host, port: load.port, noDelay: true })
    let startedMs = 0
    let received = ''
    socket.setEncoding('latin1')
    socket.once('connect', () => next())
    socket.once('error', reject)
    socket.once('close', () => resolve())
    socket.on('data', (text: string) => {
      received += text
      const headEnd = received.indexOf(CUT)
      if (headEnd < 0) return
      const head = received.slice(0, headEnd)
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 'NaN')
      if (Number.isNaN(length)) return void socket.destroy(new Error(`an answer without length: ${head}`))
      if (received.length < headEnd + CUT.length + length) return
      note(head, received.slice(headEnd + CUT.length), startedMs)
      received = ''
      next()
    })
    function next(): void {
      startedMs = performance.now()
      const timeIsOver = startedMs >= endMs && samples.length > 0 // one call at least, however slow the machine
      if (timeIsOver || (load.callsMax > 0 && called >= load.callsMax)) return void socket.end()
      send(socket, called++)
    }
  })
}

function send(socket: Socket, number: number): void {
  const { target, run } = load.targets[number % load.targets.length] ?? { target: '', run: '' }
  const fill = (text: string): string => text.replace('%N%', String(number)).replace('%T%', target).replace('%R%', run)
  const body = fill(load.body)
  const head = fill(load.head)
  socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}${CUT}${body}`)
}

function note(head: string, body: string, startedMs: number): void {
  const good = head.startsWith('HTTP/1.1 200') && !body.includes('"isError":true')
  if (!good) {
    const what = `${head.slice(9, 12)} ${body.slice(0, 300)}`
    failures[what] = (failures[what] ?? 0) + 1
  }
  if (startedMs < beginMs) return
  cpuAtBegin ??= process.cpuUsage()
  samples.push((performance.now() - startedMs) * 1000)
  const timing = /^plinth-timing: *(.+)$/im.exec(head)?.[1] ?? ''
  for (const [, name = '', value = ''] of timing.matchAll(/(\w+);us=(\d+)/g)) {
    const values = phases.get(name)
    if (values === undefined) phases.set(name, [Number(value)])
    else values.push(Number(value))
  }
}
