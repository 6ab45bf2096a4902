/** A fold or mapRecords as a task: one frame out, one answer back, no reads. */
import type { Json } from '../model/json.ts'
import { readAnswer } from './decode.ts'
import type { SandboxLimits } from './limits.ts'
import type { CellAnswer, CellFailure } from './sandbox.ts'
import { CellLied, failedBecause, usageOf } from './task.ts'
import type { Task } from './task.ts'

/** What the answer itself nests around the application's values. */
const ENVELOPE_DEPTH = 8

export class BulkTask<Answer> implements Task {
  readonly id: number
  readonly op: 'fold' | 'map'
  readonly release: number
  readonly limitMs: number
  tries = 0
  cpuUs = 0
  settled = false
  readonly answer: Promise<CellAnswer<Answer>>
  readonly #text: string
  readonly #limits: SandboxLimits
  readonly #check: (value: Json, body: string) => Answer | CellFailure
  readonly #startedAtMs = performance.now()
  #resolve!: (answer: CellAnswer<Answer>) => void

  constructor(
    id: number,
    op: 'fold' | 'map',
    release: number,
    text: string,
    limits: SandboxLimits,
    check: (value: Json, body: string) => Answer | CellFailure,
  ) {
    this.id = id
    this.op = op
    this.release = release
    this.limitMs = limits.bulkMs
    this.#text = text
    this.#limits = limits
    this.#check = check
    this.answer = new Promise((resolve) => (this.#resolve = resolve))
  }

  text(): string {
    return this.#text
  }

  serve(): Promise<string> {
    return Promise.reject(new CellLied('asks for reads where there are none'))
  }

  done(text: string): void {
    // JSON holds no line end of its own, so the first one ends it; what follows are texts that it speaks of.
    const end = text.indexOf('\n')
    const { bulkOutputBytes, depth } = this.#limits
    const answer = readAnswer(end < 0 ? text : text.slice(0, end), bulkOutputBytes, depth + ENVELOPE_DEPTH)
    if ('kind' in answer) return this.failed(answer)
    const checked = this.#check(answer.value, end < 0 ? '' : text.slice(end + 1))
    this.settled = true
    const outputBytes = Buffer.byteLength(text)
    this.#resolve({ ...checked, usage: usageOf(this, this.#startedAtMs, 0, outputBytes) } as CellAnswer<Answer>)
  }

  failed(failure: CellFailure): void {
    this.settled = true
    this.#resolve({ ...failure, usage: usageOf(this, this.#startedAtMs, 0, 0) })
  }

  /** Never: it reads nothing. */
  broken(error: unknown): void {
    this.failed(failedBecause('application-failed', String(error)))
  }

  cancel(): void {
    if (!this.settled) this.failed(failedBecause('cancelled', 'the caller stopped waiting'))
  }
}
