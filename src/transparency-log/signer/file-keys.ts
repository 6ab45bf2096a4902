/** Keys as PEM files (PKCS #8, mode 0600). References are file names in the signer's directory, or absolute paths. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { problem } from '../../model/problems.ts'
import { replaceDurablySync, syncFolder } from '../witness/durable-files.ts'
import type { KeyBackEnd, KeyHolder } from './key-back-end.ts'

const OTHERS = 0o077 // who but the owner may touch it

export function fileKeys(dir: string): KeyBackEnd {
  const pathOf = (reference: string): string => resolve(dir, reference)
  return {
    scheme: 'file',
    make() {
      const name = `${randomBytes(4).toString('hex')}.key`
      const { privateKey } = generateKeyPairSync('ed25519')
      replaceDurablySync(pathOf(name), privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), 0o600)
      return `file:${name}`
    },
    open: (reference) => Promise.resolve(holderOf(readKey(pathOf(reference)))),
    destroy(reference) {
      rmSync(pathOf(reference), { force: true })
      syncFolder(dirname(pathOf(reference)))
    },
  }
}

function readKey(path: string): KeyObject {
  if (!existsSync(path)) throw problem('log-key-invalid', `there is no key \`${path}\`: put it back`)
  if ((statSync(path).mode & OTHERS) !== 0)
    throw problem('log-key-invalid', `\`${path}\` can be read by others: \`chmod 600\` it, and think of it as known`)
  try {
    const key = createPrivateKey(readFileSync(path))
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // said below, without the cause: an error of the parser may quote what it read
  }
  throw problem('log-key-invalid', `\`${path}\` is not an Ed25519 key in PEM`)
}

const holderOf = (key: KeyObject): KeyHolder => ({
  publicKey: createPublicKey(key),
  sign: (bytes) => sign(null, bytes, key),
  close: () => {},
})
