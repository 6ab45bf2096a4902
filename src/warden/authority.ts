/**
 * The authority snapshot: all that the runtime may know of permission, numbered, hash-linked, signed by the operator's key, verified against
 * a pinned public key. The runtime only reads it; it is written by the operator's own command line (src/warden/), in time by a process of its own.
 */
import type { Hash, PrincipalId } from '../model/ids.ts'
import type { PrincipalKind } from '../model/principal.ts'

export interface PrincipalEntry {
  readonly id: PrincipalId
  readonly kind: PrincipalKind
  /** Null for a principal that owns itself (a person, the installation). */
  readonly owner: PrincipalId | null
  readonly roles: readonly string[]
  readonly epoch: number
  readonly revoked: boolean
  /** SHA-256 of each API key, hex; with a name and optional expiry. */
  readonly keys: readonly { readonly name: string; readonly hash: Hash; readonly expiresAtMs: number | null }[]
  /** Ed25519 public key (base64 SPKI) that signs approval decisions; null when it may not decide. */
  readonly approvalKey: string | null
  /** Principals it may act for: ids, or `*`. */
  readonly mayActFor: readonly string[]
  readonly tenant: string
}
export interface IssuerEntry {
  readonly issuer: string
  readonly audience: string
  readonly jwksUrl: string
  readonly algorithms: readonly string[]
  /** Maps a verified `sub` to a principal: `prefix` + sub must be an entry, or `template` makes one with these roles. */
  readonly subjects: readonly { readonly sub: string; readonly principal: PrincipalId }[]
}
export interface AuthoritySnapshot {
  readonly format: 1
  readonly number: number
  /** SHA-256 of the previous snapshot's text, '' for the first. */
  readonly previous: Hash | ''
  readonly createdAtMs: number
  readonly principals: readonly PrincipalEntry[]
  readonly issuers: readonly IssuerEntry[]
  /** Cedar source by file name; `scope/*` decide scope, all others admission. */
  readonly policies: Readonly<Record<string, string>>
}

/** A file of the authority folder that was passed over, and why. The snapshot in force stays what it was. */
export interface AuthorityFinding {
  readonly file: string
  readonly reason: 'forged' | 'malformed' | 'forked' | 'gap' | 'refused'
  readonly detail: string
}
export interface AuthorityStatus {
  readonly number: number
  readonly hash: Hash
  readonly adoptedAtMs: number
  /** What the last look at the folder found wrong, at most 16 lines. */
  readonly findings: readonly AuthorityFinding[]
  /** `events`: the system tells of changes, polling stands behind; `polling`: only polling. */
  readonly watching: 'events' | 'polling'
}

/** What the runtime holds: the current verified snapshot, and word of a new one. */
export interface AuthoritySource {
  current(): AuthoritySnapshot
  /** SHA-256 of the text of `current()`. */
  hash(): Hash
  status(): AuthorityStatus
  /**
   * Called for each snapshot about to be adopted, before anything is decided on it; all listeners are waited for, in order. One that throws keeps
   * the old snapshot in force until the next look. Not called for the snapshot found at opening. Returns an unsubscribe.
   */
  onAdopt(listener: (snapshot: AuthoritySnapshot, hash: Hash) => void | Promise<void>): () => void
  close(): void
}

/** The text that an approver signs (Ed25519 over the UTF-8 bytes of its canonical JSON). */
export interface ApprovalDecision {
  readonly format: 1
  readonly approval: string
  readonly verdict: 'approve' | 'refuse'
  /** Hash over arguments, impact and pins as shown by the request; a differing one is refused. */
  readonly binds: Hash
  readonly by: PrincipalId
  readonly reason: string
  readonly decidedAtMs: number
}
