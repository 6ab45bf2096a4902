/**
 * Where private keys of a log live, as the signer sees it: the port for hardware modules and key services. `file-keys.ts` and `ssh-agent-keys.ts`
 * are its two implementations, and key-back-end.test.ts the suite that each must pass.
 *
 * K1 `sign` gives the raw 64 bytes of RFC 8032 Ed25519 over exactly the bytes given: no prehash, no envelope.
 * K2 A private key never leaves the back end, and never appears in an error.
 * K3 A back end keeps no state of the log: refusing to fork is the signer's work, whoever holds the key.
 */
import type { KeyObject } from 'node:crypto'

export interface KeyHolder {
  readonly publicKey: KeyObject
  /** @throws `signer-unavailable` when the holder does not answer */
  sign(bytes: Uint8Array): Promise<Uint8Array> | Uint8Array
  close(): void
}

export interface KeyBackEnd {
  /** Begins the references of its keys: `file:…`, `ssh-agent:…`. */
  readonly scheme: string
  /** Makes a key. @returns its reference @throws `usage` where keys are made elsewhere */
  make(): string
  /** @param reference what stands behind the scheme @throws `log-key-invalid` when the key is not there or not Ed25519 */
  open(reference: string): Promise<KeyHolder>
  /** Takes a key out of use for good, where the back end can. Nothing happens when it is gone already. */
  destroy(reference: string): void
}

/** `scheme:rest` */
export function splitReference(reference: string): { readonly scheme: string; readonly rest: string } {
  const colon = reference.indexOf(':')
  return { scheme: reference.slice(0, Math.max(0, colon)), rest: reference.slice(colon + 1) }
}
