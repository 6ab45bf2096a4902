/**
 * Whole systems that all begin in the data set's initial state. The records are imported once, into a data directory that is closed and
 * then copied for each system; the release is built once; the sandbox's cells are shared and stay warm.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openHttpDoor } from '../../src/doors/http/server.ts'
import { openMcpDoor } from '../../src/doors/mcp/door.ts'
import { systemClock } from '../../src/host/clock.ts'
import type { Clock } from '../../src/host/clock.ts'
import { fromFolder, importAll } from '../../src/main/first-data.ts'
import { openSystem } from '../../src/main/open-system.ts'
import type { System } from '../../src/main/open-system.ts'
import type { Release } from '../../src/model/manifest.ts'
import { Problem } from '../../src/model/problems.ts'
import { openSandbox } from '../../src/sandbox/open-sandbox.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import type { Domain } from './domains.ts'
import { progress, UsageError } from './options.ts'
import { initialState, operatorOf } from './state.ts'
import type { InitialState } from './state.ts'

const CLOSE_WITHIN_MS = 5_000

/** One system with its doors open, thrown away when it is closed. */
export interface FreshSystem extends AsyncDisposable {
  readonly system: System
  readonly url: string
  readonly mcpUrl: string
}

export class FreshSystems implements AsyncDisposable {
  readonly initial: InitialState
  readonly #domain: Domain
  readonly #folder: string
  readonly #clock: Clock
  readonly #sandbox: Sandbox
  readonly #release: Release
  readonly #kept: string | null
  #opened = 0

  private constructor(
    domain: Domain,
    folder: string,
    clock: Clock,
    sandbox: Sandbox,
    made: { readonly release: Release; readonly initial: InitialState },
    kept: string | null,
  ) {
    this.#kept = kept
    this.#domain = domain
    this.#folder = folder
    this.#clock = clock
    this.#sandbox = sandbox
    this.#release = made.release
    this.initial = made.initial
  }

  /**
   * @param kept folder that the data directories stay in when their systems close; null throws them away
   * @throws UsageError when the records cannot be imported
   */
  static async open(domain: Domain, data: string, kept: string | null = null): Promise<FreshSystems> {
    const { nowMs } = domain
    const clock = nowMs === null ? systemClock : { ...systemClock, nowMs: () => nowMs }
    const folder = await mkdtemp(join(tmpdir(), 'plinth-tau-'))
    const sandbox = staysLoaded(await openSandbox({}))
    try {
      const made = await makeTemplate(domain, data, join(folder, 'template'), clock, sandbox)
      return new FreshSystems(domain, folder, clock, sandbox, made, kept)
    } catch (error) {
      await sandbox.close()
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** @param name what its data directory is called, where it is kept */
  async fresh(name = `system-${this.#opened++}`): Promise<FreshSystem> {
    const kept = this.#kept
    const dir = join(kept ?? this.#folder, name)
    await cp(join(this.#folder, 'template'), dir, { recursive: true })
    const system = await openSystem({
      dir,
      application: this.#domain.application,
      release: this.#release,
      sandbox: this.#sandbox,
      clock: this.#clock,
      signer: { kind: 'thread' }, // hundreds of systems, and none of them is about who holds a key
    })
    const onBug = (error: unknown): void =>
      progress(error instanceof Error ? (error.stack ?? error.message) : `${error}`)
    const mounts = [openMcpDoor({ engine: system.engine, onBug })]
    const door = await openHttpDoor({ engine: system.engine, port: 0, mounts, onBug })
    return {
      system,
      url: door.url,
      mcpUrl: `${door.url}/mcp`,
      async [Symbol.asyncDispose]() {
        await door.close(CLOSE_WITHIN_MS)
        await system.close()
        if (kept === null) await rm(dir, { recursive: true, force: true })
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function makeTemplate(domain: Domain, data: string, dir: string, clock: Clock, sandbox: Sandbox) {
  const system = await openSystem({ dir, application: domain.application, sandbox, clock })
  try {
    await importRecords(system, domain, data)
    return { release: system.release, initial: await initialState(system, domain) }
  } finally {
    await system.close()
  }
}

async function importRecords(system: System, { collections }: Domain, data: string): Promise<void> {
  const importers = collections.map(({ name }) => name)
  try {
    const records = fromFolder(data, importers)
    await importAll(system.engine, operatorOf(system), records, progress, new AbortController().signal)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new UsageError(`the records in \`${data}\` could not be imported: ${error.detail}`)
  }
}

/** The same cells for all systems: a release that one of them has loaded stays loaded when that one closes. */
function staysLoaded(sandbox: Sandbox): Sandbox {
  const loaded = new Map<string, Promise<void>>()
  return {
    load(release, bundle) {
      const loading = loaded.get(release) ?? sandbox.load(release, bundle)
      loaded.set(release, loading)
      return loading
    },
    unload: () => Promise.resolve(),
    decide: (call, reads, signal) => sandbox.decide(call, reads, signal),
    read: (call, reads, signal) => sandbox.read(call, reads, signal),
    fold: (release, requests, withRows, signal) => sandbox.fold(release, requests, withRows, signal),
    mapRecords: (release, importer, records, first, signal) =>
      sandbox.mapRecords(release, importer, records, first, signal),
    describe: (bundle) => sandbox.describe(bundle),
    status: () => sandbox.status(),
    close: () => sandbox.close(),
  }
}
