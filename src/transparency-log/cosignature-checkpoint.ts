/** Checkpoints of any C2SP log, as witnesses and policies meet them: with extension lines, and with keys not named as the log is. */
import { NoteError, parseNote, verifyNote, type NoteVerifier } from '../model/signed-note.ts'
import { parseCheckpointText, type Checkpoint } from './checkpoint.ts'

/** A log that somebody trusts to speak for its origin. */
export interface PinnedLog {
  readonly origin: string
  /** Any of them may sign; more than one while the log changes its key. */
  readonly keys: readonly NoteVerifier[]
}

/** A log whose origin is the name of its key, as almost every log has it. */
export const logOfKey = (key: NoteVerifier): PinnedLog => ({ origin: key.name, keys: [key] })

/**
 * The text of a checkpoint of any log. Extension lines are taken as they are: whoever cosigns says nothing about them.
 * @throws NoteError
 */
export function parseAnyCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n')
  if (lines.slice(3, -1).includes('')) throw new NoteError('an extension line of the checkpoint is empty')
  if (lines.length < 4 || lines.at(-1) !== '') throw new NoteError('a checkpoint is at least three lines')
  return parseCheckpointText(`${lines.slice(0, 3).join('\n')}\n`)
}

/** Who a signed checkpoint says it is of: nothing is verified yet. @throws NoteError */
export const readCheckpoint = (note: string): Checkpoint => parseAnyCheckpoint(parseNote(note).text)

/** @returns the checkpoint, when a key of the log has signed it. @throws NoteError */
export function openAnyCheckpoint(note: string, log: PinnedLog): Checkpoint & { readonly text: string } {
  const { text } = verifyNote(note, log.keys)
  const checkpoint = parseAnyCheckpoint(text)
  if (checkpoint.origin !== log.origin)
    throw new NoteError(`the checkpoint is of \`${checkpoint.origin}\`, not of \`${log.origin}\``)
  return { ...checkpoint, text }
}
