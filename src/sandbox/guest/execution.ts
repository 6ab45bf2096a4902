/**
 * One execution of a command or query inside the cell: what it has read, what it has appended, what it still waits for, and how it ended.
 *
 * G3 a state is kept as text; whoever needs it parses it afresh. Code that changes what it was handed changes nothing but its own copy,
 *    and a state folded live is the same bytes as one folded from the log.
 * G4 once `outcome` is set it stands, whatever the code does afterwards.
 */
import type { GuestApplication, GuestEntity } from '../../application/guest.ts'
import type { Ambient } from './harden.ts'

export interface Stream {
  readonly entity: GuestEntity
  readonly id: string
  /** Before its first read settles, `base` means nothing. */
  known: boolean
  /** State as read: null when the stream is not there. */
  base: string | null
  /** State after the first `applied` of `events`. */
  text: string | null
  applied: number
  readonly events: { readonly type: string; readonly data: string }[]
  asked: boolean
  readonly waiting: (() => void)[]
}

/** What the code returns to refuse. Frozen, as everything that the code can reach and keep. */
export class Refusal {
  readonly code: string
  readonly detail: string
  constructor(code: string, detail: string) {
    this.code = code
    this.detail = detail
    Object.freeze(this)
  }
}
Object.freeze(Refusal)
Object.freeze(Refusal.prototype)

export interface Execution extends Ambient {
  readonly id: number
  readonly application: GuestApplication
  readonly seed: string
  readonly limits: ExecutionLimits
  readonly streams: Map<string, Stream>
  readonly written: Stream[]
  /** In the order of `append`: index into the stream's own list. */
  readonly appended: { readonly stream: Stream; readonly index: number }[]
  readonly effects: string[]
  facts: string | null
  reads: number
  ids: number
  /** The code has returned: its transaction takes nothing more. */
  closed: boolean
  /** Reads asked for and not yet sent out, as JSON texts; the answer names them by ticket, an index into `tickets`. */
  wanted: string[]
  readonly tickets: { readonly stream: Stream | null; readonly found: ((rows: string) => void) | null }[]
  /** First character `d`, `f`: done or failed; the rest is JSON. */
  outcome: string | null
}

/** Bounds of one execution, the same for every one in this cell. */
export interface ExecutionLimits {
  readonly maxReads: number
  readonly maxOutput: number
}

export function newExecution(
  id: number,
  application: GuestApplication,
  nowMs: number,
  seed: string,
  limits: ExecutionLimits,
): Execution {
  let random: (() => number) | null = null
  return {
    id,
    application,
    nowMs,
    seed,
    limits,
    random: () => (random ??= randomFrom(seed))(),
    streams: new Map(),
    written: [],
    appended: [],
    effects: [],
    facts: null,
    reads: 0,
    ids: 0,
    closed: false,
    wanted: [],
    tickets: [],
    outcome: null,
  }
}

export function streamOf(execution: Execution, entity: GuestEntity, id: string): Stream {
  const key = `${entity.name}/${id}`
  let stream = execution.streams.get(key)
  if (stream === undefined) {
    stream = { entity, id, known: false, base: null, text: null, applied: 0, events: [], asked: false, waiting: [] }
    execution.streams.set(key, stream)
  }
  return stream
}

export function learn(stream: Stream, state: string | null): void {
  stream.known = true
  stream.base = state
  stream.text = state
  for (const wake of stream.waiting) wake()
  stream.waiting.length = 0
}

/** Resolves when the stream's state is at hand; asks for it if nobody has. */
export function known(execution: Execution, stream: Stream): Promise<void> | undefined {
  if (stream.known) return undefined
  if (!stream.asked) {
    stream.asked = true
    const ticket = execution.tickets.push({ stream, found: null }) - 1
    want(
      execution,
      `{"ticket":${ticket},"entity":${JSON.stringify(stream.entity.name)},"id":${JSON.stringify(stream.id)}}`,
    )
  }
  return new Promise((resolve) => stream.waiting.push(resolve))
}

export function want(execution: Execution, read: string): void {
  const { maxReads } = execution.limits
  execution.reads += 1
  if (execution.reads > maxReads) {
    overLimit(execution, 'read_count', `${execution.reads} reads`, `more than ${maxReads} reads in one execution`)
    throw new Error('too many reads')
  }
  execution.wanted.push(read)
}

export function refuse(execution: Execution, code: string, detail: string): void {
  execution.outcome ??= `d{"kind":"refused","code":${JSON.stringify(code)},"detail":${detail},"facts":${execution.facts ?? 'null'}}`
}

export function fail(execution: Execution, detail: string): void {
  execution.outcome ??= failure(detail)
}

export function overLimit(execution: Execution, limit: string, observed: string, detail: string): void {
  execution.outcome ??= limitFailure(limit, observed, detail)
}

export const failure = (detail: string): string => `f${JSON.stringify({ code: 'application-failed', detail })}`

export const limitFailure = (limit: string, observed: string, detail: string): string =>
  `f${JSON.stringify({ code: 'limit-exceeded', limit, observed, detail })}`

/** Text of whatever was thrown, made inside and under the time limit: reading a hostile object can run for ever. */
export function textOf(thrown: unknown): string {
  try {
    if (typeof thrown !== 'object' || thrown === null) return String(thrown).slice(0, 2_000)
    const { name, message, stack } = thrown as { name?: unknown; message?: unknown; stack?: unknown }
    const title = `${String(name ?? 'Error')}: ${String(message ?? '')}`.slice(0, 2_000)
    const frames = typeof stack === 'string' ? stack.slice(0, 4_000).split('\n') : []
    const inRelease = frames.filter((line) => line.includes('release:')).slice(0, 3)
    return [title, ...inRelease.map((line) => line.trim())].join('\n')
  } catch {
    return 'an error whose text could not be read'
  }
}

/** A fast generator with 128 bits of state, seeded by every character of the seed. Not for secrets. */
function randomFrom(seed: string): () => number {
  const state = seedState(seed)
  return () => {
    let [a = 0, b = 0, c = 0, d = 0] = state
    const sum = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    state.set([a, b, c, d])
    return (sum >>> 0) / 4_294_967_296
  }
}

function seedState(seed: string): Int32Array {
  const state = new Int32Array([0x9e3779b9, 0x243f6a88, 0xb7e15162, 1])
  for (let index = 0; index < seed.length; index++) {
    const slot = index & 3
    const mixed = Math.imul((state[slot] ?? 0) ^ seed.charCodeAt(index), 0x85ebca6b)
    state[slot] = mixed ^ (mixed >>> 13) ^ (state[(slot + 1) & 3] ?? 0)
  }
  return state
}
