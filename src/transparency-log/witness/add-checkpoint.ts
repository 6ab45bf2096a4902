/** The body of `POST /add-checkpoint`: old size, consistency proof, checkpoint. Source: C2SP tlog-witness. */
import type { Hash } from '../../model/ids.ts'
import { NoteError, strictBase64 } from '../../model/signed-note.ts'
import { parseTreeSize } from '../checkpoint.ts'

export interface AddCheckpoint {
  /** Size that the sender believes the witness to be at. */
  readonly oldSize: number
  readonly proof: readonly Hash[]
  /** Signed note, byte for byte. */
  readonly note: string
}

const PROOF_LINES_MAX = 63 // of the specification: the height of the tallest tree
/** Proof, text and some twenty signatures fit many times over; a note may hold a hundred. */
export const ADD_CHECKPOINT_BYTES_MAX = 65_536
/** What a 409 answers with when the old size is not the witness's. */
export const SIZE_TYPE = 'text/x.tlog.size'

export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  const hashes = proof.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`)
  return `old ${oldSize}\n${hashes.join('')}\n${note}`
}

/** Reads what `formatAddCheckpoint` writes, and nothing else; the note is looked at by whoever verifies it. @throws NoteError */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const blank = body.indexOf('\n\n')
  if (blank < 0) throw new NoteError('the request has no empty line before its checkpoint')
  const [old, ...lines] = body.slice(0, blank).split('\n')
  if (old === undefined || !old.startsWith('old ')) throw new NoteError('the request does not begin with `old <size>`')
  if (lines.length > PROOF_LINES_MAX) throw new NoteError(`a proof has at most ${PROOF_LINES_MAX} lines`)
  const proof = lines.map((line) => {
    const bytes = strictBase64(line)
    if (bytes === null || bytes.length !== 32) throw new NoteError('a line of the proof is not 32 bytes of base64')
    return bytes.toString('hex') as Hash
  })
  return { oldSize: parseTreeSize(old.slice(4)), proof, note: body.slice(blank + 2) }
}
