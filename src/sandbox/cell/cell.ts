/**
 * One cell as the engine holds it: the process, its pipes, and the frames it owes answers to.
 *
 * C1 frames are answered in the order they were sent; an answer that is not the oldest one owed, or not a frame at all, is a lie, and
 *    ends the cell.
 * C2 the oldest unanswered frame is the one being worked on: its age decides when the process is killed.
 * C3 `onEnd` is called once, after which nothing is sent and no answer is taken.
 */
import type { ChildProcess } from 'node:child_process'
import type { CellProgram } from '../assemble.ts'
import type { Jail } from '../jail/jail.ts'
import type { SandboxLimits } from '../limits.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import type { Op, ReplyFrame } from './frames.ts'
import { cpuMsOf, rssBytesOf } from './process-usage.ts'

export type CellEnd = {
  /**
   * `overdue` and `memory`: killed for a limit; `stalled`: killed because it did not get on, without using its time; `lied`: broke the
   * protocol; `exited`: ended by itself; `closed`: by us.
   */
  readonly cause: 'overdue' | 'stalled' | 'memory' | 'lied' | 'exited' | 'closed'
  readonly detail: string
  /** Frames without an answer, oldest first. */
  readonly unanswered: readonly number[]
}
interface Owed {
  readonly limitMs: number
  readonly answer: (frame: ReplyFrame) => void
}

/** Start-up of a process on a busy machine; after that it counts as unable to start. */
const START_MS = 20_000
/** From the end of its answers to its exit. */
const LAST_WORDS_MS = 100
/** From its exit until its pipes are closed on this side, if they are still open then. */
const PIPES_OPEN_MS = 1_000

/** Share of the time that counts as used where the system does not tell. */
const UNKNOWN_SHARE = 0.25
/** What a dying process may say about why. */
const ERROR_BYTES_MAX = 8_192
const NODE_ARGUMENTS = ['--no-node-snapshot', '--disable-proto=delete', '--v8-pool-size=1', '--no-warnings']

export class Cell {
  readonly #child: ChildProcess
  readonly #jail: Jail
  readonly #limits: SandboxLimits
  readonly #onEnd: (end: CellEnd) => void
  readonly #owed = new Map<number, Owed>()
  #headSince = 0
  /** CPU time of the process when the oldest frame was first seen to be the oldest. */
  #headCpu: { readonly id: number; readonly cpuMs: number | null } | undefined
  #queue: Buffer[] = []
  #ended = false
  #errors = ''
  ready = false

  constructor(jail: Jail, program: CellProgram, limits: SandboxLimits, jit: boolean, onEnd: (end: CellEnd) => void) {
    this.#jail = jail
    this.#limits = limits
    this.#onEnd = onEnd
    const profile = [`--max-old-space-size=96`, ...(jit ? [] : ['--jitless'])]
    const nodeArguments = [...NODE_ARGUMENTS, ...profile, '--input-type=module', '--eval', program.source]
    this.#child = jail.start(nodeArguments, { dataMb: jit ? null : limits.cellDataMb })
    const reader = new FrameReader(
      Math.max(limits.outputBytes, limits.bulkOutputBytes) + 1_024,
      (frame) => this.#accept(frame),
      (why) => this.end('lied', why),
    )
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      if (!this.#ended) reader.push(chunk)
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      if (this.#errors.length < ERROR_BYTES_MAX) this.#errors += chunk.toString('utf8').slice(0, ERROR_BYTES_MAX)
    })
    this.#child.stdin?.on('error', () => {}) // the exit that causes it is what counts
    this.#child.on('error', (error) => this.end('exited', error.message))
    this.#child.once('exit', () => setTimeout(() => this.#closePipes(), PIPES_OPEN_MS).unref())
    this.#child.on('close', (code, signal) => this.end('exited', `${signal ?? `exit ${code}`} ${this.#errors}`.trim()))
    // Its exit, and what it said about it, usually follow at once; a process that goes on without a pipe is of no use.
    this.#child.stdout?.on('end', () => setTimeout(() => this.end('exited', 'its pipe closed'), LAST_WORDS_MS).unref())
  }

