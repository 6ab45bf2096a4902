/** A warden that runs: its directory, its operator door, the heartbeat that renews the lease, and, for runtimes elsewhere, a read-only door. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../host/clock.ts'
import { Problem } from '../model/problems.ts'
import type { PolicyCheck } from './changes.ts'
import { openWardenDoor } from './door.ts'
import type { DoorFile } from './door-file.ts'
import { serveAuthority } from './publish-door.ts'
import { openWarden, type Warden } from './warden.ts'

/** Heartbeats in the time of one lease: two may be lost. */
const BEATS_PER_LEASE = 3
const BEAT_MS_MAX = 20_000
/** How long the process before is waited for, which may be just stopping. */
const TAKE_OVER_MS_MAX = 10_000
const TAKE_OVER_EVERY_MS = 50

export interface WardenProcessOptions {
  readonly dir: string
  readonly publishDir: string
  readonly clock: Clock
  readonly checkPolicies: PolicyCheck
  /** Where the read-only door listens; null for none. */
  readonly serve: { readonly host: string; readonly port: number } | null
  readonly onProblem: (what: string, error: unknown) => void
}

export interface RunningWarden {
  readonly at: DoorFile['at']
  /** Address of the read-only door. */
  readonly url: string | null
  readonly snapshot: number
  readonly rootKey: string
  close(): Promise<void>
}

/** @throws `warden-unavailable`, `storage-damaged` */
export async function runWarden(options: WardenProcessOptions): Promise<RunningWarden> {
  await using opened = new AsyncDisposableStack()
  const warden = opened.adopt(await takeOver(options), (one) => one.close())
  const door = opened.adopt(await openWardenDoor(warden, options.dir), (one) => one.close())
  const published =
    options.serve === null
      ? null
      : opened.adopt(await serveAuthority(options.publishDir, options.serve), (one) => one.close())
  const heart = startHeartbeat(warden, options.onProblem)
  opened.defer(heart.stop)
  const { snapshot, rootKey } = warden.status()
  const closing = opened.move()
  return { at: door.at, url: published?.url ?? null, snapshot, rootKey, close: () => closing.disposeAsync() }
}

async function takeOver(options: WardenProcessOptions): Promise<Warden> {
  const until = performance.now() + TAKE_OVER_MS_MAX
  for (;;) {
    try {
      return openWarden(options)
    } catch (error) {
      const taken = error instanceof Problem && error.code === 'warden-unavailable' && error.cause !== undefined
      if (!taken || performance.now() > until) throw error
      await sleep(TAKE_OVER_EVERY_MS)
    }
  }
}

/** A beat that fails is told of, and tried again at the next; when enough fail in a row the lease runs out, which is what it is for. */
function startHeartbeat(warden: Warden, onProblem: WardenProcessOptions['onProblem']): { stop(): void } {
  let timer: NodeJS.Timeout
  const beat = (): void => {
    try {
      warden.renewLease()
    } catch (error) {
      onProblem('renewing the lease', error)
    }
    const { leaseMs } = warden.current.snapshot
    timer = setTimeout(beat, Math.min(BEAT_MS_MAX, (leaseMs ?? Number.POSITIVE_INFINITY) / BEATS_PER_LEASE))
  }
  beat()
  return { stop: () => clearTimeout(timer) }
}
