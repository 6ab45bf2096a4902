/** TimeStampReq of RFC 3161 §2.4.1: about 70 bytes, written by hand. */
import { hash } from 'node:crypto'
import { der, derInteger, derOid, TAG } from './der.ts'

export const SHA256 = '2.16.840.1.101.3.4.2.1'
export const NONCE_BYTES = 8

/** SHA-256 of a signed checkpoint, byte for byte: what is stamped. */
export const imprintOf = (checkpoint: string): Buffer => hash('sha256', checkpoint, 'buffer')

/** Asks for the certificates too: a proof without them could not be verified offline. @param nonce from a random source, positive */
export function timestampQuery(checkpoint: string, nonce: Uint8Array): Buffer {
  const algorithm = der(TAG.sequence, derOid(SHA256), der(TAG.null))
  const imprint = der(TAG.sequence, algorithm, der(TAG.octetString, imprintOf(checkpoint)))
  const wantsCertificates = der(TAG.boolean, Buffer.of(0xff))
  return der(TAG.sequence, derInteger(Buffer.of(1)), imprint, derInteger(nonce), wantsCertificates)
}
