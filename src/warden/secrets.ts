/** Secrets that are made once and kept only by who they are for. Writing half: no door of the runtime may reach this file. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { base32 } from '../model/ids.ts'

export interface KeyPairText {
  /** PKCS #8, PEM. */
  readonly privateKey: string
  /** SPKI, base64: the form in which a snapshot names an approval key. */
  readonly publicKey: string
}

/** `plk_` and 52 base32 characters of 32 random bytes. Snapshots hold only its SHA-256. */
export const newApiKey = (): string => `plk_${base32(randomBytes(32))}`

export function newEd25519(): KeyPairText {
  const pair = generateKeyPairSync('ed25519')
  return {
    privateKey: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey: pair.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
  }
}
