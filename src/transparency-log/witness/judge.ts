/** What a witness makes of a request, in the order that tlog-witness gives: pure, one function per status. */
import { EMPTY_ROOT } from '../../model/merkle.ts'
import { NoteError, parseNote, verifyNote, type SignedNote } from '../../model/signed-note.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { parseAnyCheckpoint, type PinnedLog } from '../cosignature-checkpoint.ts'
import { verifyConsistency } from '../proofs.ts'
import { parseAddCheckpoint, SIZE_TYPE, type AddCheckpoint } from './add-checkpoint.ts'

export interface Answer {
  readonly status: 200 | 400 | 403 | 404 | 405 | 409 | 413 | 422 | 429 | 500 | 503
  readonly body: string
  /** `text/plain` unless said otherwise. */
  readonly contentType?: string
  /** Seconds, for 429 and 503. */
  readonly retryAfter?: number
}

/** A request whose checkpoint a pinned key has signed. */
export interface Opened extends AddCheckpoint {
  readonly checkpoint: Checkpoint
  /** What the log signed. */
  readonly text: string
  /** The note with nothing but the signatures that were verified. */
  readonly logNote: string
}

const refuse = (status: Answer['status'], why: string): Answer => ({ status, body: `${why}\n` })

/** Everything that can be said without knowing the state: 400, 404, 403. */
export function openRequest(body: string, logs: ReadonlyMap<string, PinnedLog>): Opened | Answer {
  let request: AddCheckpoint
  let note: SignedNote
  let checkpoint: Checkpoint
  try {
    request = parseAddCheckpoint(body)
    note = parseNote(request.note)
    checkpoint = parseAnyCheckpoint(note.text)
  } catch (error) {
    return refuse(400, messageOf(error))
  }
  const log = logs.get(checkpoint.origin)
  if (log === undefined) return refuse(404, 'this witness does not know the log')
  let logNote: string
  try {
    const { text, signedBy } = verifyNote(request.note, log.keys)
    logNote = `${text}\n`
    for (const { name, keyHash } of signedBy) {
      const made = note.signatures.find((one) => one.name === name && one.keyHash === keyHash)
      const blob = Buffer.concat([Buffer.from(keyHash, 'hex'), made?.signature ?? Buffer.alloc(0)])
      logNote += `— ${name} ${blob.toString('base64')}\n`
    }
  } catch (error) {
    return refuse(403, messageOf(error))
  }
  if (request.oldSize > checkpoint.size) return refuse(400, 'the old size is larger than that of the checkpoint')
  return { ...request, checkpoint, text: note.text, logNote }
}

/** Null when the checkpoint may follow the last head; otherwise 409 or 422. @param last null when this origin has no head yet */
export function judgeAgainst(last: Checkpoint | null, { oldSize, proof, checkpoint }: Opened): Answer | null {
  const { size, rootHash } = last ?? { size: 0, rootHash: EMPTY_ROOT }
  if (oldSize !== size) return { status: 409, body: `${size}\n`, contentType: SIZE_TYPE }
  if (checkpoint.size === size && checkpoint.rootHash !== rootHash)
    return last === null
      ? refuse(422, 'a tree of size 0 has the hash of nothing as its root')
      : refuse(409, `this witness has cosigned another root for size ${size}`)
  if (!verifyConsistency(size, checkpoint.size, rootHash, checkpoint.rootHash, proof))
    return refuse(422, `the consistency proof from size ${size} does not verify`)
  return null
}

const messageOf = (error: unknown): string => {
  if (error instanceof NoteError) return error.message
  throw error
}
