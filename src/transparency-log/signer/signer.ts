/**
 * The signer: signs a checkpoint only when it follows from the last one that it signed. It owns the order of requests and the last head; it knows
 * no records but those that name a key.
 *
 * S1 What a signature answers for is on the disk before the signature leaves.
 * S2 It never signs a smaller tree, another root for a size that it has signed, or a tree that does not contain the last one.
 * S3 Only the newest epoch is served: a writer that another has replaced signs nothing any more.
 * S4 After a start it signs nothing new until a witness, where one is configured, has said what it cosigned last, and nothing below that. What it
 *    has signed last it signs again: that forks nothing, and who reads the log needs it.
 * S5 A new key signs only over a tree with a record that names it, where the key before committed to it; the key before signs none such.
 */
import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hash } from '../../model/ids.ts'
import { followRotation, LOG_KEY_STREAM, parseKeyRecord } from '../../model/log-keys.ts'
import { leafHash } from '../../model/merkle.ts'
import { Problem, problem } from '../../model/problems.ts'
import { parseRecord } from '../../model/record-line.ts'
import { NoteError, verifyNote } from '../../model/signed-note.ts'
import { parseCheckpointText, type Checkpoint } from '../checkpoint.ts'
import { verifyConsistency, verifyInclusion } from '../proofs.ts'
import type { HeadFile, SignedHead } from './head-file.ts'
import { signatureLine, type KeyRing } from './key-ring.ts'
import type {
  KeyRecordEvidence,
  LogSigner,
  PreparedRotation,
  SignAnswer,
  SignerStanding,
  SignRequest,
} from './log-signer.ts'

export interface SignerParts {
  readonly heads: HeadFile
  readonly keys: KeyRing
  /** Largest head that witnesses have cosigned; null: none is configured. Rejects with `signer-unconfirmed` while none answers. */
  readonly witnessed: (() => Promise<Checkpoint | null>) | null
}

/** How long a request waits for what the witnesses say; then it is answered without. */
const HEAR_WITHIN_MS = 1_000
/** Between two askings of witnesses that were silent. */
const ASK_AGAIN_MS = 250

export class Signer implements LogSigner {
  readonly #parts: SignerParts
  #last: Promise<unknown> = Promise.resolve()
  #confirmed: boolean
  #asking: Promise<void> | null = null
  #askAgainAtMs = 0
  /** What became of the last asking. */
  #silence = problem('signer-unconfirmed', 'no witness has answered yet')
  /** Why nothing is signed any more: the disk failed, so what is on it is not known. */
  #stopped: Problem | null = null

  constructor(parts: SignerParts) {
    this.#parts = parts
    this.#confirmed = parts.witnessed === null
  }

  async claim(): Promise<SignerStanding> {
    await this.#hear()
    return await this.#inTurn(() => {
      if (!this.#confirmed && this.#silence.code !== 'signer-unconfirmed') throw this.#silence
      const { heads } = this.#parts
      this.#put({ ...heads.head, epoch: heads.head.epoch + 1 })
      return Promise.resolve(this.#standing())
    })
  }

  async sign(request: SignRequest): Promise<SignAnswer> {
    await this.#hear()
    return await this.#inTurn(() => this.#sign(request))
  }

  /** What a claim would answer, without claiming. */
  async standing(): Promise<SignerStanding> {
    await this.#hear()
    return await this.#inTurn(() => Promise.resolve(this.#standing()))
  }

