/**
 * The pool of cells: gives each task a cell, keeps a spare booted, replaces cells that end, and starts again whatever an innocent task lost.
 *
 * P1 a task is answered once: with its answer, a failure, or cancellation.
 * P2 when a cell ends with one frame unanswered, that task ended it. With several, each is run again alone: whichever ends its cell again
 *    is the one. Tasks that only waited for reads are started again elsewhere.
 * P3 a cell in which code ran away is not used again.
 */
import type { CellProgram } from './assemble.ts'
import { Cell } from './cell/cell.ts'
import type { CellEnd } from './cell/cell.ts'
import type { ReplyFrame } from './cell/frames.ts'
import type { Jail } from './jail/jail.ts'
import type { SandboxLimits } from './limits.ts'
import type { CellFailure } from './sandbox.ts'
import { CellLied, failedBecause } from './task.ts'
import type { Task } from './task.ts'

export interface PoolOptions {
  readonly jail: Jail
  readonly program: CellProgram
  readonly limits: SandboxLimits
  readonly cells: number
  readonly jit: boolean
}
/** A cell and what it is working on. */
interface Place {
  readonly cell: Cell
  readonly tasks: Map<number, Task>
  /** Frames that load or describe: if the cell ends on one, that is its answer. */
  readonly orders: Map<number, (failure: CellFailure) => void>
  /** Runs one suspect alone, and nothing else meanwhile. */
  alone: boolean
}

/** How often running cells are looked at. Kills come at most this much later than their limit. */
const WATCH_MS = 20
/** After this many cells in a row could not be started, waiting tasks are answered. */
const START_FAILURES_MAX = 3
const START_AGAIN_MS = 1_000

