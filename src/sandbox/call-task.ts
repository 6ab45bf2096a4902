/** A decide or read as a task: composes its first frame, serves its reads, and reads its answer. */
import type { FindQuery, Row } from '../model/decision.ts'
import type { Json } from '../model/json.ts'
import { asWanted, readAnswer } from './decode.ts'
import type { Wanted } from './decode.ts'
import type { SandboxLimits } from './limits.ts'
import type { Call, CellAnswer, CellFailure, ReadPort } from './sandbox.ts'
import { CellLied, failedBecause, usageOf } from './task.ts'
import type { Task } from './task.ts'

export class CallTask<Answer> implements Task {
  readonly id: number
  readonly op = 'start'
  readonly release: number
  readonly limitMs: number
  tries = 0
  cpuUs = 0
  settled = false
  readonly answer: Promise<CellAnswer<Answer>>
  readonly #kind: 'command' | 'query'
  readonly #call: Call
  readonly #reads: ReadPort
  readonly #limits: SandboxLimits
  readonly #check: (value: Json) => Answer
  readonly #startedAtMs = performance.now()
  /** What the code has been given so far: sent along when it is started again, so that it sees the same. */
  readonly #states: (readonly [entity: string, id: string, state: string | null])[]
  readonly #finds = new Map<string, string>()
  #readCount: number
  #resolve!: (answer: CellAnswer<Answer>) => void
  #reject!: (error: unknown) => void

  constructor(
    id: number,
    release: number,
    kind: 'command' | 'query',
    call: Call,
    reads: ReadPort,
    limits: SandboxLimits,
    check: (value: Json) => Answer,
  ) {
    this.id = id
    this.release = release
    this.limitMs = limits.entryMs
    this.#kind = kind
    this.#call = call
    this.#reads = reads
    this.#limits = limits
    this.#check = check
    this.#states = call.prefetched.map(({ entity, id: entityId, state }) => [entity, entityId, state])
    this.#readCount = call.prefetched.length
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  text(): string {
    const { name, nowMs, seed, principal, attested, input } = this.#call
    const states = this.#states.map(([entity, id, state]) => [entity, id, state === null ? -1 : state.length])
    const kind = this.#kind
    const head = { kind, name, nowMs, seed, principal, attested, input: input.length, states }
    let text = `${JSON.stringify(head)}\n${input}`
    for (const [, , state] of this.#states) if (state !== null) text += state
    return text
  }

  async serve(text: string): Promise<string> {
    const wanted = asWanted(text, this.#limits.depth)
    this.#readCount += wanted.length
    if (this.#readCount > this.#limits.reads + this.#call.prefetched.length)
      throw new CellLied(`asks for more than ${this.#limits.reads} reads`)
    const answers = await Promise.all(wanted.map((read) => this.#read(read)))
    const lengths = wanted.map(({ ticket }, index) => [ticket, answers[index]?.length ?? -1])
    return `${JSON.stringify(lengths)}\n${answers.join('')}`
  }

  async #read(read: Wanted): Promise<string | null> {
    if ('find' in read) return this.#find(read.find)
    const { state } = await this.#reads.get(read.entity, read.id)
    this.#states.push([read.entity, read.id, state])
    return state
  }

  async #find(query: FindQuery): Promise<string> {
    const key = JSON.stringify(query)
    const served = this.#finds.get(key)
    if (served !== undefined) return served
    const rows = JSON.stringify((await this.#reads.find(query)) satisfies readonly Row[])
    this.#finds.set(key, rows)
    return rows
  }

  done(text: string): void {
    const answer = readAnswer(text, this.#limits.outputBytes, this.#limits.depth)
    if ('kind' in answer) return this.failed(answer)
    const checked = this.#check(answer.value)
    this.settled = true
    this.#resolve({ ...checked, usage: usageOf(this, this.#startedAtMs, this.#readCount, Buffer.byteLength(text)) })
  }

  failed(failure: CellFailure): void {
    this.settled = true
    this.#resolve({ ...failure, usage: usageOf(this, this.#startedAtMs, this.#readCount, 0) })
  }

  broken(error: unknown): void {
    this.settled = true
    this.#reject(error)
  }

  cancel(): void {
    if (!this.settled) this.failed(failedBecause('cancelled', 'the caller stopped waiting'))
  }
}