  /** What was signed last, as far as this signer and the witnesses know. @throws `signer-unconfirmed` */
  async confirmed(): Promise<Checkpoint> {
    if (!this.#confirmed) await this.#confirm()
    const { size, rootHash } = this.#parts.heads.head
    return { origin: this.#parts.keys.origin, size, rootHash }
  }

  /**
   * Gets a rotation ready: the public key that follows. Once it is released, the writer puts it into the log.
   * @param afterNext reference of the key behind the next; null makes a file
   */
  prepareRotation(afterNext: string | null, release: boolean): Promise<PreparedRotation> {
    return this.#inTurn(() => this.#parts.keys.prepareRotation(afterNext, release))
  }

  /** Waits for what is in its turn. */
  async close(): Promise<void> {
    await this.#last
    this.#stopped ??= problem('signer-unavailable', 'the signer was closed') // a witness may still be about to answer
    this.#parts.heads.close()
    this.#parts.keys.close()
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(() => {
      if (this.#stopped !== null) throw this.#stopped
      return work()
    })
    this.#last = result.catch(() => undefined)
    return result
  }

  #standing(): SignerStanding {
    const { heads, keys } = this.#parts
    const { epoch, size, rootHash } = heads.head
    const { origin, vkey, next, retired, rotation, backEnd } = keys
    const unconfirmed = this.#confirmed ? null : this.#silence.detail
    return { epoch, origin, size, rootHash, vkey, next, retired, rotation, backEnd, unconfirmed }
  }

  /** Has the witnesses asked, beside whatever else is asked here: one that is silent holds nobody up. */
  async #hear(): Promise<void> {
    if (this.#confirmed) return
    if (this.#asking === null && performance.now() >= this.#askAgainAtMs)
      this.#asking = this.#confirm()
        .catch((error: unknown) => {
          this.#silence = error instanceof Problem ? error : problem('signer-unconfirmed', String(error))
          this.#askAgainAtMs = performance.now() + ASK_AGAIN_MS
        })
        .finally(() => (this.#asking = null))
    const heard = new AbortController()
    const late = sleep(HEAR_WITHIN_MS, undefined, { signal: heard.signal, ref: false }).catch(() => undefined)
    await Promise.race([this.#asking, late])
    heard.abort()
  }

  /** A state that was put back from a copy would sign again what it has forgotten: witnesses remember it. */
  async #confirm(): Promise<void> {
    const floor = (await this.#parts.witnessed?.()) ?? null
    await this.#inTurn(() => Promise.resolve(this.#raise(floor)))
  }
  #raise(floor: Checkpoint | null): void {
    const { head } = this.#parts.heads
    if (floor !== null && floor.size === head.size && floor.rootHash !== head.rootHash)
      throw problem(
        'signer-state-damaged',
        `a witness has cosigned another root for size ${head.size} than this signer remembers`,
        { size: head.size },
      )
    // It carries this log's own signature, so it was signed here once, whatever the state says.
    if (floor !== null && floor.size > head.size)
      this.#put({ size: floor.size, rootHash: floor.rootHash, epoch: head.epoch })
    this.#confirmed = true
  }

  async #sign({ epoch, oldSize, proof, body, keyRecord }: SignRequest): Promise<SignAnswer> {
    const { heads, keys } = this.#parts
    const { head } = heads
    if (epoch !== head.epoch)
      throw problem('signer-fenced', `epoch ${epoch} has been replaced by ${head.epoch}`, { epoch: head.epoch })
    const { origin, size, rootHash } = this.#read(body)
    if (origin !== keys.origin) throw refusal(`this signer signs for \`${keys.origin}\`, not for \`${origin}\``)
    if (size < head.size) throw refusal(`${head.size} records have been signed; ${size} are fewer`, { size: head.size })
    if (size === head.size && rootHash !== head.rootHash)
      throw refusal(`another root has been signed for ${size} records`, { size })
    if (!this.#confirmed && size !== head.size) throw this.#silence
    if (oldSize !== head.size) return { kind: 'elsewhere', size: head.size, rootHash: head.rootHash }
    if (!verifyConsistency(oldSize, size, head.rootHash, rootHash, proof))
      throw refusal(`the tree of ${size} records does not contain the one of ${oldSize} that was signed`, {
        size,
        oldSize,
      })
    const retired = keyRecord === null ? null : await this.#followKey(keyRecord, oldSize, size, rootHash)
    if (size <= keys.after) throw refusal(`sizes up to ${keys.after} belong to the key before`, { size })
    // A crash from here on: what was put is at most what is asked for again.
    if (size !== head.size) this.#put({ size, rootHash, epoch })
    const note = `${body}\n${await signatureLine(keys.verifier, keys, body)}`
    this.#checkOwn(note)
    if (retired !== null) keys.destroy(retired)
    return { kind: 'signed', note, vkey: keys.vkey }
  }

  #read(body: string): Checkpoint {
    try {
      return parseCheckpointText(body)
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      throw refusal(error.message)
    }
  }

  /** @returns reference of the key that it retired; null when the record is known already */
  async #followKey(
    { index, line, payload, proof }: KeyRecordEvidence,
    oldSize: number,
    size: number,
    rootHash: Hash,
  ): Promise<string | null> {
    const { keys } = this.#parts
    const record = parseRecord(line)
    if (record?.kind !== 'event' || record.stream !== LOG_KEY_STREAM || record.log !== keys.origin)
      throw refusal('the key record is not one of this log')
    if (record.type !== 'rotated') return null
    if (hash('sha256', payload, 'hex') !== record.payload.hash) throw refusal('the key record has another payload')
    if (index < oldSize || !verifyInclusion(index, size, leafHash(line), proof, rootHash))
      throw refusal('the key record is not among what is new in the tree')
    const named = this.#readKey(payload)
    if (named.vkey === keys.vkey && keys.after === index) return null // a crash came between this and the head
    const { rotation, verifier, next } = keys
    if (rotation === null || rotation.vkey !== named.vkey || rotation.statement !== named.statement)
      throw refusal('the log names a next key that this signer has not prepared')
    try {
      followRotation({ key: verifier, next }, named)
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      throw refusal(error.message)
    }
    return await keys.rotate(index)
  }
  #readKey(payload: string): ReturnType<typeof parseKeyRecord> {
    try {
      return parseKeyRecord(payload)
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      throw refusal(`the key record: ${error.message}`)
    }
  }

  /** A holder elsewhere may have changed its mind about the key: its signature is looked at like anybody's. */
  #checkOwn(note: string): void {
    const { keys } = this.#parts
    if (keys.backEnd === 'file') return
    try {
      verifyNote(note, [keys.verifier])
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      throw problem('signer-unavailable', 'the holder of the key gave a signature that does not verify', {}, error)
    }
  }

  #put(head: SignedHead): void {
    try {
      this.#parts.heads.put(head)
    } catch (error) {
      this.#stopped = problem('signer-state-damaged', 'the signer could not write what it would sign', {}, error)
      throw this.#stopped
    }
  }
}

const refusal = (detail: string, members: Readonly<Record<string, number>> = {}): Problem =>
  problem('signer-refused', detail, members)
