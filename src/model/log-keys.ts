/**
 * The keys of a log, one after the other, as records of the log tell them: stream `plinth.log-key/log`. `opened` names the first key and commits to
 * the digest of the one that may follow; each `rotated` names that key, commits to the next, and carries a statement signed by the key before
 * and by the new one. A checkpoint over a record of rotation is signed by the new key, every shorter one by the key before.
 */
import { hash } from 'node:crypto'
import type { Hash, StreamId } from './ids.ts'
import { formatVerifierKey, NoteError, parseVerifierKey, verifyNote, type NoteVerifier } from './signed-note.ts'

export const LOG_KEY = 'plinth.log-key'
export const LOG_KEY_STREAM = `${LOG_KEY}/log` as StreamId
const STATEMENT_FORMAT = 'plinth-log-key/v1'
const EPOCH_FORMAT = 'plinth-log-epoch/v1'
const HASH = /^[0-9a-f]{64}$/

export interface KeyRecordData {
  readonly vkey: string
  readonly next: Hash
  /** Null for the first key. */
  readonly statement: string | null
}
/** A key, and which checkpoints are its own: sizes above `after`. The next key's `after` ends it. */
export interface LogKeySpan {
  readonly key: NoteVerifier
  readonly next: Hash
  /** Position of the record that brought it in; -1 for the first key, which signs from the empty tree on. */
  readonly after: number
}

/** SHA-256 over the 33 bytes of a key (type, then key) that the third part of a verifier key encodes: independent of its name. */
export function keyDigest(vkey: string): Hash {
  const { publicKey } = parseVerifierKey(vkey)
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  return hash('sha256', Buffer.concat([Buffer.of(1), raw]), 'hex') as Hash
}

/** What the keys of a rotation sign. */
export const rotationText = (vkey: string, next: Hash): string => `${STATEMENT_FORMAT}\n${vkey}\n${next}\n`

/**
 * Why a log goes on under another name: what was signed is not all here any more. The tree of the new epoch begins with the records that are kept;
 * its first own record says what was signed, what is kept, and why.
 */
export interface LogEpoch {
  /** What was signed or witnessed last under the name before. */
  readonly previous: { readonly origin: string; readonly size: number; readonly rootHash: Hash }
  /** The records at hand when the epoch was opened: the first ones of its tree. */
  readonly kept: { readonly size: number; readonly rootHash: Hash }
  /** One line. */
  readonly reason: string
}

/** What the keys before and after sign when an epoch is opened. */
export const epochText = (vkey: string, next: Hash, { previous, kept, reason }: LogEpoch): string =>
  [
    EPOCH_FORMAT,
    vkey,
    next,
    previous.origin,
    previous.size,
    previous.rootHash,
    kept.size,
    kept.rootHash,
    reason,
    '',
  ].join('\n')

/** `log.example/a` → `log.example/a/2` → `log.example/a/3`. */
export function nextEpochOrigin(origin: string): string {
  const [, base = origin, number = '1'] = /^(.+)\/([2-9]|[1-9][0-9]{1,8})$/.exec(origin) ?? []
  return `${base}/${Number(number) + 1}`
}

/**
 * Follows the records from the first to the last.
 * @throws NoteError that names the record which does not follow
 */
export function followKeys(
  records: readonly { readonly position: number; readonly type: string; readonly data: string }[],
): readonly LogKeySpan[] {
  const spans: LogKeySpan[] = []
  for (const { position, type, data } of records) {
    const last = spans.at(-1)
    try {
      const record = parseKeyRecord(data)
      if (last === undefined && type !== 'opened') throw new NoteError('the first key was never named')
      if (last !== undefined && type !== 'rotated' && type !== 'epoch')
        throw new NoteError('a first key is named twice')
      const key =
        last === undefined
          ? parseVerifierKey(record.vkey)
          : type === 'epoch'
            ? followEpoch(last, record, parseEpoch(data))
            : followRotation(last, record)
      spans.push({ key, next: record.next, after: last === undefined ? -1 : position })
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      throw new NoteError(`the record of the log's key at ${position}: ${error.message}`)
    }
  }
  return spans
}

type Before = Pick<LogKeySpan, 'key' | 'next'>

/** The key that follows, when it was committed to and both keys say so. @throws NoteError */
export function followRotation(before: Before, data: KeyRecordData): NoteVerifier {
  return follow(before, before.key.name, data, rotationText(data.vkey, data.next))
}

/** The same, of the first key of an epoch. @throws NoteError */
function followEpoch(before: Before, data: KeyRecordData, epoch: LogEpoch): NoteVerifier {
  if (epoch.previous.origin !== before.key.name) throw new NoteError(`it follows \`${epoch.previous.origin}\``)
  return follow(before, nextEpochOrigin(before.key.name), data, epochText(data.vkey, data.next, epoch))
}

function follow(before: Before, name: string, { vkey, statement }: KeyRecordData, wanted: string): NoteVerifier {
  const key = parseVerifierKey(vkey)
  if (key.name !== name) throw new NoteError(`the key is of \`${key.name}\`, not of \`${name}\``)
  if (keyDigest(vkey) !== before.next) throw new NoteError(`the key \`${key.keyHash}\` was not committed to beforehand`)
  if (statement === null) throw new NoteError('there is no statement of the key before')
  const { text, signedBy } = verifyNote(statement, [before.key, key])
  if (text !== wanted) throw new NoteError('the statement says something else')
  if (signedBy.length !== 2) throw new NoteError('the statement is not signed by both keys')
  return key
}

/** @throws NoteError */
function parseEpoch(data: string): LogEpoch {
  const { previous, kept, reason } = JSON.parse(data) as Readonly<Record<string, unknown>>
  const isTree = (tree: unknown): boolean => {
    const { size, rootHash } = (tree ?? {}) as Readonly<Record<string, unknown>>
    return Number.isSafeInteger(size) && typeof rootHash === 'string' && HASH.test(rootHash)
  }
  if (!isTree(previous) || !isTree(kept) || typeof reason !== 'string')
    throw new NoteError('it does not say what it follows')
  return { previous, kept, reason } as LogEpoch
}

/** Whose signature a checkpoint of this size must have. */
export function keyFor(spans: readonly LogKeySpan[], size: number): NoteVerifier | null {
  return spans.findLast(({ after }) => size > after)?.key ?? null
}

/** @throws NoteError */
export function parseKeyRecord(data: string): KeyRecordData {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    throw new NoteError('it is not JSON')
  }
  const { vkey, next, statement = null } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof vkey !== 'string' || typeof next !== 'string' || !HASH.test(next))
    throw new NoteError('it names no key and no digest of the next')
  if (statement !== null && typeof statement !== 'string') throw new NoteError('its statement is not text')
  if (formatVerifierKey(parseVerifierKey(vkey)) !== vkey) throw new NoteError('its key is not in the one form')
  return { vkey, next: next as Hash, statement }
}
