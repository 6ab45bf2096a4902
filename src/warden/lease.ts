/**
 * The warden's sign of life: a small note, signed by the key that signs snapshots, naming the newest snapshot and until when it may be acted on.
 * The warden replaces it several times per lease. Reading half: nothing here can sign.
 */
import { z } from 'zod'
import { NoteError, verifyNote, type NoteVerifier } from '../model/signed-note.ts'
import type { Hash } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { problem } from '../model/problems.ts'

export const LEASE_FILE = 'lease'
/** How far the clocks of warden and runtime may differ before a lease from the future is not believed. */
export const CLOCK_SKEW_MS_MAX = 60_000

export interface Lease {
  readonly format: 1
  /** The newest snapshot that the warden has published, and its hash. */
  readonly snapshot: number
  readonly hash: Hash
  readonly issuedAtMs: number
  readonly untilMs: number
}

const lease = z.strictObject({
  format: z.literal(1),
  snapshot: z.int().min(1).max(999_999),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  issuedAtMs: z.int().min(0),
  untilMs: z.int().min(0),
})

export const leaseText = (value: Lease): string => `${canonicalJson(value)}\n`

/** @throws `authority-invalid` with member `reason`: `forged` or `malformed` */
export function openLease(note: string, verifier: NoteVerifier, nowMs: number): Lease {
  let text: string
  try {
    text = verifyNote(note, [verifier]).text
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('authority-invalid', `the lease: ${error.message}`, { reason: 'forged' }, error)
  }
  const value = parsed(text)
  if (value === null || leaseText(value) !== text)
    throw problem('authority-invalid', 'the lease is not in its one form', { reason: 'malformed' })
  if (value.issuedAtMs > nowMs + CLOCK_SKEW_MS_MAX)
    throw problem('authority-invalid', 'the lease is from the future: compare the clocks', { reason: 'malformed' })
  return value
}

function parsed(text: string): Lease | null {
  try {
    return lease.safeParse(JSON.parse(text)).data as Lease | null
  } catch {
    return null
  }
}
