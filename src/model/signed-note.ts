/**
 * C2SP signed notes with Ed25519 keys: a text, a blank line, and signature lines. Bytes that parse print back the same.
 * Nothing here says what a text means; checkpoints, snapshots and decisions bring their own grammar.
 */
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

/** A note, key or signature line that is not in the one canonical form, or that does not verify. Callers wrap it in their own Problem. */
export class NoteError extends Error {
  override readonly name = 'NoteError'
}

export interface NoteSignature {
  /** Name of the key, as the signer calls it: no white space, no `+`. */
  readonly name: string
  /** First four bytes of the key hash, 8 lower-case hex characters. */
  readonly keyHash: string
  /** Ed25519: 64 bytes. Other types have other lengths; they are kept, never judged. */
  readonly signature: Uint8Array
}
export interface SignedNote {
  /** What is signed, its final newline included. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}
export interface NoteVerifier {
  readonly name: string
  readonly keyHash: string
  readonly publicKey: KeyObject
}
export interface NoteSigner extends NoteVerifier {
  readonly privateKey: KeyObject
}

export const NOTE_BYTES_MAX = 1_000_000 // as in Go's note package; checked before anything is parsed
export const NOTE_SIGNATURES_MAX = 100 // same source; bounds the work that a hostile note can ask for
const ED25519 = 1 // signature type byte
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex') // DER header before the 32 key bytes
const NAME = /^[^\s+\p{Cc}]+$/u
/** y of the points of small order, the sign bit cleared: a key like that verifies signatures that nobody made. */
const SMALL_ORDER = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

/** Splits a note into text and signatures without verifying any. @throws NoteError */
export function parseNote(note: string): SignedNote {
  if (note.length > NOTE_BYTES_MAX || Buffer.byteLength(note) > NOTE_BYTES_MAX)
    throw new NoteError('the note is too long')
  if (!note.isWellFormed() || hasControlCharacter(note)) throw new NoteError('the note holds a control character')
  const blank = note.lastIndexOf('\n\n')
  if (blank < 0) throw new NoteError('the note has no blank line before its signatures')
  const lines = note.slice(blank + 2).split('\n')
  if (lines.pop() !== '' || lines.length === 0) throw new NoteError('the note does not end in signature lines')
  if (lines.length > NOTE_SIGNATURES_MAX) throw new NoteError('the note has too many signatures')
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignatureLine) }
}

/**
 * Verifies with every given key that signed. A wrong signature of a known key spoils the whole note; unknown keys are passed over.
 * @returns the text, and who of the given keys has signed it: at least one
 * @throws NoteError
 */
export function verifyNote(
  note: string,
  verifiers: readonly NoteVerifier[],
): { readonly text: string; readonly signedBy: readonly NoteVerifier[] } {
  const { text, signatures } = parseNote(note)
  const bytes = Buffer.from(text)
  const signedBy: NoteVerifier[] = []
  for (const { name, keyHash, signature } of signatures) {
    const verifier = verifiers.find((one) => one.name === name && one.keyHash === keyHash)
    if (verifier === undefined || signedBy.includes(verifier)) continue
    if (signature.length !== 64 || !verify(null, bytes, verifier.publicKey, signature))
      throw new NoteError(`the signature of \`${name}\` does not verify`)
    signedBy.push(verifier)
  }
  if (signedBy.length === 0) throw new NoteError('no known key has signed the note')
  return { text, signedBy }
}

/** Signs a text, which must end in a newline and hold no control characters. @throws NoteError */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n') || !text.isWellFormed() || hasControlCharacter(text))
    throw new NoteError('the text must be lines without control characters')
  if (signers.length === 0) throw new NoteError('a note needs a signer')
  const bytes = Buffer.from(text)
  let note = `${text}\n`
  for (const signer of signers) {
    const signature = Buffer.concat([Buffer.from(signer.keyHash, 'hex'), sign(null, bytes, signer.privateKey)])
    note += `— ${signer.name} ${signature.toString('base64')}\n`
  }
  return note
}

/** `name+keyhash+base64(type || key)`, without newline. @throws NoteError */
export function parseVerifierKey(text: string): NoteVerifier {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text)
  const [, name, keyHash, encoded] = match ?? []
  if (name === undefined || keyHash === undefined || encoded === undefined || !NAME.test(name))
    throw new NoteError('the verifier key is not `name+hash+key`')
  const key = strictBase64(encoded)
  if (key === null || key.length !== 33 || key[0] !== ED25519)
    throw new NoteError(`the verifier key of \`${name}\` is not an Ed25519 key`)
  if (hashOf(name, key) !== keyHash) throw new NoteError(`the verifier key of \`${name}\` does not match its hash`)
  if (isSmallOrder(key.subarray(1))) throw new NoteError(`the verifier key of \`${name}\` is a point of small order`)
  return {
    name,
    keyHash,
    publicKey: createPublicKey({ key: Buffer.concat([SPKI_ED25519, key.subarray(1)]), format: 'der', type: 'spki' }),
  }
}

export function formatVerifierKey(verifier: NoteVerifier): string {
  return `${verifier.name}+${verifier.keyHash}+${typedKey(verifier.publicKey).toString('base64')}`
}

/** A signer for an Ed25519 private key. Keep it: parsing a key costs more than signing. @throws NoteError */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  return { ...noteVerifier(name, createPublicKey(privateKey)), privateKey }
}

/** @throws NoteError for a name with white space or `+`, or a key that is not Ed25519 */
export function noteVerifier(name: string, publicKey: KeyObject): NoteVerifier {
  if (!NAME.test(name) || !name.isWellFormed()) throw new NoteError(`\`${name}\` cannot name a key`)
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new NoteError(`the key of \`${name}\` is not an Ed25519 key`)
  return { name, keyHash: hashOf(name, typedKey(publicKey)), publicKey }
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name, encoded] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? []
  if (name === undefined || encoded === undefined || !NAME.test(name))
    throw new NoteError('a signature line is not `— name base64`')
  const bytes = strictBase64(encoded)
  if (bytes === null || bytes.length < 5) throw new NoteError(`the signature of \`${name}\` is not base64`)
  return { name, keyHash: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) }
}

function isSmallOrder(raw: Uint8Array): boolean {
  const y = Buffer.from(raw)
  y[31] = (y[31] as number) & 0x7f
  return SMALL_ORDER.has(y.toString('hex'))
}

const typedKey = (publicKey: KeyObject): Buffer =>
  Buffer.concat([
    Buffer.from([ED25519]),
    publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_ED25519.length),
  ])

const hashOf = (name: string, typed: Uint8Array): string =>
  createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8)

/** Standard alphabet with padding, and only in the form that encoding gives. */
export function strictBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

// A loop, because a class of control characters in a regular expression is unreadable.
function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x20 && code !== 0x0a) return true
  }
  return false
}
