/**
 * The port between whoever writes the log and whoever holds its key. Two implementations: `Signer`, which is the holder itself, and
 * `SignerClient`, which speaks to it through its socket. Everything that crosses is plain data.
 */
import type { Hash } from '../../model/ids.ts'

/** Where the signer stands when a writer takes over. */
export interface SignerStanding {
  /** The writer's own: names it in every request, and a later claim makes it stale. */
  readonly epoch: number
  readonly origin: string
  /** Last tree that was signed; size 0 when none was. */
  readonly size: number
  readonly rootHash: Hash
  /** Public key in use, as `name+hash+base64`. */
  readonly vkey: string
  /** SHA-256 of the key that may follow, see `keyDigest`. */
  readonly next: Hash
  /** Keys that were in use before, oldest first. */
  readonly retired: readonly string[]
  /** A rotation that is released and waits for its record in the log; null when none does. */
  readonly rotation: PreparedRotation | null
  /** How the key is held: `file`, `ssh-agent`… */
  readonly backEnd: string
  /** Why nothing new is signed yet: no witness has said what it cosigned last. Null when one has, or none is configured. */
  readonly unconfirmed: string | null
}

export interface PreparedRotation {
  readonly vkey: string
  readonly next: Hash
  /** Signed note by the key in use and the key that follows. */
  readonly statement: string
}

export interface SignRequest {
  readonly epoch: number
  /** The size that the proof starts from: the one that was signed last. */
  readonly oldSize: number
  readonly proof: readonly Hash[]
  /** The checkpoint's text: origin, size, root. */
  readonly body: string
  /** Evidence that a key record lies in the tree to be signed, once one does; otherwise null. */
  readonly keyRecord: KeyRecordEvidence | null
}

/** A record of the log's keys: its leaf at `index`, under the tree that is to be signed. */
export interface KeyRecordEvidence {
  readonly index: number
  readonly line: string
  readonly payload: string
  readonly proof: readonly Hash[]
}

export type SignAnswer =
  | { readonly kind: 'signed'; readonly note: string; readonly vkey: string }
  /** The proof must start from another size: an earlier answer was lost. */
  | { readonly kind: 'elsewhere'; readonly size: number; readonly rootHash: Hash }

export interface LogSigner {
  /** Takes over as the one writer: requests of earlier epochs are refused from here on. @throws `signer-unavailable`, `signer-state-damaged` */
  claim(signal: AbortSignal): Promise<SignerStanding>
  /**
   * Signs a checkpoint that follows from the last one. What it answers for is on the signer's disk.
   * @throws `signer-refused` for a tree that does not follow, `signer-fenced` for a stale epoch, `signer-unconfirmed` for anything but the last one
   * again, `signer-unavailable`
   */
  sign(request: SignRequest, signal: AbortSignal): Promise<SignAnswer>
  /** Where it stands, without taking over. */
  standing(signal: AbortSignal): Promise<SignerStanding>
  close(): Promise<void>
}
