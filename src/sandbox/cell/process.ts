/**
 * The program of a cell: a process that holds one isolate for each release and answers frames on its standard input, one after another.
 * It runs from text, inside the jail, and imports nothing of this project. It has no authority: whatever it answers is checked outside.
 *
 * Frame in:  u32 length | u8 op     | u32 id | u32 release | UTF-8 text      (length counts what follows it; little endian)
 * Frame out: u32 length | u8 status | u32 id | u32 cpuUs   | UTF-8 text
 * Every frame in gets exactly one frame out, in order, except `drop`, which gets none.
 */
import { readSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import type * as ivm from 'isolated-vm'

const SETUP = 0
const LOAD = 1
const UNLOAD = 2
const START = 3
const RESUME = 4
const DROP = 5
const FOLD = 6
const MAP = 7
const DESCRIBE = 8

const DONE = 2
const WANTED = 3
const FAILED = 4
/** Failed, and this process should not be used again: something in it ran away. */
const TAINTED = 5

/** Replies wait for each other this long at most before they are written. */
const COALESCE_MS = 0.3
const HEADER_BYTES = 13

interface Setup {
  readonly engine: string
  readonly envelope: string
  readonly isolateMb: number
  readonly entryMs: number
  readonly bulkMs: number
  readonly loadMs: number
  readonly describeMs: number
  readonly bulkOutputBytes: number
  readonly reads: number
  readonly outputBytes: number
}
interface Loaded {
  readonly isolate: ivm.Isolate
  readonly context: ivm.Context
  readonly script: ivm.Script
  readonly entries: ReadonlyMap<string, ivm.Reference>
  /** The bundle's function, when it closes over nothing; null: the script is run again for every instance. */
  make: ivm.Reference | null
  prepared: boolean
}
interface Reply {
  readonly status: number
  readonly text: string
}

let setup: Setup
let engine: typeof ivm
const releases = new Map<number, Loaded>()
/** Releases that lost their prepared instance since the last idle moment. */
const unprepared = new Set<Loaded>()

function begin(text: string): Reply {
  setup = JSON.parse(text) as Setup
  engine = (createRequire('/')(setup.engine) as { ivm: typeof ivm }).ivm
  return { status: DONE, text: '' }
}

function load(release: number, bundle: string): Reply {
  unload(release)
  const isolate = new engine.Isolate({ memoryLimit: setup.isolateMb })
  const context = isolate.createContextSync()
  const envelope = context.evalSync(setup.envelope, {
    reference: true,
    timeout: setup.loadMs,
  }) as unknown as ivm.Reference
  const entries = new Map<string, ivm.Reference>()
  for (const name of ['configure', 'prepare', 'start', 'resume', 'collect', 'drop', 'fold', 'map', 'isSelfContained'])
    entries.set(name, envelope.getSync(name, { reference: true }) as unknown as ivm.Reference)
  const script = isolate.compileScriptSync(bundle, { filename: 'release:bundle' })
  const loaded: Loaded = { isolate, context, script, entries, make: null, prepared: false }
  enter(loaded, 'configure', [setup.reads, setup.outputBytes], setup.loadMs)
  // Twice: what the script declares outside its function would outlive an execution, and fails when declared again.
  for (let time = 1; time <= 2; time++) {
    const failure = prepare(loaded, setup.loadMs)
    if (failure !== '') return { status: FAILED, text: failure.slice(1) }
  }
  const make = evaluate(loaded, setup.loadMs)
  if (enter(loaded, 'isSelfContained', [make.derefInto(), bundle], setup.loadMs) === 'yes') loaded.make = make
  releases.set(release, loaded)
  return { status: DONE, text: '' }
}

/** Makes a fresh instance of the application: whatever an execution did to its own is gone with it. */
function prepare(loaded: Loaded, timeoutMs: number): string {
  const make = loaded.make ?? evaluate(loaded, timeoutMs)
  const failure = enter(loaded, 'prepare', [make.derefInto()], loaded.make === null ? timeoutMs : 0)
  if (loaded.make === null) make.release()
  loaded.prepared = failure === ''
  return failure
}

const evaluate = ({ script, context }: Loaded, timeout: number): ivm.Reference =>
  script.runSync(context, { reference: true, timeout }) as unknown as ivm.Reference

/**
 * @param timeoutMs 0: no timer here, because waking its thread costs as much as a whole decision. The engine kills the process instead,
 *   which it must be able to do anyway.
 */
function enter(loaded: Loaded, name: string, values: readonly unknown[], timeoutMs: number): string {
  const entry = loaded.entries.get(name) as ivm.Reference
  const options = timeoutMs === 0 ? {} : { timeout: timeoutMs }
  return (entry.applySync(undefined, values as unknown[], options) as unknown as string | undefined) ?? ''
}

function execute(op: number, id: number, loaded: Loaded, text: string): Reply {
  if (op !== RESUME) {
    if (!loaded.prepared) {
      const failure = prepare(loaded, setup.loadMs)
      if (failure !== '') return { status: FAILED, text: failure.slice(1) }
    }
    loaded.prepared = false
    unprepared.add(loaded)
  }
  if (op === FOLD || op === MAP)
    return replyOf(enter(loaded, op === FOLD ? 'fold' : 'map', [text, setup.bulkOutputBytes], setup.bulkMs))
  try {
    enter(loaded, op === START ? 'start' : 'resume', [id, text], 0)
  } catch (error) {
    // A rejection that nobody handled surfaces here too; how the execution stands is then for `collect` to say.
    if (endedByEngine(error)) throw error
  }
  return replyOf(enter(loaded, 'collect', [id], 0))
}

function replyOf(answer: string): Reply {
  const status = answer[0] === 'd' ? DONE : answer[0] === 'w' ? WANTED : FAILED
  return { status, text: answer.slice(1) }
}

function describe(bundle: string): Reply {
  const isolate = new engine.Isolate({ memoryLimit: 3 * setup.isolateMb })
  const context = isolate.createContextSync()
  const script = isolate.compileScriptSync(bundle, { filename: 'release:describe' })
  const limit = { timeout: setup.describeMs }
  const make = script.runSync(context, { reference: true, ...limit }) as unknown as ivm.Reference
  const text: unknown = make.applySync(undefined, [], limit)
  isolate.dispose()
  if (typeof text === 'string') return { status: DONE, text }
  return { status: FAILED, text: JSON.stringify({ code: 'application-failed', detail: 'the description is no text' }) }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 2_000)
const endedByEngine = (error: unknown): boolean =>
  /^Script execution timed out|^Isolate (was|is) disposed/.test(messageOf(error))

/** What a failure outside the envelope means: the engine stopped the code, or the code would not even start. */
function failureOf(error: unknown, usedMs: number, limitMs: number): Reply {
  const message = messageOf(error)
  if (/^Isolate (was|is) disposed/.test(message)) {
    const observed = `more than ${setup.isolateMb} MB`
    const detail = 'the code used more memory than its isolate may have'
    return { status: TAINTED, text: JSON.stringify({ code: 'limit-exceeded', limit: 'memory', observed, detail }) }
  }
  if (message.startsWith('Script execution timed out')) {
    // The timer counts wall time: on a busy machine the code may have had hardly any of it.
    const limit = usedMs >= limitMs * 0.6 ? 'cpu_time' : 'wall_time'
    const detail = `the code ran for more than ${limitMs} ms`
    return {
      status: TAINTED,
      text: JSON.stringify({ code: 'limit-exceeded', limit, observed: `${usedMs.toFixed(0)} ms`, detail }),
    }
  }
  return { status: FAILED, text: JSON.stringify({ code: 'application-failed', detail: message }) }
}

const limitOf = (op: number): number =>
  op === LOAD
    ? setup.loadMs
    : op === DESCRIBE
      ? setup.describeMs
      : op === START || op === RESUME
        ? setup.entryMs
        : setup.bulkMs

let out = Buffer.allocUnsafe(1 << 16)
let outBytes = 0
let firstReplyAt = 0

function flush(): void {
  let at = 0
  while (at < outBytes) at += writeSync(1, out, at, outBytes - at)
  outBytes = 0
}

function reply(id: number, { status, text }: Reply, cpuUs: number): void {
  const bytes = Buffer.byteLength(text)
  const need = HEADER_BYTES + bytes
  if (outBytes + need > out.length) {
    flush()
    if (need > out.length) out = Buffer.allocUnsafe(need * 2)
  }
  if (outBytes === 0) firstReplyAt = performance.now()
  out.writeUInt32LE(need - 4, outBytes)
  out[outBytes + 4] = status
  out.writeUInt32LE(id, outBytes + 5)
  out.writeUInt32LE(cpuUs, outBytes + 9)
  out.write(text, outBytes + HEADER_BYTES, 'utf8')
  outBytes += need
}

function handle(op: number, id: number, release: number, text: string): void {
  const loaded = releases.get(release)
  if (op === DROP) {
    if (loaded !== undefined) enter(loaded, 'drop', [id], 0)
    return
  }
  const before = loaded?.isolate.cpuTime ?? 0n
  let answer: Reply
  const startedAt = performance.now()
  try {
    if (op === SETUP) answer = begin(text)
    else if (op === LOAD) answer = load(release, text)
    else if (op === DESCRIBE) answer = describe(text)
    else if (op === UNLOAD) answer = unload(release)
    else if (loaded === undefined) throw new Error('the release is not loaded here')
    else answer = execute(op, id, loaded, text)
  } catch (error) {
    const usedMs = loaded === undefined ? performance.now() - startedAt : cpuUsSince(loaded, before) / 1_000
    answer = failureOf(error, usedMs, limitOf(op))
  }
  reply(id, answer, loaded === undefined ? 0 : cpuUsSince(loaded, before))
}

function cpuUsSince({ isolate }: Loaded, before: bigint): number {
  try {
    return Number((isolate.cpuTime - before) / 1_000n)
  } catch {
    return 0 // the isolate is gone, and its clock with it
  }
}

function unload(release: number): Reply {
  const loaded = releases.get(release)
  if (loaded !== undefined) {
    releases.delete(release)
    unprepared.delete(loaded)
    loaded.isolate.dispose()
  }
  return { status: DONE, text: '' }
}

/** Between frames: what the next execution needs is made ready after the answer has left. A failure shows when it is needed. */
function prepareIdle(): void {
  for (const loaded of unprepared) {
    try {
      if (!loaded.prepared) prepare(loaded, setup.loadMs)
    } catch {
      loaded.prepared = false
    }
  }
  unprepared.clear()
}

let input = Buffer.allocUnsafe(1 << 18)
let inputBytes = 0
for (;;) {
  if (inputBytes === input.length) {
    const larger = Buffer.allocUnsafe(input.length * 2)
    input.copy(larger, 0, 0, inputBytes)
    input = larger
  }
  const count = readSync(0, input, inputBytes, input.length - inputBytes, null)
  if (count === 0) process.exit(0)
  inputBytes += count
  let at = 0
  while (inputBytes - at >= HEADER_BYTES) {
    const length = input.readUInt32LE(at)
    if (inputBytes - at < 4 + length) break
    if (outBytes > 0 && performance.now() - firstReplyAt > COALESCE_MS) flush()
    const text = input.toString('utf8', at + HEADER_BYTES, at + 4 + length)
    handle(input[at + 4] as number, input.readUInt32LE(at + 5), input.readUInt32LE(at + 9), text)
    at += 4 + length
  }
  input.copy(input, 0, at, inputBytes)
  inputBytes -= at
  flush()
  prepareIdle()
}
