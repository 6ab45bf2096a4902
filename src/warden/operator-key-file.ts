/**
 * An operator's key in a file, under a passphrase: scrypt makes a key of it, AES-256-GCM keeps the private key. Id and public key are readable, and
 * bound to what is encrypted, so that they cannot be exchanged. The passphrase is nowhere; without it the key is lost (docs/operating/operator-keys.md).
 */
import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, randomBytes, scrypt } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import { memorySigner, type OperatorSigner } from './operator-signer.ts'
import { newEd25519 } from './secrets.ts'

/** About 100 ms and 128 MB for each guess. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1 } as const
const SCRYPT_MEMORY_BYTES_MAX = 256 * 1024 * 1024
export const PASSPHRASE_LENGTH_MIN = 8

const keyFile = z.strictObject({
  format: z.literal('plinth operator key v1'),
  id: z.string().min(1).max(128),
  publicKey: z.string().max(400),
  scrypt: z.strictObject({
    // Bounded, so that a file cannot ask for all memory there is.
    N: z
      .int()
      .min(2 ** 14)
      .max(2 ** 17),
    r: z.literal(8),
    p: z.literal(1),
    salt: z.base64().max(64),
  }),
  nonce: z.base64().max(64),
  sealed: z.base64().max(1_024),
})
export type OperatorKeyFile = z.infer<typeof keyFile>

/** A new key under a passphrase. @throws `operator-key-invalid` for a passphrase that is too short */
export async function newOperatorKeyFile(id: string, passphrase: string): Promise<OperatorKeyFile> {
  if ([...passphrase].length < PASSPHRASE_LENGTH_MIN)
    throw problem('operator-key-invalid', `a passphrase has at least ${PASSPHRASE_LENGTH_MIN} characters`)
  const { privateKey, publicKey } = newEd25519()
  const salt = randomBytes(16)
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, SCRYPT.N), nonce)
  cipher.setAAD(bound(id, publicKey))
  const sealed = Buffer.concat([
    cipher.update(createPrivateKey(privateKey).export({ format: 'der', type: 'pkcs8' })),
    cipher.final(),
    cipher.getAuthTag(),
  ])
  return {
    format: 'plinth operator key v1',
    id,
    publicKey,
    scrypt: { ...SCRYPT, salt: salt.toString('base64') },
    nonce: nonce.toString('base64'),
    sealed: sealed.toString('base64'),
  }
}

/** @throws `operator-key-invalid` when it is no such file */
export function parseOperatorKeyFile(value: unknown): OperatorKeyFile {
  const parsed = keyFile.safeParse(value)
  if (!parsed.success) throw problem('operator-key-invalid', 'this is not an operator key file')
  return parsed.data
}

/** @throws `operator-key-invalid` when the passphrase is wrong, or the file was changed */
export async function openOperatorKeyFile(file: OperatorKeyFile, passphrase: string): Promise<OperatorSigner> {
  const { id, publicKey } = file
  const sealed = Buffer.from(file.sealed, 'base64')
  try {
    const key = await derive(passphrase, Buffer.from(file.scrypt.salt, 'base64'), file.scrypt.N)
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(file.nonce, 'base64'), { authTagLength: 16 })
    decipher.setAAD(bound(id, publicKey))
    decipher.setAuthTag(sealed.subarray(-16))
    const der = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    const own = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).toString('base64')
    if (own !== publicKey) throw new Error('another public key')
    return memorySigner(id, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  } catch (error) {
    throw problem('operator-key-invalid', 'the passphrase is wrong, or the file was changed', {}, error)
  }
}

const bound = (id: string, publicKey: string): Buffer =>
  Buffer.from(canonicalJson(['plinth operator key v1', id, publicKey]))

const derive = (passphrase: string, salt: Uint8Array, N: number): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    scrypt(
      passphrase.normalize('NFC'),
      salt,
      32,
      { N, r: SCRYPT.r, p: SCRYPT.p, maxmem: SCRYPT_MEMORY_BYTES_MAX },
      (error, key) => (error === null ? resolve(key) : reject(error)),
    ),
  )
