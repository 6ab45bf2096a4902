/** Publishes an authority change, and waits until the running system says that it decides by it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Self } from '../../engine/engine.ts'
import { Problem, type ProblemCode } from '../../model/problems.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'
import type { ChangeDocument } from '../../warden/change-document.ts'
import { requestChange, withWarden } from '../../warden/operate.ts'
import type { Submitted } from '../../warden/warden.ts'
import type { ParsedOptions } from './command.ts'
import { findConnection, type Connection } from './connection.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { operatorSigner } from './operator-signer.ts'
import { wardenPlace } from './warden-place.ts'
import { request } from './http-client.ts'

const ASK_EVERY_MS = 10
const WAIT_MS_MAX = 10_000 // the runtime polls every 2 s where the file system tells it nothing

export type Adoption =
  /** The system answered with this snapshot; `ms` from before signing until the answer. */
  | { readonly kind: 'adopted'; readonly snapshot: number; readonly ms: number }
  /** Signed and durable; nothing runs on this directory, the next start adopts it. */
  | { readonly kind: 'published'; readonly snapshot: number }
  /** Signed by this operator; others must sign too. */
  | Extract<Submitted, { kind: 'waiting' }>
  /** Signed and published; this credential may not see whether the system decides by it (any more). */
  | { readonly kind: 'unseen'; readonly snapshot: number }
  | { readonly kind: 'not-adopted'; readonly snapshot: number; readonly waitedMs: number }

/** The newest snapshot that the warden has published. */
export async function newestSnapshot(options: ParsedOptions): Promise<AuthoritySnapshot> {
  return (await withWarden(wardenPlace(options), (warden) => warden.snapshot())).snapshot
}

/** Has a change signed by the operator of `--operator`, or of the data directory, and waits until the running system decides by it. */
export async function publishAndWait(
  options: ParsedOptions,
  changes: readonly ChangeDocument[],
  reason = '',
): Promise<Adoption> {
  const connection = await runningOn(options)
  const signer = await operatorSigner(options)
  const startedMs = performance.now()
  const submitted = await requestChange(wardenPlace(options), signer, changes, reason)
  return await waitForAdoption(submitted, connection, startedMs)
}

/** @param connection null when nothing runs */
export async function waitForAdoption(
  submitted: Submitted,
  connection: Connection | null,
  startedMs: number,
): Promise<Adoption> {
  if (submitted.kind === 'waiting') return submitted
  const { snapshot } = submitted
  if (connection === null) return { kind: 'published', snapshot }
  while (performance.now() - startedMs < WAIT_MS_MAX) {
    const adopted = await adoptedNumber(connection).catch((error: unknown) => {
      if (error instanceof Problem && UNSEEN.has(error.code)) return 'unseen' as const
      throw error
    })
    if (adopted === 'unseen') return { kind: 'unseen', snapshot }
    if (adopted === null) return { kind: 'published', snapshot }
    if (adopted >= snapshot) return { kind: 'adopted', snapshot, ms: performance.now() - startedMs }
    await sleep(ASK_EVERY_MS)
  }
  return { kind: 'not-adopted', snapshot, waitedMs: WAIT_MS_MAX }
}

/** A change may take from the one who asked for it what it takes to look. */
const UNSEEN: ReadonlySet<ProblemCode> = new Set(['forbidden', 'principal-revoked', 'credentials-invalid'])

/** What a change's outcome tells the shell. */
export const exitCodeOfAdoption = ({ kind }: Adoption): ExitCode =>
  kind === 'not-adopted' ? EXIT.tryAgain : kind === 'waiting' ? EXIT.waiting : EXIT.ok

export async function runningOn(options: ParsedOptions): Promise<Connection | null> {
  try {
    const connection = await findConnection(options)
    return (await adoptedNumber(connection)) === null ? null : connection
  } catch (error) {
    if (error instanceof Problem && error.code === 'system-unreachable') return null
    throw error
  }
}

/** Null when nothing answers. */
async function adoptedNumber(connection: Connection): Promise<number | null> {
  try {
    return (await request<Self>(connection, '/v1/self')).authority.snapshot
  } catch (error) {
    if (error instanceof Problem && error.code === 'system-unreachable') return null
    throw error
  }
}

export const adoptionLine = (adoption: Adoption): string => {
  switch (adoption.kind) {
    case 'adopted':
      return `snapshot ${adoption.snapshot} is in force: the running system adopted it ${adoption.ms.toFixed(1)} ms after the signature was asked for`
    case 'published':
      return `snapshot ${adoption.snapshot} is signed; nothing runs here, the next start adopts it`
    case 'waiting': {
      const missing = Object.entries(adoption.missing).map(([kind, count]) => `${count} more for ${kind}`)
      return `request ${adoption.request} waits for signatures: ${missing.join(', ')}; another operator signs it with \`plinth operator sign ${adoption.request}\``
    }
    case 'unseen':
      return `snapshot ${adoption.snapshot} is signed and published; this credential may not see what the running system decides by`
    case 'not-adopted':
      return `snapshot ${adoption.snapshot} is signed, but the running system has not adopted it after ${adoption.waitedMs} ms: see \`plinth policy status\``
    default:
      return adoption satisfies never
  }
}
