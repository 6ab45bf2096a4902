/** The log's key of a data directory, for tests that sign as the log or check what it signed. */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { noteSigner, parseVerifierKey, type NoteSigner, type NoteVerifier } from '../../src/model/signed-note.ts'

export const publishedKey = (dir: string): NoteVerifier =>
  parseVerifierKey(readFileSync(join(dir, 'log.vkey'), 'utf8').trim())

/** The private key itself, where the signer keeps it in a file. */
export function stolenKey(dir: string): NoteSigner {
  const keys = JSON.parse(readFileSync(join(dir, 'signer', 'keys.json'), 'utf8')) as {
    readonly origin: string
    readonly inUse: { readonly reference: string }
  }
  const path = join(dir, 'signer', keys.inUse.reference.replace(/^file:/, ''))
  return noteSigner(keys.origin, createPrivateKey(readFileSync(path)))
}
