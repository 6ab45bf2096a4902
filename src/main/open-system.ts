/** A whole system in this process, without doors: release built, data directory prepared, engine open. What `plinth start`, tools and tests share. */
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { prepareDataDirectory, type DataDirectory } from './data-directory.ts'
import { buildRelease } from '../application/build.ts'
import { openEngine } from '../engine/open.ts'
import type { Engine } from '../engine/engine.ts'
import { systemClock, type Clock } from '../host/clock.ts'
import { systemRandom, type Random } from '../host/random.ts'
import type { Release } from '../model/manifest.ts'
import { openSandbox } from '../sandbox/pool.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { openAuthoritySource } from '../warden/source.ts'

export interface SystemOptions {
  /** Data directory; made when it is not there. */
  readonly dir: string
  /** The application's folder (with `index.ts`) or entry file. */
  readonly application: string
  /** A release already built from it, to save building it again. */
  readonly release?: Release
  /** A sandbox to share; without one, the system opens its own and closes it. */
  readonly sandbox?: Sandbox
  /** Cedar source by file name, instead of the application's `policies/` folder. Used at first start only. */
  readonly policies?: Readonly<Record<string, string>>
  readonly clock?: Clock
  readonly random?: Random
  readonly onProblem?: (what: string, error: unknown) => void
}

export interface System extends DataDirectory {
  readonly engine: Engine
  readonly release: Release
  readonly sandbox: Sandbox
  close(): Promise<void>
}

/** @throws `release-invalid`, `data-directory-locked`, `storage-damaged`, `authority-invalid` */
export async function openSystem(options: SystemOptions): Promise<System> {
  const { clock = systemClock, random = systemRandom, onProblem = reportProblem } = options
  const entry = await entryOf(options.application)
  const sandbox = options.sandbox ?? (await openSandbox({}))
  const closeSandbox = async (): Promise<void> => {
    if (options.sandbox === undefined) await sandbox.close()
  }
  try {
    const release =
      options.release ?? (await buildRelease(entry, { describe: (bundle) => sandbox.describe(bundle) })).release
    const directory = await prepareDataDirectory(
      resolve(options.dir),
      entry,
      release.manifest,
      options.policies ?? null,
      clock,
      random,
    )
    const authority = await openAuthoritySource(directory.authorityDir, directory.pinnedVkey, { clock })
    const engine = await openEngine({
      dir: directory.dir,
      origin: directory.origin,
      release,
      sandbox,
      authority,
      clock,
      random,
      onProblem,
    })
    return {
      ...directory,
      engine,
      release,
      sandbox,
      async close() {
        await engine.close()
        authority.close()
        await closeSandbox()
      },
    }
  } catch (error) {
    await closeSandbox()
    throw error
  }
}

/** The entry file of an application given as a folder or a file. */
export async function entryOf(application: string): Promise<string> {
  const path = resolve(application)
  const found = await stat(path).catch(() => null)
  return found?.isDirectory() === true ? join(path, 'index.ts') : path
}

function reportProblem(what: string, error: unknown): void {
  process.stderr.write(`plinth: ${what}: ${error instanceof Error ? error.message : String(error)}\n`)
}
