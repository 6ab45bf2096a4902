/** A whole system in this process, without doors: release built, data directory prepared, engine open. What `plinth start`, tools and tests share. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import {
  authorityFolder,
  createDataDirectory,
  isDataDirectory,
  pinnedKey,
  readCredentials,
  readInstallation,
  writeInstallation,
  type Credentials,
  type Installation,
} from './data-directory.ts'
import { readAnchors } from './anchors.ts'
import { entryOf } from './application-folder.ts'
import { checkTakeover } from './compatible.ts'
import { buildRelease } from '../application/build.ts'
import type { AcknowledgementOptions } from '../engine/acknowledgement/open-acknowledgement.ts'
import type { Engine } from '../engine/engine.ts'
import type { HeadsOptions } from '../engine/heads/state-heads.ts'
import { openEngine } from '../engine/open.ts'
import { systemClock, type Clock } from '../host/clock.ts'
import { systemRandom, type Random } from '../host/random.ts'
import type { Release } from '../model/manifest.ts'
import { readRelease, writeRelease } from '../releases/release-files.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import {
  startSigner,
  type SignerProcess,
  type SignerProcessOptions,
} from '../transparency-log/signer/signer-process.ts'
import { openAuthoritySource } from '../warden/source.ts'
import { createInChild } from './warden-child.ts'
import { LEASE_MS_DEFAULT, linkWarden, type WardenChoice } from './warden-link.ts'

export interface SystemOptions {
  /** Data directory; made when it is not there. */
  readonly dir: string
  /** The application's folder (with `index.ts`) or entry file. */
  readonly application: string
  /** A release already built from it, to save building it again. */
  readonly release?: Release
  /** A sandbox to share; without one, the system opens its own and closes it. */
  readonly sandbox?: Sandbox
  /** Folder of Cedar files for the first start; otherwise `policies/` beside the application's entry file, or the default ones. */
  readonly policies?: string
  /**
   * Who holds the log's key: a process of its own (default), one that runs already, by its socket, or the committer's thread, which spares a test
   * the start of a process.
   */
  readonly signer?: SignerChoice
  readonly clock?: Clock
  readonly random?: Random
  /** When the heads of all streams are stated; left out: never. A system that runs on states them (`HEADS_DEFAULT`). */
  readonly heads?: HeadsOptions | null
  /** Folder of the key store of data subjects; default the data directory. */
  readonly subjectKeys?: string
  /** Witnesses, time authority; without it, nothing is acknowledged above `signed`. */
  readonly acknowledgement?: AcknowledgementOptions
  /** Longest that a pause holds work back; left out: `PAUSE_WAIT_MS`. */
  readonly pauseWaitMs?: number
  /** File of anchors; left out: `anchors.json` of the data directory, when there is one. */
  readonly anchors?: string | null
  /** What brings snapshots and leases; without it, whatever lies in the authority folder is all there is, and a new one asks for no lease. */
  readonly warden?: WardenChoice
  readonly onProblem?: (what: string, error: unknown) => void
}

export type SignerChoice =
  | {
      readonly kind: 'process'
      /** Default `<dir>/signer`. */
      readonly dir?: string
      /** References of the first key and of the one that may follow, for the first start; null makes files. */
      readonly key?: string | null
      readonly nextKey?: string | null
    }
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'thread' }

export interface System {
  readonly dir: string
  readonly engine: Engine
  readonly release: Release
  readonly sandbox: Sandbox
  /** True when this call made the data directory. */
  readonly firstStart: boolean
  readonly installation: Installation
  readonly credentials: Credentials
  close(): Promise<void>
}

