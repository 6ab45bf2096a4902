/**
 * Seals: a keyed hash over what a row says. Rows of the log and everything derived are checked against it when they are used, so that who can write
 * the database but not read the key beside it cannot make or change a row unnoticed. It says nothing against who has the key: that is what the
 * signed tree, and witnesses elsewhere, are for (docs/adr/0014-seals.md).
 *
 * The key is 32 bytes as 64 hex characters, one block of SHA-256; hashed over it is a digest of fixed length, so that nothing can be appended.
 */
import { hash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { problem } from '../../model/problems.ts'

export const SEAL_KEY_FILE = 'rows.key'
/** Hex, 64 characters. */
export type Seal = string
export type Sealed = string | number | null

export class Sealer {
  readonly #key: string
  constructor(key: string) {
    this.#key = key
  }
  /** @param parts what the row says, each told apart from the next by its length and kind */
  seal(table: string, ...parts: readonly Sealed[]): Seal {
    let text = `${table}\n`
    for (const part of parts) {
      if (typeof part === 'string') text += `${part.length}:${part}`
      else text += part === null ? '-' : `=${part};`
    }
    return hash('sha256', `${this.#key}${hash('sha256', text)}`)
  }
}

/** @throws `storage-damaged` when there is data, and no key */
export function openSealer(directory: string): Sealer {
  const path = join(directory, SEAL_KEY_FILE)
  if (!existsSync(path))
    throw problem(
      'storage-damaged',
      `\`${path}\` is missing, so that nothing in the database can be told from a forgery: put it back from the backup that the database is from`,
    )
  const key = readFileSync(path, 'latin1').trim()
  if (!/^[0-9a-f]{64}$/.test(key)) throw problem('storage-damaged', `\`${path}\` is not 64 hex characters`)
  return new Sealer(key)
}

/** A new key, durable before anything is sealed with it. */
export function makeSealer(directory: string): Sealer {
  const path = join(directory, SEAL_KEY_FILE)
  const key = randomBytes(32).toString('hex')
  const file = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeFileSync(file, `${key}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
  const folder = openSync(directory, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
  return new Sealer(key)
}
