/**
 * The port through which operators sign: whatever holds an Ed25519 key and hands out signatures. Implementations: a key in memory (here), a file
 * under a passphrase (operator-key-file.ts), an SSH agent, which may keep the key in hardware (ssh-agent.ts).
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'

/** An operator's key as `operator.json` holds it. */
export interface OperatorKey {
  /** The operator's id. */
  readonly name: string
  /** PKCS #8, PEM, Ed25519. */
  readonly privateKey: string
}

export interface OperatorSigner {
  /** The operator's id, as the snapshot names it. */
  readonly id: string
  /** Base64 SPKI. */
  readonly publicKey: string
  /** Ed25519 over the bytes, 64 bytes. @throws `operator-key-invalid` */
  sign(bytes: Uint8Array): Promise<Buffer>
}

/** @param privateKey PKCS #8, PEM, Ed25519 */
export function memorySigner(id: string, privateKey: string): OperatorSigner {
  const key = createPrivateKey(privateKey)
  return {
    id,
    publicKey: createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64'),
    sign: (bytes) => Promise.resolve(sign(null, bytes, key)),
  }
}
