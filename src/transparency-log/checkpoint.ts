/** C2SP tlog-checkpoint: origin, tree size, root hash, signed as a note. Source: tlog-checkpoint, signed-note. */
import type { Hash } from '../model/ids.ts'
import {
  NoteError,
  signNote,
  strictBase64,
  verifyNote,
  type NoteSigner,
  type NoteVerifier,
} from '../model/signed-note.ts'

export interface Checkpoint {
  /** Name of the log; equals the name of its key here. */
  readonly origin: string
  readonly size: number
  readonly rootHash: Hash
}

/** What is signed: three lines. */
export const checkpointText = ({ origin, size, rootHash }: Checkpoint): string =>
  `${origin}\n${size}\n${Buffer.from(rootHash, 'hex').toString('base64')}\n`

export const signCheckpoint = (checkpoint: Checkpoint, signer: NoteSigner): string =>
  signNote(checkpointText(checkpoint), [signer])

/** Reads the text of a checkpoint. Extension lines are refused: this log writes none, and nobody here could check them. @throws NoteError */
export function parseCheckpointText(text: string): Checkpoint {
  const [origin, size, root, end, ...more] = text.split('\n')
  if (
    origin === undefined ||
    origin === '' ||
    size === undefined ||
    root === undefined ||
    end !== '' ||
    more.length > 0
  )
    throw new NoteError('a checkpoint is three lines: origin, tree size, root hash')
  const rootBytes = strictBase64(root)
  if (rootBytes === null || rootBytes.length !== 32) throw new NoteError('the root hash is not 32 bytes of base64')
  return { origin, size: parseTreeSize(size), rootHash: rootBytes.toString('hex') as Hash }
}

/** Reads a signed checkpoint that the log itself has signed. @throws NoteError */
export function openCheckpoint(note: string, log: NoteVerifier): Checkpoint {
  const checkpoint = parseCheckpointText(verifyNote(note, [log]).text)
  if (checkpoint.origin !== log.name)
    throw new NoteError(`the checkpoint is of \`${checkpoint.origin}\`, not of \`${log.name}\``)
  return checkpoint
}

/** Decimal, no sign, no leading zero, below 2^53: larger logs are beyond this system. @throws NoteError */
export function parseTreeSize(text: string): number {
  const size = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(size)) throw new NoteError(`\`${text.slice(0, 32)}\` is not a tree size`)
  return size
}
