/**
 * Which keys a signer has: the one in use, the one that may follow, and a rotation that waits for its record in the log. `keys.json` names them;
 * the keys themselves are with their back ends.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hash } from '../../model/ids.ts'
import { epochText, keyDigest, nextEpochOrigin, rotationText, type LogEpoch } from '../../model/log-keys.ts'
import { problem } from '../../model/problems.ts'
import { formatVerifierKey, NoteError, noteVerifier, type NoteVerifier } from '../../model/signed-note.ts'
import { replaceDurablySync } from '../witness/durable-files.ts'
import { splitReference, type KeyBackEnd, type KeyHolder } from './key-back-end.ts'
import type { PreparedRotation } from './log-signer.ts'

interface KeysFile {
  readonly format: 'plinth-signer-keys/v1'
  readonly origin: string
  readonly inUse: {
    readonly reference: string
    readonly vkey: string
    /** signs sizes above it */ readonly after: number
  }
  readonly next: { readonly reference: string; readonly digest: Hash }
  readonly rotation:
    | (PreparedRotation & {
        readonly reference: string
        readonly nextReference: string
        /** Whether the log may record it; before, witnesses and verifiers are told of the key. */
        readonly released: boolean
      })
    | null
  /** An epoch that is being opened: nothing is signed under the name before any more. Left out when none is. */
  readonly opening?: OpeningEpoch & { readonly reference: string; readonly nextReference: string }
  /** Keys that were in use before, oldest first. */
  readonly retired: readonly string[]
}
/** The first key of an epoch, and what it and the key before have signed about it. */
export interface OpeningEpoch extends PreparedRotation {
  readonly origin: string
  readonly epoch: LogEpoch
}
export const KEYS_FILE = 'keys.json'

export class KeyRing {
  readonly #path: string
  readonly #backEnds: readonly KeyBackEnd[]
  #file: KeysFile
  #holder: KeyHolder
  #verifier: NoteVerifier

  private constructor(path: string, backEnds: readonly KeyBackEnd[], file: KeysFile, holder: KeyHolder) {
    this.#path = path
    this.#backEnds = backEnds
    this.#file = file
    this.#holder = holder
    this.#verifier = verifierOf(file.origin, holder)
  }

  static exists = (dir: string): boolean => existsSync(join(dir, KEYS_FILE))
  /** Of a ring that exists. @throws `signer-state-damaged` */
  static origin = (dir: string): string => readKeys(join(dir, KEYS_FILE)).origin

  /** @param references the first key and the next; without one, a file is made */
  static async create(
    dir: string,
    origin: string,
    backEnds: readonly KeyBackEnd[],
    references: { readonly inUse: string | null; readonly next: string | null },
  ): Promise<void> {
    const [inUse, next] = [references.inUse ?? makeFile(backEnds), references.next ?? makeFile(backEnds)]
    const vkey = await vkeyOf(backEnds, origin, inUse)
    const digest = keyDigest(await vkeyOf(backEnds, origin, next))
    if (digest === keyDigest(vkey)) throw problem('log-key-invalid', 'the next key must be another than the first')
    writeKeys(join(dir, KEYS_FILE), {
      format: 'plinth-signer-keys/v1',
      origin,
      inUse: { reference: inUse, vkey, after: -1 },
      next: { reference: next, digest },
      rotation: null,
      retired: [],
    })
  }

  /** @throws `log-key-invalid` when the key in use is not there or is another than it was, `signer-state-damaged` */
  static async open(dir: string, backEnds: readonly KeyBackEnd[]): Promise<KeyRing> {
    const path = join(dir, KEYS_FILE)
    const file = readKeys(path)
    const holder = await openReference(backEnds, file.inUse.reference)
    const ring = new KeyRing(path, backEnds, file, holder)
    if (formatVerifierKey(ring.verifier) !== ring.vkey)
      throw problem('log-key-invalid', `\`${file.inUse.reference}\` is another key than \`${file.inUse.vkey}\``)
    return ring
  }

