/** Branded identifiers. Each has one place that may make it; everything else passes it on. */
import { hash } from 'node:crypto'

declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** `op_` and 26 base32 characters: derived from principal and idempotency key, so that a retry finds its first try; random for a read. */
export type OperationId = Brand<string, 'OperationId'>
/** Name of a principal, e.g. `support-agent`: `[a-z0-9][a-z0-9._@-]{0,127}`. */
export type PrincipalId = Brand<string, 'PrincipalId'>
/** `<entity>/<id>`, e.g. `order/#W2378156`. Names one event stream. */
export type StreamId = Brand<string, 'StreamId'>
/** Index of a record in the one log, counted from 0; -1 means before the first record. Below 2^53. */
export type Position = Brand<number, 'Position'>
/** Count of events in a stream; 0 is a stream that is not there. */
export type Version = number
/** SHA-256 in lower-case hex, 64 characters. */
export type Hash = Brand<string, 'Hash'>
/** `rel_` and 26 base32 characters of the hash of manifest and bundle. */
export type ReleaseId = Brand<string, 'ReleaseId'>
/** Caller-chosen name of a run, 1 to 128 characters of `[A-Za-z0-9._:-]`. */
export type RunId = Brand<string, 'RunId'>
/** `apr_` and 26 base32 characters: the request for approval of one held operation. */
export type ApprovalId = Brand<string, 'ApprovalId'>

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 base32, lower case, no padding. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      text += BASE32[(value >>> (bits - 5)) & 31]
      bits -= 5
    }
    value &= (1 << bits) - 1
  }
  if (bits > 0) text += BASE32[(value << (5 - bits)) & 31]
  return text
}

export const sha256Hex = (data: string | Uint8Array): Hash => hash('sha256', data) as Hash

/** 26 base32 characters of the first 16 bytes of SHA-256 over the parts, each length-prefixed. */
export function derivedSuffix(...parts: readonly string[]): string {
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('')
  return base32(hash('sha256', text, 'buffer').subarray(0, 16))
}

export const operationId = (principal: PrincipalId, idempotencyKey: string): OperationId =>
  `op_${derivedSuffix('operation', principal, idempotencyKey)}` as OperationId
/** Of a read, which no key finds again. @param random 16 bytes */
export const readOperationId = (random: Uint8Array): OperationId => `op_${base32(random)}` as OperationId
export const approvalId = (operation: OperationId, attempt: number): ApprovalId =>
  `apr_${derivedSuffix('approval', operation, String(attempt))}` as ApprovalId
export const streamId = (entity: string, id: string): StreamId => `${entity}/${id}` as StreamId

/** Splits at the first `/`: entity names never hold one, ids may. */
export function streamParts(stream: StreamId): { readonly entity: string; readonly id: string } {
  const slash = stream.indexOf('/')
  return { entity: stream.slice(0, slash), id: stream.slice(slash + 1) }
}
