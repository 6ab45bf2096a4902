/**
 * C2SP cosignature/v1: a witness says that, at a time, the largest tree it knew of a log was this one. Ed25519 (type 0x04) only; lines of
 * other types are passed over, as the format asks. Source: tlog-cosignature, signed-note.
 */
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { NoteError, parseNote, strictBase64, type NoteSignature } from '../model/signed-note.ts'

/** Public half of a witness key. Not a `NoteVerifier`: what it signs is not the note's text alone. */
export interface CosignatureVerifier {
  readonly algorithm: 'cosignature/v1'
  readonly name: string
  /** First four bytes of SHA-256(name || '\n' || 0x04 || key), 8 lower-case hex characters. */
  readonly keyHash: string
  readonly publicKey: KeyObject
}
export interface CosignatureSigner extends CosignatureVerifier {
  readonly privateKey: KeyObject
}
export interface Cosignature {
  readonly verifier: CosignatureVerifier
  /** When it was made, by the witness's clock: seconds since the epoch. */
  readonly timeSeconds: number
  /** The signature line, final newline included. */
  readonly line: string
}

const COSIGNATURE = 4 // signature type byte
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex') // DER header before the 32 key bytes
const TIME_BYTES = 8
const SIGNATURE_BYTES = 64
const NAME = /^[^\s+\p{Cc}]+$/u

/** Points of small order, in every encoding: under such a key one signature fits many messages. Source: RFC 8032 §5.1, cofactor 8. */
const SMALL_ORDER = new Set(
  [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ].flatMap((y) => [y, y.slice(0, 62) + (Number.parseInt(y.slice(62), 16) | 0x80).toString(16)]),
)

/** What a witness signs: two lines of its own, then the whole text of the checkpoint, extension lines included. */
const cosignedText = (text: string, timeSeconds: number): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${timeSeconds}\n${text}`)

/** @returns one signature line for the text of a checkpoint, to be put behind its note. @throws RangeError for a time that is none */
export function cosignatureLine(text: string, signer: CosignatureSigner, timeSeconds: number): string {
  if (!Number.isSafeInteger(timeSeconds) || timeSeconds < 0)
    throw new RangeError(`\`${timeSeconds}\` is no time in seconds`)
  const time = Buffer.alloc(TIME_BYTES)
  time.writeBigUInt64BE(BigInt(timeSeconds))
  const signature = sign(null, cosignedText(text, timeSeconds), signer.privateKey)
  const blob = Buffer.concat([Buffer.from(signer.keyHash, 'hex'), time, signature])
  return `— ${signer.name} ${blob.toString('base64')}\n`
}

/**
 * The cosignatures of a note that the given keys made. A wrong one of a known key spoils the whole note; unknown keys are passed over.
 * @throws NoteError
 */
export function verifyCosignatures(note: string, verifiers: readonly CosignatureVerifier[]): readonly Cosignature[] {
  const { text, signatures } = parseNote(note)
  const found: Cosignature[] = []
  for (const signature of signatures) {
    const verifier = verifiers.find((one) => one.name === signature.name && one.keyHash === signature.keyHash)
    if (verifier === undefined || found.some((one) => one.verifier === verifier)) continue
    found.push(verifyOne(text, signature, verifier))
  }
  return found
}

function verifyOne(text: string, { name, keyHash, signature }: NoteSignature, key: CosignatureVerifier): Cosignature {
  const bytes = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength)
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES)
    throw new NoteError(`the cosignature of \`${name}\` is not a time and 64 bytes`)
  const time = bytes.readBigUInt64BE()
  // Times beyond 2^53 s are beyond this system; the format itself ends at 2^63.
  if (time > BigInt(Number.MAX_SAFE_INTEGER))
    throw new NoteError(`the cosignature of \`${name}\` has a time out of range`)
  const timeSeconds = Number(time)
  if (!verify(null, cosignedText(text, timeSeconds), key.publicKey, bytes.subarray(TIME_BYTES)))
    throw new NoteError(`the cosignature of \`${name}\` does not verify`)
  const blob = Buffer.concat([Buffer.from(keyHash, 'hex'), bytes]).toString('base64')
  return { verifier: key, timeSeconds, line: `— ${name} ${blob}\n` }
}

/** `name+keyhash+base64(0x04 || key)`, without newline. Keys of small order are refused. @throws NoteError */
export function parseCosignatureKey(vkey: string): CosignatureVerifier {
  const [, name, keyHash, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? []
  if (name === undefined || keyHash === undefined || encoded === undefined)
    throw new NoteError('the witness key is not `name+hash+key`')
  const typed = strictBase64(encoded)
  if (typed === null || typed.length !== 33 || typed[0] !== COSIGNATURE)
    throw new NoteError(`the key of \`${name}\` is not an Ed25519 cosignature key`)
  const key = { key: Buffer.concat([SPKI_ED25519, typed.subarray(1)]), format: 'der', type: 'spki' } as const
  const verifier = cosignatureVerifier(name, createPublicKey(key))
  if (verifier.keyHash !== keyHash) throw new NoteError(`the key of \`${name}\` does not match its hash`)
  return verifier
}

export const formatCosignatureKey = ({ name, keyHash, publicKey }: CosignatureVerifier): string =>
  `${name}+${keyHash}+${typedKey(publicKey).toString('base64')}`

/** @throws NoteError for a name with white space or `+`, or a key that cannot be a witness's */
export function cosignatureVerifier(name: string, publicKey: KeyObject): CosignatureVerifier {
  if (!NAME.test(name) || !name.isWellFormed()) throw new NoteError(`\`${name}\` cannot name a key`)
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new NoteError(`the key of \`${name}\` is not an Ed25519 key`)
  const typed = typedKey(publicKey)
  if (SMALL_ORDER.has(typed.toString('hex', 1))) throw new NoteError(`the key of \`${name}\` is of small order`)
  const keyHash = createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8)
  return { algorithm: 'cosignature/v1', name, keyHash, publicKey }
}

/** A witness must share its key with no log and no other witness: the signed text does not name the signer. @throws NoteError */
export const cosignatureSigner = (name: string, privateKey: KeyObject): CosignatureSigner => ({
  ...cosignatureVerifier(name, createPublicKey(privateKey)),
  privateKey,
})

const typedKey = (publicKey: KeyObject): Buffer =>
  Buffer.concat([
    Buffer.from([COSIGNATURE]),
    publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_ED25519.length),
  ])
