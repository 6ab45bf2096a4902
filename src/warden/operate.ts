/**
 * The operator's side: makes a request, signs it, hands it to the warden. A warden that runs is asked at its door; where none runs, the warden's
 * directory is opened here for as long as it takes, by the same code and with the same checks.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../host/clock.ts'
import { Problem, problem } from '../model/problems.ts'
import { callDoor } from './door-client.ts'
import { readDoorFile } from './door-file.ts'
import type { ChangeDocument } from './change-document.ts'
import { drillBytes, newRequest, signedBytes, type SignedRequest } from './change-request.ts'
import type { OperatorSigner } from './operator-signer.ts'
import type { VerifiedSnapshot } from './snapshot.ts'
import { openWarden, type PendingRequest, type Submitted, type WardenStatus } from './warden.ts'

/** Other operators' changes that a request is made again for. */
const TRIES_MAX = 8
/** How long a warden that is just starting, or stopping, is waited for. */
const REACH_MS_MAX = 10_000
const REACH_EVERY_MS = 50
const JOURNAL_PAGE = 1_000

export interface WardenPlace {
  /** The warden's own directory. */
  readonly dir: string
  /** Where it publishes, for when it has to be opened here. */
  readonly publishDir: string
}

/** What an operator may ask of a warden, wherever it runs. */
export interface WardenSide {
  status(): Promise<WardenStatus>
  snapshot(): Promise<VerifiedSnapshot>
  pending(): Promise<readonly PendingRequest[]>
  submit(signed: SignedRequest): Promise<Submitted>
  recordDrill(signed: SignedRequest): Promise<void>
  /** Entries of its journal from this index on, at most a page. */
  journal(from: number): Promise<readonly string[]>
}

/** @throws `warden-unavailable` when none can be reached */
export async function withWarden<T>(place: WardenPlace, use: (warden: WardenSide) => Promise<T>): Promise<T> {
  const { warden, close } = await reach(place)
  try {
    return await use(warden)
  } finally {
    close()
  }
}

/** A door that answers, or the directory itself; while another process is just taking or leaving it, both are tried again. */
async function reach(place: WardenPlace): Promise<{ readonly warden: WardenSide; close(): void }> {
  if (!existsSync(place.dir)) throw problem('warden-unavailable', `there is no warden in \`${place.dir}\``)
  const until = performance.now() + REACH_MS_MAX
  for (;;) {
    const door = readDoorFile(place.dir)
    try {
      if (door !== null) {
        const warden = throughDoor(door)
        await warden.status()
        return { warden, close: () => {} }
      }
    } catch (error) {
      if (!isUnavailable(error)) throw error // a door file without a door is what a crash leaves
    }
    try {
      return inProcess(place)
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > until) throw error
    }
    await sleep(REACH_EVERY_MS)
  }
}

const isUnavailable = (error: unknown): boolean => error instanceof Problem && error.code === 'warden-unavailable'

/**
 * Has changes made to the authority as it is now.
 * @returns `waiting` when other operators must sign too
 * @throws `change-not-authorized`, `authority-change-refused`, `warden-unavailable`
 */
export async function requestChange(
  place: WardenPlace,
  signer: OperatorSigner,
  changes: readonly ChangeDocument[],
  reason: string,
): Promise<Submitted> {
  for (let tries = 1; ; tries++) {
    try {
      return await withWarden(place, async (warden) => {
        const { snapshot, hash } = await warden.status()
        const base = { snapshot: { number: snapshot }, hash: hash as VerifiedSnapshot['hash'] }
        const text = newRequest(base, changes, reason, systemClock.nowMs(), randomBytes(17))
        return await warden.submit(await signWith(signer, text))
      })
    } catch (error) {
      // Another operator was quicker: the same change, made to what they left.
      if (!(error instanceof Problem) || error.code !== 'change-stale' || tries >= TRIES_MAX) throw error
    }
  }
}

/** Adds a signature to a request of somebody else. @throws as `requestChange`; `change-stale` when it does not wait any more */
export function signRequest(place: WardenPlace, signer: OperatorSigner, id: string): Promise<Submitted> {
  return withWarden(place, async (warden) => {
    const found = (await warden.pending()).find(({ request }) => request === id)
    if (found === undefined) throw problem('change-stale', `no request \`${id}\` waits for signatures`)
    return await warden.submit(await signWith(signer, found.text))
  })
}

export function recordDrill(place: WardenPlace, signer: OperatorSigner, report: string): Promise<void> {
  return withWarden(place, async (warden) => {
    const signature = (await signer.sign(drillBytes(report))).toString('base64')
    await warden.recordDrill({ request: report, operator: signer.id, signature })
  })
}

export async function signWith(signer: OperatorSigner, text: string): Promise<SignedRequest> {
  const signature = (await signer.sign(signedBytes(text))).toString('base64')
  return { request: text, operator: signer.id, signature }
}

function throughDoor(door: Parameters<typeof callDoor>[0]): WardenSide {
  return {
    status: () => callDoor(door, 'GET', '/status'),
    snapshot: () => callDoor(door, 'GET', '/snapshot'),
    pending: async () => (await callDoor<{ requests: readonly PendingRequest[] }>(door, 'GET', '/requests')).requests,
    submit: (one) => callDoor(door, 'POST', '/changes', one),
    recordDrill: async (one) => {
      const { request: report, operator, signature } = one
      await callDoor(door, 'POST', '/drills', { report, operator, signature })
    },
    journal: async (from) =>
      (await callDoor<{ entries: readonly string[] }>(door, 'GET', `/journal?from=${from}`)).entries,
  }
}

function inProcess({ dir, publishDir }: WardenPlace): { readonly warden: WardenSide; close(): void } {
  // Policies are checked against the application by whoever asks for the change, before it is signed.
  const warden = openWarden({ dir, publishDir, clock: systemClock, checkPolicies: () => [] })
  return {
    warden: {
      status: async () => warden.status(),
      snapshot: async () => warden.current,
      pending: async () => warden.pending(),
      submit: async (one) => warden.submit(one),
      recordDrill: async (one) => warden.recordDrill(one),
      journal: async (from) => warden.journal(from, JOURNAL_PAGE),
    },
    close: () => warden.close(),
  }
}
