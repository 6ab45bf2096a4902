/** Opens the sandbox: chooses the jail, starts the cells, and offers them as the engine knows them (`sandbox.ts`). */
import { availableParallelism } from 'node:os'
import type { CellDecision, CellReading } from '../model/decision.ts'
import type { ReleaseId } from '../model/ids.ts'
import type { Json, JsonText } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import { problem } from '../model/problems.ts'
import { cellProgram } from './assemble.ts'
import { BulkTask } from './bulk-task.ts'
import { CallTask } from './call-task.ts'
import { readJson } from './cell/read-json.ts'
import { asDecision, asFolded, asMapped, asReading } from './decode.ts'
import type { Mapped } from './decode.ts'
import { chooseJail } from './jail/choose-jail.ts'
import type { ChosenJail } from './jail/choose-jail.ts'
import type { JailKind } from './jail/jail.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import type { SandboxLimits } from './limits.ts'
import { Pool } from './pool.ts'
import type { Call, CellAnswer, FoldRequest, ReadPort, Sandbox, SandboxStatus } from './sandbox.ts'

export interface SandboxOptions {
  readonly limits?: Partial<SandboxLimits>
  /** Working cells, one for each processor but one unless given; one more is kept booted beside them. */
  readonly cells?: number
  /** With V8's compilers: faster for code that computes much, and the larger target. Off unless asked for. */
  readonly jit?: boolean
  /** Only this jail. Left out: PLINTH_JAIL from the environment, or else the best one that works here. */
  readonly jail?: JailKind
}

const JAIL_KINDS: readonly JailKind[] = ['bubblewrap', 'namespaces', 'plain']

/** One processor stays with the engine; a few cells are enough to keep a slow command from holding up the rest. */
const cellsHere = (): number => Math.min(4, Math.max(1, availableParallelism() - 1))

/** @throws `sandbox-unavailable` when not even one cell can be started. */
export async function openSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const program = await cellProgram()
  const wish = options.jail ?? process.env['PLINTH_JAIL']
  const kinds = JAIL_KINDS.filter((kind) => wish === undefined || wish === kind)
  const chosen = await chooseJail(program, kinds)
  if (chosen === null) throw problem('sandbox-unavailable', `no cell can be started in the jail \`${wish ?? 'plain'}\``)
  const pool = new Pool({
    jail: chosen.jail,
    program,
    limits,
    cells: options.cells ?? cellsHere(),
    jit: options.jit ?? false,
  })
  try {
    await pool.open()
  } catch (error) {
    await pool.close()
    chosen.jail.close()
    throw problem('sandbox-unavailable', error instanceof Error ? error.message : String(error))
  }
  return new CellSandbox(pool, limits, chosen)
}

class CellSandbox implements Sandbox {
  readonly #pool: Pool
  readonly #limits: SandboxLimits
  readonly #chosen: ChosenJail
  readonly #releases = new Map<ReleaseId, number>()
  #lastRelease = 0

  constructor(pool: Pool, limits: SandboxLimits, chosen: ChosenJail) {
    this.#pool = pool
    this.#limits = limits
    this.#chosen = chosen
  }

  async load(release: ReleaseId, bundle: string): Promise<void> {
    if (this.#releases.has(release)) return
    const key = ++this.#lastRelease
    const failure = await this.#pool.load(key, bundle)
    if (failure !== null) throw problem('release-invalid', `the bundle does not evaluate: ${failure.detail}`)
    this.#releases.set(release, key)
  }

  unload(release: ReleaseId): Promise<void> {
    const key = this.#releases.get(release)
    if (key !== undefined) this.#pool.unload(key)
    this.#releases.delete(release)
    return Promise.resolve()
  }

  async decide(call: Call, reads: ReadPort, signal: AbortSignal): Promise<CellAnswer<CellDecision>> {
    const release = this.#keyOf(call.release)
    return this.#run(
      new CallTask(this.#pool.newId(), release, 'command', call, reads, this.#limits, asDecision),
      signal,
    )
  }

  async read(call: Call, reads: ReadPort, signal: AbortSignal): Promise<CellAnswer<CellReading>> {
    const release = this.#keyOf(call.release)
    return this.#run(new CallTask(this.#pool.newId(), release, 'query', call, reads, this.#limits, asReading), signal)
  }

  async fold(release: ReleaseId, requests: readonly FoldRequest[], withRows: boolean, signal: AbortSignal) {
    const text = `{"withRows":${withRows},"items":[${requests.map(foldText).join(',')}]}`
    const check = (value: Json, states: string) => {
      const folded = asFolded(value, states, requests.length, this.#limits.depth)
      return 'kind' in folded ? folded : { kind: 'folded' as const, folded }
    }
    return this.#run(new BulkTask(this.#pool.newId(), 'fold', this.#keyOf(release), text, this.#limits, check), signal)
  }

  async mapRecords(
    release: ReleaseId,
    importer: string,
    records: readonly Json[],
    firstOrdinal: number,
    signal: AbortSignal,
  ): Promise<CellAnswer<{ readonly kind: 'mapped'; readonly mapped: readonly Mapped[] }>> {
    const text = JSON.stringify({ importer, first: firstOrdinal, records })
    const check = (value: Json) => ({ kind: 'mapped' as const, mapped: asMapped(value, records.length) })
    return this.#run(new BulkTask(this.#pool.newId(), 'map', this.#keyOf(release), text, this.#limits, check), signal)
  }

  async describe(bundle: string): Promise<Manifest> {
    const answer = await this.#pool.describe(bundle)
    if ('kind' in answer) throw problem('release-invalid', `the application cannot be described: ${answer.detail}`)
    const read = readJson(answer.text, MANIFEST_DEPTH_MAX)
    if (!read.ok) throw problem('release-invalid', `the description is not usable: ${read.why}`)
    return read.value as unknown as Manifest
  }

  status(): SandboxStatus {
    const { jail, level, probes, howToRaise } = this.#chosen
    return {
      level,
      jail: jail.name,
      probes,
      howToRaise,
      limits: { ...this.#limits },
      cells: this.#pool.cells.map(({ cell, busy }) => ({
        pid: cell.pid,
        state: cell.ended ? 'dead' : !cell.ready ? 'starting' : busy ? 'busy' : 'ready',
        rssBytes: cell.rssBytes,
      })),
      counters: { ...this.#pool.counters },
    }
  }

  async close(): Promise<void> {
    await this.#pool.close()
    this.#chosen.jail.close()
  }

  #keyOf(release: ReleaseId): number {
    const key = this.#releases.get(release)
    if (key === undefined) throw problem('bug', `release \`${release}\` is not loaded`)
    return key
  }

  async #run<Answer>(task: CallTask<Answer> | BulkTask<Answer>, signal: AbortSignal): Promise<CellAnswer<Answer>> {
    if (signal.aborted) {
      task.cancel()
      return task.answer
    }
    const stop = (): void => {
      task.cancel()
      this.#pool.forget(task)
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      this.#pool.run(task)
      return await task.answer
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}

/** JSON Schemas of nested states reach deeper than data does. */
const MANIFEST_DEPTH_MAX = 200

const foldText = ({ entity, id, state, events }: FoldRequest): JsonText =>
  `[${JSON.stringify(entity)},${JSON.stringify(id)},${state ?? 'null'},[${events
    .map(({ type, data }) => `[${JSON.stringify(type)},${data}]`)
    .join(',')}]]`
