/**
 * Seals values under the keys of their data subjects. All of the keys are needed to open: whoever's is destroyed, the values are gone.
 *
 * One HKDF over the keys and the context gives four keys of their own: for AES-256-GCM, the commitment that is stored, the salt of the
 * plaintext's commitment, and the key that the nonce is derived with. AES-GCM alone is not committing: one ciphertext can be made that opens under
 * two keys; here the second would have to give the same stored commitment. The context names tenant, stream and event, so that what was sealed
 * in one place opens in no other. The nonce follows from key and plaintext: the same values in the same place give the same bytes.
 */
import { createCipheriv, createDecipheriv, hash, timingSafeEqual } from 'node:crypto'
import type { Json } from '../model/json.ts'
import type { SealedPart } from '../model/personal.ts'
import { hkdfSha256, hmacSha256 } from './hkdf.ts'

export interface SubjectKey {
  readonly kid: string
  readonly tenant: string
  readonly subject: string
  /** 32 random bytes. */
  readonly secret: Buffer
}

export type Sealed = Omit<SealedPart, 'at'>

const PADDED_BYTES_MIN = 64
const IV_BYTES = 12
const TAG_BYTES = 16

/** @param context where it stands, as text: what another place must not be able to open. @param keys at least one */
export function seal(values: readonly Json[], keys: readonly SubjectKey[], context: string): Sealed {
  const sorted = inOrder(keys)
  const derived = derive(sorted, context)
  const plain = Buffer.from(JSON.stringify(values))
  const padded = Buffer.alloc(paddedBytes(plain.length), ' ') // white space behind a JSON value says nothing
  plain.copy(padded)
  const iv = hmacSha256(derived.nonce, padded).subarray(0, IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', derived.encryption, iv)
  cipher.setAAD(Buffer.from(context))
  const ct = Buffer.concat([cipher.update(padded), cipher.final(), cipher.getAuthTag()])
  return {
    v: 1,
    kids: sorted.map(({ kid }) => kid),
    iv: iv.toString('base64'),
    ct: ct.toString('base64'),
    key: derived.commitment.toString('hex'),
    pt: plaintextCommitment(derived.salt, plain),
  }
}

/** The values; null when a byte is not as it was sealed, the keys are others, or it was sealed in another place. */
export function unseal(sealed: Sealed, keys: readonly SubjectKey[], context: string): readonly Json[] | null {
  const derived = derive(inOrder(keys), context)
  const commitment = Buffer.from(sealed.key, 'hex')
  if (commitment.length !== 32 || !timingSafeEqual(commitment, derived.commitment)) return null
  try {
    const bytes = Buffer.from(sealed.ct, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', derived.encryption, Buffer.from(sealed.iv, 'base64'))
    decipher.setAAD(Buffer.from(context))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const padded = Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()])
    const text = padded.toString().trimEnd()
    if (plaintextCommitment(derived.salt, Buffer.from(text)) !== sealed.pt) return null
    return JSON.parse(text) as Json[]
  } catch {
    return null
  }
}

/** Lengths say little: 64 bytes, and from there in steps of a half. */
export function paddedBytes(bytes: number): number {
  for (let size = PADDED_BYTES_MIN; ; size *= 2) {
    if (bytes <= size) return size
    if (bytes <= size * 1.5) return size * 1.5
  }
}

const inOrder = (keys: readonly SubjectKey[]): readonly SubjectKey[] =>
  keys.length === 1 ? keys : [...keys].sort((one, other) => (one.kid < other.kid ? -1 : 1))

function derive(keys: readonly SubjectKey[], context: string) {
  const secret = keys.length === 1 ? (keys[0] as SubjectKey).secret : Buffer.concat(keys.map((key) => key.secret))
  const info = hash('sha256', `plinth/sealed/v1\0${keys.map(({ kid }) => kid).join(',')}\0${context}`, 'buffer')
  const bytes = hkdfSha256(secret, info, 128)
  return {
    encryption: bytes.subarray(0, 32),
    commitment: bytes.subarray(32, 64),
    salt: bytes.subarray(64, 96),
    nonce: bytes.subarray(96),
  }
}

const plaintextCommitment = (salt: Buffer, plain: Buffer): string =>
  hash('sha256', Buffer.concat([Buffer.from('plinth/pt/v1'), salt, plain]), 'hex')
