/** The log's signing key on disk: made on the first start, readable by its owner alone. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { problem } from '../../model/problems.ts'
import { formatVerifierKey, noteSigner, type NoteSigner } from '../../model/signed-note.ts'

/**
 * A key that was there and is not any more, or that is another, is never replaced in silence: receipts under two keys are two logs.
 * @param origin name of the log, which is the name of its key
 * @throws `storage-damaged`
 */
export function openLogKey(keyPath: string, vkeyPath: string, origin: string): NoteSigner {
  const published = existsSync(vkeyPath) ? readFileSync(vkeyPath, 'utf8').trim() : null
  if (!existsSync(keyPath)) {
    if (published !== null)
      throw problem(
        'storage-damaged',
        `the log's key is missing from \`${keyPath}\`: put it back, or remove \`${vkeyPath}\` to go on as a log of another identity`,
      )
    const { privateKey } = generateKeyPairSync('ed25519')
    writeDurably(keyPath, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 0o600)
  }
  const signer = noteSigner(origin, createPrivateKey(readFileSync(keyPath)))
  const vkey = formatVerifierKey(signer)
  if (published !== null && published !== vkey)
    throw problem('storage-damaged', `\`${keyPath}\` is not the key that \`${vkeyPath}\` names`)
  if (published === null) writeDurably(vkeyPath, `${vkey}\n`, 0o644)
  return signer
}

/** A crash leaves the whole file or none: a half-written key would be a log that nobody can go on signing. */
function writeDurably(path: string, text: string, mode: number): void {
  const temporary = `${path}.new`
  const file = openSync(temporary, 'w', mode)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
