/**
 * The authority snapshot: all that the runtime may know of permission, numbered, hash-linked, signed by the warden's root key, verified against
 * a pinned public key. The runtime only reads it; the warden makes it from what operators have signed.
 */
import type { ProtectedDeclaration } from '../model/declaration.ts'
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
/** What a switch reaches. `value` is `*` for `global`; otherwise a name: of the tenant, principal (with all that it owns), run, command, effect … */
export interface SwitchScope {
  readonly kind: 'global' | 'application' | 'tenant' | 'principal' | 'run' | 'command' | 'effect' | 'policy-set'
  /** For `policy-set` the hash of the set, as `plinth state` shows it: nothing is admitted under it. */
  readonly value: string
}
/** `pause`: waits until it is off, within bounds, then refused: try again later. `stop`: refused, and what is under way is aborted. `contain`: reads only. `freeze`: no release is activated. */
export type SwitchAction = 'pause' | 'stop' | 'contain' | 'freeze'
export interface SwitchEntry {
  readonly id: string
  readonly scope: SwitchScope
  readonly action: SwitchAction
  /** Shown in every refusal that it causes. */
  readonly reason: string
  /** The operator who asked for it. */
  readonly by: string
  readonly atMs: number
}

/** Kinds of change, each with its own threshold; an operator's roles say which of them it may sign. */
export type ChangeKind =
  | 'principals'
  | 'revoke'
  | 'policies'
  | 'issuers'
  | 'switch-on'
  | 'switch-off'
  | 'ceilings'
  | 'protected'
  | 'operators'
  | 'root'

/** Who may ask the warden for changes. Not a principal: an operator key opens no door of the runtime. */
export interface OperatorEntry {
  readonly id: string
  readonly algorithm: 'ed25519'
  /** Base64 SPKI. */
  readonly publicKey: string
  /** Kinds of change that it may sign, or `*`. */
  readonly roles: readonly (ChangeKind | '*')[]
}

/** A named budget, owned and versioned here; nothing spends against it yet. At most `limit` of `unit` in any `windowMs` (null: ever), counted for everything in its scope together. */
export interface CeilingEntry {
  readonly name: string
  readonly scope: SwitchScope
  /** `operations`, or what is summed, e.g. `usd-cents`. */
  readonly unit: string
  readonly limit: number
  readonly windowMs: number | null
}

/** A declaration that no release may change or leave out: another hash takes another signed change. */
export type ProtectedEntry = ProtectedDeclaration

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
  /** Always empty: rules observe by where their file lies (`observe/`), or by `@mode`, so that the hash of the files says which. */
  readonly policySets: readonly never[]
  /** Those that are on, oldest first. */
  readonly switches: readonly SwitchEntry[]
  readonly operators: readonly OperatorEntry[]
  /** How many operators must sign a change of this kind; 1 where nothing is said. */
  readonly thresholds: Readonly<Partial<Record<ChangeKind, number>>>
  readonly ceilings: readonly CeilingEntry[]
  readonly protected: readonly ProtectedEntry[]
  /** The runtime changes nothing when the warden's last sign of life is older than this; null: it needs none. */
  readonly leaseMs: number | null
  /** Verifier key that signs the snapshots after this one; null: the same as before. */
  readonly nextRootKey: string | null
}

/** A file of the authority folder that was passed over, and why. The snapshot in force stays what it was. */
export interface AuthorityFinding {
  readonly file: string
  readonly reason: 'forged' | 'malformed' | 'forked' | 'gap' | 'refused' | 'withheld'
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
  /** SHA-256 of the card that the approver was shown, as UTF-8; left out when there was none. */
  readonly saw?: Hash
  readonly by: PrincipalId
  readonly reason: string
  readonly decidedAtMs: number
}