/** @throws `release-invalid`, `data-directory-locked`, `storage-damaged`, `authority-invalid` */
export async function openSystem(options: SystemOptions): Promise<System> {
  const { clock = systemClock, random = systemRandom, onProblem = reportProblem, heads = null } = options
  const dir = resolve(options.dir)
  const entry = entryOf(options.application)
  const sandbox = options.sandbox ?? (await openSandbox({}))
  const closeSandbox = async (): Promise<void> => {
    if (options.sandbox === undefined) await sandbox.close()
  }
  // Beside the build, which takes longer; a new directory has none to start yet.
  const failed = new AbortController()
  const link = (): ReturnType<typeof linkWarden> => linkWarden(dir, options.warden, onProblem, failed.signal)
  let wardenLink = isDataDirectory(dir) ? link() : null
  wardenLink?.catch(() => {}) // waited for below
  try {
    const release =
      options.release ?? (await buildRelease(entry, { describe: (bundle) => sandbox.describe(bundle) })).release
    const firstStart = !isDataDirectory(dir)
    if (firstStart) {
      const beside = join(dirname(entry), 'policies')
      const policies = options.policies ?? (existsSync(beside) ? beside : null)
      const leaseMs = options.warden === undefined ? null : LEASE_MS_DEFAULT
      await createDataDirectory(dir, release.manifest, policies, {
        ...{ nowMs: clock.nowMs(), random, leaseMs },
        // A system that has a warden of its own never holds the root key, not even at first.
        ...(options.warden === undefined ? {} : { createWarden: createInChild }),
      })
      wardenLink ??= link()
      wardenLink.catch(() => {})
    }
    const credentials = await readCredentials(dir)
    const authority = await openAuthoritySource(authorityFolder(dir), await pinnedKey(dir), { clock })
    try {
      const { origin, release: before } = await readInstallation(dir)
      if (before !== null && before !== release.id) checkTakeover(dir, await readRelease(dir, before), release)
      const { acknowledgement = {} } = options
      const given = { dir, origin, release, sandbox, authority, clock, random, acknowledgement, heads, onProblem }
      const anchors = readAnchors(dir, options.anchors ?? null)
      const witnessPolicy = acknowledgement.witnessPolicy ?? null
      const signer = await signerOf(options.signer ?? { kind: 'process' }, { dir, origin, witnessPolicy, onProblem })
      const engine = await openEngine({
        ...given,
        anchors,
        ...(options.subjectKeys === undefined ? {} : { keysDir: options.subjectKeys }),
        ...(options.pauseWaitMs === undefined ? {} : { pauseWaitMs: options.pauseWaitMs }),
        signerSocket: signer.socket,
        onSignerSilent: () => signer.restart(),
      }).catch(async (error: unknown) => {
        await signer.close()
        throw error
      })
      // After the engine holds the directory's lock: another process that is turned away must not have changed it.
      await writeRelease(dir, release)
      const installation = { ...(await readInstallation(dir)), release: release.id }
      await writeInstallation(dir, installation)
      // After the engine: a directory that is somebody else's is said to be locked, not its warden.
      await wardenLink?.catch(async (error: unknown) => {
        await engine.close()
        await signer.close()
        throw error
      })
      const close = async (): Promise<void> => {
        await engine.close()
        await signer.close()
        authority.close()
        await (await wardenLink)?.close()
        await closeSandbox()
      }
      return { dir, engine, release, sandbox, firstStart, installation, credentials, close }
    } catch (error) {
      authority.close()
      throw error
    }
  } catch (error) {
    failed.abort()
    await wardenLink?.then((one) => one?.close()).catch(() => {})
    await closeSandbox()
    throw error
  }
}

const NO_PROCESS = { restart: (): void => {}, close: () => Promise.resolve() }
async function signerOf(
  choice: SignerChoice,
  { dir, ...told }: Pick<SignerProcessOptions, 'dir' | 'origin' | 'witnessPolicy' | 'onProblem'>,
): Promise<Pick<SignerProcess, 'restart' | 'close'> & { readonly socket: string | null }> {
  if (choice.kind === 'thread') return { socket: null, ...NO_PROCESS }
  if (choice.kind === 'socket') return { socket: choice.path, ...NO_PROCESS }
  const { key = null, nextKey = null } = choice
  return await startSigner({ dir: choice.dir ?? join(dir, 'signer'), ...told, key, nextKey })
}

function reportProblem(what: string, error: unknown): void {
  process.stderr.write(`plinth: ${what}: ${error instanceof Error ? error.message : String(error)}\n`)
}
