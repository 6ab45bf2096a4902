/** Finds in an answer what the log has shown with it: in the headers over HTTP, in `_meta` over MCP. Runs wherever `fetch` does. */
import type { Hash } from '../../model/ids.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Consistency, Receipt } from '../../model/receipt.ts'
import type { Shown } from './watch-log.ts'

/** @param answer its body, parsed */
export function shownOverHttp(headers: { get(name: string): string | null }, answer: JsonObject): Shown {
  const note = headers.get('plinth-log-checkpoint')
  return {
    checkpoint: note === null ? null : textOf(note),
    consistency: consistencyIn(headers.get('plinth-log-consistency')),
    ...receiptIn(answer['receipt'], answer['operation']),
  }
}

/** @param meta `_meta` of a tool's result, asked for with `_meta["plinth/logSince"]` */
export function shownOverMcp(meta: Readonly<Record<string, unknown>>): Shown {
  const { checkpoint, consistency } = objectOf(meta['plinth/log'])
  return {
    checkpoint: typeof checkpoint === 'string' ? checkpoint : null,
    consistency: readConsistency(consistency),
    ...receiptIn(meta['plinth/receipt'], meta['plinth/operation']),
  }
}

/** As `GET /v1/log/consistency` answers; null for anything else. */
export function readConsistency(value: unknown): Consistency | null {
  const { from, to, root, proof } = objectOf(value)
  if (typeof from !== 'number' || typeof to !== 'number' || typeof root !== 'string') return null
  if (!Array.isArray(proof) || !proof.every((hash) => typeof hash === 'string')) return null
  return { from, to, root: root as Hash, proof: proof as Hash[] }
}

/** `<from> <to> <root> <hash>,<hash>…`. What is malformed stays what it is: it will not verify. */
function consistencyIn(header: string | null): Consistency | null {
  const [from, to, root, proof] = (header ?? '').split(' ')
  if (from === undefined || to === undefined || root === undefined) return null
  const hashes = proof === undefined ? [] : proof.split(',')
  return { from: Number(from), to: Number(to), root: hexOf(root), proof: hashes.map(hexOf) }
}

function receiptIn(value: unknown, operation: unknown): Pick<Shown, 'receipt' | 'operation'> {
  const { index, record, proof } = objectOf(value)
  const is = typeof index === 'number' && typeof record === 'string' && typeof proof === 'string'
  return {
    receipt: is ? ({ index, record, proof } as Receipt) : null,
    operation: typeof operation === 'string' ? operation : null,
  }
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return new Uint8Array()
  }
}
const textOf = (base64: string): string => new TextDecoder().decode(bytesOf(base64))
const hexOf = (base64: string): Hash =>
  [...bytesOf(base64)].map((byte) => byte.toString(16).padStart(2, '0')).join('') as Hash