  get origin(): string {
    return this.#file.origin
  }
  get vkey(): string {
    return this.#file.inUse.vkey
  }
  /** Sizes up to this one belong to the key before. */
  get after(): number {
    return this.#file.inUse.after
  }
  get verifier(): NoteVerifier {
    return this.#verifier
  }
  get next(): Hash {
    return this.#file.next.digest
  }
  get retired(): readonly string[] {
    return this.#file.retired
  }
  get backEnd(): string {
    return splitReference(this.#file.inUse.reference).scheme
  }
  get rotation(): PreparedRotation | null {
    const { rotation } = this.#file
    return rotation?.released !== true
      ? null
      : { vkey: rotation.vkey, next: rotation.next, statement: rotation.statement }
  }

  sign(bytes: Uint8Array): Promise<Uint8Array> | Uint8Array {
    return this.#holder.sign(bytes)
  }

  /**
   * Gets a rotation ready and, when it is released, has the log record it: the next key and the one in use sign a statement, and the key behind the next is made or named. Asked again, it gives
   * the same until its record is in the log.
   * @param afterNext reference of the key that may follow the next one; null makes a file
   * @throws `log-key-invalid` when the next key is not what was committed to
   */
  async prepareRotation(afterNext: string | null, release: boolean): Promise<PreparedRotation> {
    const { rotation, origin, next } = this.#file
    if (rotation !== null) {
      if (release && !rotation.released) this.#write({ ...this.#file, rotation: { ...rotation, released: true } })
      const { vkey, next: digest, statement } = rotation
      return { vkey, next: digest, statement }
    }
    const holder = await openReference(this.#backEnds, next.reference)
    try {
      const follower = verifierOf(origin, holder)
      const vkey = formatVerifierKey(follower)
      if (keyDigest(vkey) !== next.digest)
        throw problem('log-key-invalid', `\`${next.reference}\` is not the key that was committed to`)
      const nextReference = afterNext ?? makeFile(this.#backEnds)
      const digest = keyDigest(await vkeyOf(this.#backEnds, origin, nextReference))
      if (digest === next.digest || digest === keyDigest(this.vkey))
        throw problem('log-key-invalid', 'each key must be another than those before it')
      const text = rotationText(vkey, digest)
      const statement = `${text}\n${await signatureLine(this.#verifier, this.#holder, text)}${await signatureLine(follower, holder, text)}`
      const prepared = { vkey, next: digest, statement, reference: next.reference, nextReference, released: release }
      this.#write({ ...this.#file, rotation: prepared })
      return { vkey, next: digest, statement }
    } finally {
      holder.close()
    }
  }

  /** The prepared key takes over for sizes above `after`. The key before is kept until `destroyRetired`, so that a crash in between loses nothing. */
  async rotate(after: number): Promise<string> {
    const { rotation, inUse, retired } = this.#file
    if (rotation === null) throw problem('bug', 'no rotation was prepared')
    const holder = await openReference(this.#backEnds, rotation.reference)
    this.#write({
      ...this.#file,
      inUse: { reference: rotation.reference, vkey: rotation.vkey, after },
      next: { reference: rotation.nextReference, digest: rotation.next },
      rotation: null,
      retired: [...retired, inUse.vkey],
    })
    this.#holder.close()
    this.#holder = holder
    this.#verifier = verifierOf(this.origin, holder)
    return inUse.reference
  }
  get opening(): OpeningEpoch | null {
    return this.#file.opening ?? null
  }

  /** Ends signing under this name, and gets the first key of the next epoch ready: the one that was committed to. Asked again, it gives the same. */
  async prepareEpoch(epoch: LogEpoch): Promise<OpeningEpoch> {
    const { opening, next, origin: before } = this.#file
    if (opening !== undefined) return opening
    const origin = nextEpochOrigin(before)
    const holder = await openReference(this.#backEnds, next.reference)
    try {
      const follower = verifierOf(origin, holder)
      const vkey = formatVerifierKey(follower)
      if (keyDigest(vkey) !== next.digest)
        throw problem('log-key-invalid', `\`${next.reference}\` is not the key that was committed to`)
      const nextReference = makeFile(this.#backEnds)
      const digest = keyDigest(await vkeyOf(this.#backEnds, origin, nextReference))
      const text = epochText(vkey, digest, epoch)
      const statement = `${text}\n${await signatureLine(this.#verifier, this.#holder, text)}${await signatureLine(follower, holder, text)}`
      const made = { origin, epoch, vkey, next: digest, statement, reference: next.reference, nextReference }
      this.#write({ ...this.#file, opening: made })
      return made
    } finally {
      holder.close()
    }
  }

  /** Goes on under the new name. A crash before this, with the head begun anew already, does both again: nothing has been signed under it. */
  static finishEpoch(dir: string): void {
    const path = join(dir, KEYS_FILE)
    const { opening, inUse, retired } = readKeys(path)
    if (opening === undefined) return
    writeKeys(path, {
      format: 'plinth-signer-keys/v1',
      origin: opening.origin,
      inUse: { reference: opening.reference, vkey: opening.vkey, after: -1 },
      next: { reference: opening.nextReference, digest: opening.next },
      rotation: null,
      retired: [...retired, inUse.vkey],
    })
  }
  /** The epoch that is being opened in a directory; null when none is. */
  static openingOf = (dir: string): OpeningEpoch | null => readKeys(join(dir, KEYS_FILE)).opening ?? null

  /** A retired key can convict nobody and forge only for those who missed the rotation: it goes. */
  destroy(reference: string): void {
    backEndOf(this.#backEnds, reference).destroy(splitReference(reference).rest)
  }

  close(): void {
    this.#holder.close()
  }

  #write(file: KeysFile): void {
    writeKeys(this.#path, file)
    this.#file = file
  }
}

export async function signatureLine(key: NoteVerifier, holder: Pick<KeyHolder, 'sign'>, text: string): Promise<string> {
  const signature = await holder.sign(Buffer.from(text))
  return `— ${key.name} ${Buffer.concat([Buffer.from(key.keyHash, 'hex'), signature]).toString('base64')}\n`
}

const writeKeys = (path: string, file: KeysFile): void =>
  replaceDurablySync(path, `${JSON.stringify(file, null, 2)}\n`, 0o600)

function readKeys(path: string): KeysFile {
  try {
    const file = JSON.parse(readFileSync(path, 'utf8')) as KeysFile
    if (file.format === 'plinth-signer-keys/v1' && isWhole(file)) return file
  } catch (error) {
    throw problem('signer-state-damaged', `\`${path}\` cannot be read`, {}, error)
  }
  throw problem('signer-state-damaged', `\`${path}\` is not in a form that is known here`)
}

/** Every member that is used is there: a file that lost one would name no key, or forget what it committed to. */
function isWhole({ origin, inUse, next, rotation, opening, retired }: Partial<KeysFile>): boolean {
  const texts = (...values: readonly unknown[]): boolean => values.every((value) => typeof value === 'string')
  return (
    texts(origin, inUse?.reference, inUse?.vkey, next?.reference, next?.digest) &&
    Number.isSafeInteger(inUse?.after) &&
    Array.isArray(retired) &&
    texts(...retired) &&
    (rotation === null || texts(rotation?.reference, rotation?.vkey, rotation?.statement, rotation?.nextReference)) &&
    (opening === undefined || texts(opening.origin, opening.vkey, opening.reference, opening.nextReference))
  )
}

function backEndOf(backEnds: readonly KeyBackEnd[], reference: string): KeyBackEnd {
  const { scheme } = splitReference(reference)
  const found = backEnds.find((one) => one.scheme === scheme)
  if (found !== undefined) return found
  const known = backEnds.map((one) => `\`${one.scheme}:…\``).join(', ')
  throw problem('usage', `\`${reference}\` names no key: it begins with one of ${known}`)
}
const openReference = (backEnds: readonly KeyBackEnd[], reference: string): Promise<KeyHolder> =>
  backEndOf(backEnds, reference).open(splitReference(reference).rest)
const makeFile = (backEnds: readonly KeyBackEnd[]): string => backEndOf(backEnds, 'file:').make()

function verifierOf(origin: string, { publicKey }: KeyHolder): NoteVerifier {
  try {
    return noteVerifier(origin, publicKey)
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('log-key-invalid', error.message, {}, error)
  }
}
async function vkeyOf(backEnds: readonly KeyBackEnd[], origin: string, reference: string): Promise<string> {
  const holder = await openReference(backEnds, reference)
  try {
    return formatVerifierKey(verifierOf(origin, holder))
  } finally {
    holder.close()
  }
}