  /** Loads the envelope's settings. Rejects when the process cannot be started. */
  setUp(program: CellProgram): Promise<void> {
    const text = JSON.stringify({ ...this.#limits, engine: this.#jail.engine, envelope: program.envelope })
    return new Promise((resolve, reject) => {
      this.send('setup', 0, 0, text, START_MS, ({ status, text: answer }) => {
        if (status !== 'done') reject(new Error(answer))
        else {
          this.ready = true
          resolve()
        }
      })
    })
  }

  get pid(): number {
    return this.#jail.pidOf(this.#child) ?? this.#child.pid ?? -1
  }
  get ended(): boolean {
    return this.#ended
  }
  get owed(): number {
    return this.#owed.size
  }
  owes(id: number): boolean {
    return this.#owed.has(id)
  }

  /** Sends a frame that will be answered, together with what else is sent in this turn. */
  send(op: Op, id: number, release: number, text: string, limitMs: number, answer: (frame: ReplyFrame) => void): void {
    if (this.#owed.size === 0) this.#headSince = performance.now()
    const idle = this.#owed.size === 0 && this.#queue.length === 0
    this.#owed.set(id, { limitMs, answer })
    this.#write(encodeFrame(op, id, release, text), idle)
  }

  /** Tells the cell that nobody waits for an execution any more. */
  drop(id: number, release: number): void {
    this.#write(encodeFrame('drop', id, release, ''), false)
  }

  /** An idle cell gets what this turn of the loop asks of it as soon as the turn's promises have run; a busy one with the next turn's. */
  #write(frame: Buffer, idle: boolean): void {
    if (this.#ended) return
    this.#queue.push(frame)
    if (this.#queue.length > 1) return
    if (idle) process.nextTick(() => this.#flush())
    else setImmediate(() => this.#flush())
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    if (!this.#ended) this.#child.stdin?.write(queue.length === 1 ? (queue[0] as Buffer) : Buffer.concat(queue))
  }

  #accept(frame: ReplyFrame): void {
    if (this.#ended) return
    const [oldest] = this.#owed.keys()
    const owed = this.#owed.get(frame.id)
    if (owed === undefined || oldest !== frame.id) {
      this.end('lied', `an answer that was not asked for, or asked for later: ${frame.id}`)
      return
    }
    this.#owed.delete(frame.id)
    this.#headSince = performance.now()
    owed.answer(frame)
  }

  /** Kills a process that works on one frame for too long, or grows too large. */
  watch(nowMs: number): void {
    const [oldest] = this.#owed
    if (this.#ended || oldest === undefined) return
    const [id, { limitMs }] = oldest
    const ageMs = nowMs - this.#headSince
    if (this.#headCpu?.id !== id) this.#headCpu = { id, cpuMs: cpuMsOf(this.pid) }
    const rssBytes = rssBytesOf(this.pid)
    if (rssBytes > this.#limits.cellRssMb * 2 ** 20) {
      this.end('memory', `${Math.round(rssBytes / 2 ** 20)} MB resident`)
      return
    }
    if (ageMs < limitMs + this.#limits.killGraceMs) return
    const cpuMs = cpuMsOf(this.pid)
    const started = this.#headCpu.cpuMs
    // A machine that is busy elsewhere lets little of the cell run: it is not the code's fault, so only its own time counts.
    const usedMs = cpuMs === null || started === null ? ageMs * UNKNOWN_SHARE : cpuMs - started
    const observed = `${Math.round(usedMs)} ms of CPU, ${Math.round(ageMs)} ms in all`
    if (usedMs >= limitMs) this.end('overdue', observed)
    else if (ageMs >= limitMs * this.#limits.wallFactor) this.end('stalled', observed)
  }

  get rssBytes(): number {
    return this.#ended ? 0 : rssBytesOf(this.pid)
  }

  end(cause: CellEnd['cause'], detail: string): void {
    if (this.#ended) return
    this.#ended = true
    this.ready = false
    this.#kill()
    const unanswered = [...this.#owed.keys()]
    this.#owed.clear()
    this.#onEnd({ cause, detail, unanswered })
  }

  #kill(): void {
    const inner = this.#jail.pidOf(this.#child)
    // The cell first: its jail ends when it does, and must not outlive it either.
    if (inner !== undefined && inner !== this.#child.pid) killQuietly(inner)
    this.#child.kill('SIGKILL')
    // A process that its jail had only just started, and that nobody knew yet, ends when there is nothing to read any more.
    this.#child.stdin?.destroy()
  }

  /** A pipe that is still open would keep this process from ending. */
  #closePipes(): void {
    for (const pipe of this.#child.stdio) pipe?.destroy()
  }

  /** Resolves when the process is gone, and its pipes with it. */
  async gone(): Promise<void> {
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      await new Promise<void>((resolve) => child.once('exit', () => resolve()))
    this.#closePipes()
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // gone already
  }
}
