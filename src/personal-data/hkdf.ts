/**
 * HMAC and HKDF with SHA-256 (RFC 2104, RFC 5869), over one-shot hashes. Node's own make a key object for every call, which takes many times
 * as long as the hashing; a sealed value needs five of them.
 */
import { hash } from 'node:crypto'

const BLOCK_BYTES = 64
const HASH_BYTES = 32

const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer')

export function hmacSha256(key: Uint8Array, ...data: readonly Uint8Array[]): Buffer {
  const inner = Buffer.alloc(BLOCK_BYTES, 0x36)
  const outer = Buffer.alloc(BLOCK_BYTES, 0x5c)
  const short = key.length > BLOCK_BYTES ? sha256(key) : key
  for (let at = 0; at < short.length; at++) {
    inner[at] = 0x36 ^ (short[at] as number)
    outer[at] = 0x5c ^ (short[at] as number)
  }
  return sha256(outer, sha256(inner, ...data))
}

/** Without salt. @param bytes at most 255 × 32 */
export function hkdfSha256(secret: Uint8Array, info: Uint8Array, bytes: number): Buffer {
  const pseudorandom = hmacSha256(Buffer.alloc(HASH_BYTES), secret)
  const blocks: Buffer[] = []
  for (let count = 1; blocks.length * HASH_BYTES < bytes; count++)
    blocks.push(hmacSha256(pseudorandom, blocks.at(-1) ?? Buffer.alloc(0), info, Buffer.of(count)))
  return Buffer.concat(blocks).subarray(0, bytes)
}
