/**
 * Personal data in a stored document: the declared members hold their stand-ins, and one member beside them, `$sealed`, holds the values,
 * encrypted under the keys of the data subjects they are about. Destroying a key leaves the stand-ins: the bytes that the log commits to never change.
 */
import type { JsonObject } from './json.ts'

/** What an entity declares. The subject of a stream is `<entity>/<id>`, e.g. `user/mia_li_3668`. */
export interface PersonalManifest {
  readonly subject: {
    readonly entity: string
    /** Member of the state that holds the subject's id; null: the entity is the subject itself. */
    readonly member: string | null
  }
  /** By event: what stands in place of each personal member once it is erased, and in the stored bytes always. */
  readonly events: Readonly<Record<string, JsonObject>>
}

export const SEALED = '$sealed'

/** The event that an erasure is: which keys are destroyed, of whom, and why. */
export type Erasure = {
  readonly subject: string
  readonly tenant: string
  readonly kids: readonly string[]
  /** How many streams held data under them. */
  readonly streams: number
  readonly reason: string
  readonly basis: string | null
}

/** `$sealed` of a stored document. Binary values are base64, hashes hex. */
export interface SealedPart {
  readonly v: 1
  /** Keys that it takes to open it, all of them, in order. */
  readonly kids: readonly string[]
  /** JSON pointers of the members whose values are inside. */
  readonly at: readonly string[]
  readonly iv: string
  /** Ciphertext and tag of AES-256-GCM, its length padded. */
  readonly ct: string
  /** Commits to the key: no second key opens the same ciphertext. */
  readonly key: string
  /** SHA-256 over a salt, derived from the key and gone with it, and the plaintext. */
  readonly pt: string
}

const KID = /^k_[a-z2-7]{26}$/
const HEX = /^[0-9a-f]{64}$/

/** The sealed part of a stored document; null when it has none. */
export function sealedPartOf(document: unknown): SealedPart | null {
  if (typeof document !== 'object' || document === null || !Object.hasOwn(document, SEALED)) return null
  const part = (document as JsonObject)[SEALED] as Partial<SealedPart> | null | undefined
  const fits =
    typeof part === 'object' &&
    part?.v === 1 &&
    Array.isArray(part.kids) &&
    part.kids.length > 0 &&
    part.kids.every((kid) => typeof kid === 'string' && KID.test(kid)) &&
    Array.isArray(part.at) &&
    part.at.every((pointer) => typeof pointer === 'string') &&
    [part.iv, part.ct].every((text) => typeof text === 'string') &&
    [part.key, part.pt].every((text) => typeof text === 'string' && HEX.test(text))
  return fits ? (part as SealedPart) : null
}

/** Spares most documents the parsing. */
export const mayBeSealed = (text: string): boolean => text.includes(`"${SEALED}":{`)

/** Whether the payload of an operation's record stands without its values: sealed as stored, or erased. */
export function isSealedAway(payload: object): boolean {
  const { input } = payload as { readonly input?: unknown }
  const isErased = typeof input === 'object' && input !== null && Object.hasOwn(input, 'erased')
  return Object.hasOwn(payload, SEALED) || (isErased && (payload as { readonly request?: unknown }).request === null)
}