export class Pool {
  readonly #options: PoolOptions
  readonly #releases = new Map<number, string>()
  readonly #places: Place[] = []
  #spare: Place | undefined
  readonly #starting = new Set<Place>()
  #waiting: Task[] = []
  readonly #suspects: Task[] = []
  #frames = 0
  #startFailures = 0
  #lastStartFailure = ''
  #watch: NodeJS.Timeout | undefined
  #closed = false
  readonly counters = { executions: 0, kills: 0, crashes: 0, lies: 0, restarted: 0, limitExceeded: 0, cellsStarted: 0 }

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Resolves when the first cell can work; the others follow. */
  async open(): Promise<void> {
    const first = this.#boot()
    for (let count = 1; count <= this.#options.cells; count++) this.#boot().catch(() => {})
    await first
  }

  get cells(): readonly { readonly cell: Cell; readonly busy: boolean }[] {
    return this.#all.map(({ cell, tasks }) => ({ cell, busy: tasks.size > 0 }))
  }
  get #all(): readonly Place[] {
    return [...this.#places, ...this.#starting, ...(this.#spare === undefined ? [] : [this.#spare])]
  }
  get executionsHeld(): number {
    return this.#places.reduce((sum, { tasks }) => sum + tasks.size, this.#waiting.length + this.#suspects.length)
  }

  /** Evaluates the bundle in the spare first: only what ends well there is given to the others. */
  async load(release: number, bundle: string): Promise<CellFailure | null> {
    const spare = this.#spare?.cell.ready === true ? this.#spare : undefined
    const trial = spare ?? (await this.#boot(false))
    const failure = await this.#loadInto(trial, release, bundle)
    if (failure !== null) {
      trial.cell.end('closed', 'the release did not load')
      return failure
    }
    this.#releases.set(release, bundle)
    const others = this.#all.filter((place) => place !== trial && place.cell.ready)
    await Promise.all(others.map((place) => this.#loadOrEnd(place, release, bundle)))
    if (spare === undefined) this.#settle(trial)
    return null
  }

  /** A cell that cannot load what another has loaded is of no use. */
  async #loadOrEnd(place: Place, release: number, bundle: string): Promise<void> {
    const failure = await this.#loadInto(place, release, bundle)
    if (failure !== null) place.cell.end('closed', `it did not load a release: ${failure.detail}`)
  }

  unload(release: number): void {
    this.#releases.delete(release)
    for (const { cell } of this.cells)
      if (cell.ready) cell.send('unload', this.newId(), release, '', this.#options.limits.loadMs, () => {})
  }

  run(task: Task): void {
    const { limits } = this.#options
    if (this.#closed || this.#startFailures >= START_FAILURES_MAX)
      task.failed(failedBecause('sandbox-unavailable', this.#lastStartFailure || 'the sandbox is closed'))
    else if (this.executionsHeld >= limits.executions)
      task.failed(failedBecause('sandbox-unavailable', `more than ${limits.executions} executions are waiting`))
    else {
      this.counters.executions += 1
      this.#place(task)
    }
  }

  /** Nobody waits for it any more: its memory in the cell is given back. */
  forget(task: Task): void {
    const place = this.#places.find(({ tasks }) => tasks.has(task.id))
    if (place === undefined || place.cell.owes(task.id)) return // an answer on its way is dropped when it comes
    place.tasks.delete(task.id)
    place.cell.drop(task.id, task.release)
  }

  /** Starts a process for one description alone. */
  async describe(bundle: string): Promise<{ readonly text: string } | CellFailure> {
    const place = await this.#boot(false)
    const { limits } = this.#options
    try {
      return await this.#order(place, 'describe', 0, bundle, limits.describeMs)
    } finally {
      place.cell.end('closed', 'described')
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#watch)
    const places = this.#all
    const tasks = [...this.#waiting, ...this.#suspects, ...places.flatMap((place) => [...place.tasks.values()])]
    for (const { cell } of places) cell.end('closed', 'the sandbox is closed')
    for (const task of tasks)
      if (!task.settled) task.failed(failedBecause('sandbox-unavailable', 'the sandbox is closed'))
    await Promise.all(places.map(({ cell }) => cell.gone()))
  }

  // Where tasks go

  #place(task: Task): void {
    let best: Place | undefined
    for (const place of this.#places)
      if (!place.alone && place.cell.ready && (best === undefined || place.tasks.size < best.tasks.size)) best = place
    if (best === undefined || best.tasks.size >= this.#options.limits.perCell) this.#waiting.push(task)
    else this.#start(best, task)
  }

  #start(place: Place, task: Task): void {
    task.tries += 1
    place.tasks.set(task.id, task)
    this.#send(place, task, task.op, task.text())
  }

  #send(place: Place, task: Task, op: 'start' | 'fold' | 'map' | 'resume', text: string): void {
    place.cell.send(op, task.id, task.release, text, task.limitMs, (frame) => this.#answered(place, task, frame))
    this.#armWatch()
  }

  #answered(place: Place, task: Task, frame: ReplyFrame): void {
    task.cpuUs += frame.cpuUs
    if (frame.status === 'wanted' && !task.settled) {
      void this.#serve(place, task, frame.text)
      return
    }
    place.tasks.delete(task.id)
    if (frame.status === 'wanted') place.cell.drop(task.id, task.release)
    else if (frame.status === 'done') this.#accept(place, task, frame.text)
    else this.#ranAway(place, task, failureIn(frame.text), frame.status === 'tainted')
    this.#next(place)
  }

  #accept(place: Place, task: Task, text: string): void {
    if (task.settled) return
    try {
      task.done(text)
    } catch (error) {
      if (!(error instanceof CellLied)) throw error
      task.failed(failedBecause('application-failed', error.message))
      place.cell.end('lied', error.message)
    }
  }

  #ranAway(place: Place, task: Task, failure: CellFailure, tainted: boolean): void {
    if (failure.code === 'limit-exceeded') this.counters.limitExceeded += 1
    // Hardly any of the time was the code's own: it is given another try, alone, before it is blamed.
    if (failure.limit === 'wall_time' && task.tries < 3 && !task.settled) this.#suspects.push(task)
    else if (!task.settled) task.failed(failure)
    if (tainted) {
      this.counters.kills += 1
      place.cell.end('closed', 'code ran away in it')
    }
  }

  async #serve(place: Place, task: Task, wanted: string): Promise<void> {
    try {
      const answer = await task.serve(wanted)
      // The cell may have ended meanwhile: then the task has been started again, with what was served.
      if (place.cell.ended || place.tasks.get(task.id) !== task) return
      if (task.settled) this.forget(task)
      else this.#send(place, task, 'resume', answer)
    } catch (error) {
      if (error instanceof CellLied) {
        place.tasks.delete(task.id)
        if (!task.settled) task.failed(failedBecause('application-failed', error.message))
        place.cell.end('lied', error.message)
        return
      }
      if (!task.settled) task.broken(error)
      if (!place.cell.ended) this.forget(task)
      this.#next(place)
    }
  }

  /** A cell has room: the next suspect when it is kept for them and empty, otherwise whatever waits. */
  #next(place: Place): void {
    if (place.cell.ended) return
    if (place.tasks.size === 0) {
      place.alone = false
      let suspect = this.#suspects.shift()
      while (suspect?.settled === true) suspect = this.#suspects.shift()
      if (suspect !== undefined) {
        place.alone = true
        this.#start(place, suspect)
      }
    }
    while (!place.alone && this.#waiting.length > 0 && place.tasks.size < this.#options.limits.perCell) {
      const task = this.#waiting.shift() as Task
      if (!task.settled) this.#start(place, task)
    }
  }

  // Cells that come and go

  async #boot(join = true): Promise<Place> {
    const { jail, program, limits, jit } = this.#options
    const place: Place = {
      cell: new Cell(jail, program, limits, jit, (end) => this.#ended(place, end)),
      tasks: new Map(),
      orders: new Map(),
      alone: false,
    }
    this.counters.cellsStarted += 1
    this.#starting.add(place)
    this.#armWatch()
    const ended = new Promise<never>((_, reject) => this.#onEnd.set(place, reject))
    ended.catch(() => {})
    await Promise.race([place.cell.setUp(program), ended])
    await Promise.race([
      Promise.all([...this.#releases].map(([key, bundle]) => this.#loadOrEnd(place, key, bundle))),
      ended,
    ])
    this.#onEnd.delete(place)
    this.#startFailures = 0
    if (join) this.#settle(place)
    return place
  }
  readonly #onEnd = new Map<Place, (error: Error) => void>()

  async #loadInto(place: Place, release: number, bundle: string): Promise<CellFailure | null> {
    const answer = await this.#order(place, 'load', release, bundle, this.#options.limits.loadMs)
    return 'kind' in answer ? answer : null
  }

  #order(place: Place, op: 'load' | 'describe', release: number, bundle: string, limitMs: number) {
    return new Promise<{ readonly text: string } | CellFailure>((resolve) => {
      const id = this.newId()
      place.orders.set(id, resolve)
      place.cell.send(op, id, release, bundle, limitMs, ({ status, text }) => {
        place.orders.delete(id)
        resolve(status === 'done' ? { text } : failureIn(text))
      })
      this.#armWatch()
    })
  }

  /** A booted cell becomes a working one, or the spare. */
  #settle(place: Place): void {
    this.#starting.delete(place)
    if (place.cell.ended) return
    if (this.#closed) place.cell.end('closed', 'the sandbox is closed')
    else if (this.#places.length < this.#options.cells) {
      this.#places.push(place)
      this.#next(place)
    } else if (this.#spare === undefined) this.#spare = place
    else place.cell.end('closed', 'there is a spare already')
  }

  #ended(place: Place, { cause, detail, unanswered }: CellEnd): void {
    const index = this.#places.indexOf(place)
    if (index >= 0) this.#places.splice(index, 1)
    const wasSpare = this.#spare === place
    if (wasSpare) this.#spare = undefined
    this.#starting.delete(place)
    this.#onEnd.get(place)?.(new Error(`a cell could not be started: ${detail}`))
    this.#onEnd.delete(place)
    if (cause === 'overdue' || cause === 'stalled' || cause === 'memory') this.counters.kills += 1
    if (cause === 'exited') this.counters.crashes += 1
    if (cause === 'lied') this.counters.lies += 1
    for (const answer of place.orders.values()) answer(blame(cause, detail))
    place.orders.clear()
    if (this.#closed) return
    this.#reassign(place, cause, detail, unanswered)
    if (index >= 0 || wasSpare) this.#replace()
  }

  #reassign(place: Place, cause: CellEnd['cause'], detail: string, unanswered: readonly number[]): void {
    const tasks = [...place.tasks.values()].filter(({ settled }) => !settled)
    place.tasks.clear()
    const held = tasks.filter(({ id }) => unanswered.includes(id))
    for (const task of tasks) {
      const suspected = cause !== 'closed' && held.includes(task)
      if (suspected && held.length === 1 && isProof(cause, detail, task)) task.failed(blame(cause, detail))
      else if (task.tries >= this.#options.limits.tries)
        task.failed(
          failedBecause('sandbox-unavailable', `its cell ended ${task.tries} times through the fault of others`),
        )
      else {
        this.counters.restarted += 1
        if (suspected) this.#suspects.push(task)
        else this.#waiting.push(task)
      }
    }
  }

  #replace(): void {
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined) this.#settle(spare)
    for (const place of this.#places) this.#next(place)
    this.#boot().catch((error: unknown) => this.#startFailed(error))
  }

  #startFailed(error: unknown): void {
    if (this.#closed) return
    this.#startFailures += 1
    this.#lastStartFailure = error instanceof Error ? error.message : String(error)
    if (this.#startFailures >= START_FAILURES_MAX && this.#places.length === 0) {
      const waiting = [...this.#waiting, ...this.#suspects.splice(0)]
      this.#waiting = []
      for (const task of waiting)
        if (!task.settled) task.failed(failedBecause('sandbox-unavailable', this.#lastStartFailure))
    }
    setTimeout(() => this.#startAgain(), START_AGAIN_MS).unref()
  }

  #startAgain(): void {
    if (!this.#closed && this.cells.length <= this.#options.cells)
      this.#boot().catch((error: unknown) => this.#startFailed(error))
  }

  #armWatch(): void {
    if (this.#watch !== undefined || this.#closed) return
    this.#watch = setTimeout(() => {
      this.#watch = undefined
      const nowMs = performance.now()
      for (const { cell } of this.cells) cell.watch(nowMs)
      if (this.cells.some(({ cell }) => cell.owed > 0)) this.#armWatch()
    }, WATCH_MS)
  }

  /** Frames and tasks share one series of numbers, so that no answer can be taken for another. */
  newId(): number {
    this.#frames = this.#frames >= 0xffff_fff0 ? 1 : this.#frames + 1
    return this.#frames
  }
}

function failureIn(text: string): CellFailure {
  try {
    const { code, detail, limit, observed } = JSON.parse(text) as Record<string, unknown>
    const words = String(detail).slice(0, 4_000)
    if (code !== 'limit-exceeded') return failedBecause('application-failed', words)
    return failedBecause('limit-exceeded', words, {
      limit: String(limit).slice(0, 40),
      observed: String(observed).slice(0, 100),
    })
  } catch {
    return failedBecause('application-failed', 'the cell reported a failure that could not be read')
  }
}

/** A process may be held up or ended from outside, and its spare with it: only when it happens a third time is that the task's doing. */
const isProof = (cause: CellEnd['cause'], detail: string, { tries }: Task): boolean =>
  (cause !== 'exited' && cause !== 'stalled') || tries > 2 || OUT_OF_MEMORY.test(detail)

const OUT_OF_MEMORY = /out of memory|allocation failed|bad_alloc/i

/** What the end of a cell says about the only task in it. */
function blame(cause: CellEnd['cause'], detail: string): CellFailure {
  if (cause === 'overdue' || cause === 'stalled')
    return failedBecause('limit-exceeded', 'the code did not stop at its time limit, so its cell was killed', {
      limit: cause === 'overdue' ? 'cpu_time' : 'wall_time',
      observed: detail,
    })
  if (cause === 'memory' || (cause === 'exited' && OUT_OF_MEMORY.test(detail)))
    return failedBecause('limit-exceeded', 'the code used more memory than its cell may have', {
      limit: 'memory',
      observed: detail.slice(0, 100),
    })
  if (cause === 'lied') return failedBecause('application-failed', `its cell broke the protocol: ${detail}`)
  return failedBecause('application-failed', `its cell ended: ${detail.slice(0, 300)}`)
}
