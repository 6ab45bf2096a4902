/**
 * What crosses the signer's socket: one line of JSON each way, answered in order. Problems travel as code, detail and members, like everywhere.
 * The socket's mode is all that guards it, so nothing that can be asked here makes the log shrink, fork or change what it has signed.
 */
import type { JsonObject } from '../../model/json.ts'
import { Problem, PROBLEMS, problem, type ProblemCode } from '../../model/problems.ts'
import type { SignRequest } from './log-signer.ts'

/** A request holds two proofs of at most 63 hashes, and one record with its payload. */
export const LINE_BYTES_MAX = 65_536

export type SignerRequest =
  | { readonly id: number; readonly ask: 'claim' | 'standing' }
  | { readonly id: number; readonly ask: 'sign'; readonly request: SignRequest }
  | {
      readonly id: number
      readonly ask: 'prepare-rotation'
      readonly afterNext: string | null
      readonly release: boolean
    }

export type SignerReply =
  | { readonly id: number; readonly answer: unknown }
  | {
      readonly id: number
      readonly problem: { readonly code: string; readonly detail: string; readonly members: JsonObject }
    }

/** @throws `malformed-request` */
export function parseRequest(line: string): SignerRequest {
  const value = parse(line)
  const { id, ask, request, afterNext = null, release } = value
  if (!Number.isSafeInteger(id)) throw malformed('`id` is not a number')
  if (ask === 'claim' || ask === 'standing') return { id: id as number, ask }
  if (
    ask === 'prepare-rotation' &&
    (afterNext === null || typeof afterNext === 'string') &&
    typeof release === 'boolean'
  )
    return { id: id as number, ask, afterNext, release }
  if (ask === 'sign' && isSignRequest(request)) return { id: id as number, ask, request }
  throw malformed(`\`${String(ask)}\` is nothing that can be asked so`)
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isProof = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= 128 && value.every((one) => typeof one === 'string')

function isSignRequest(value: unknown): value is SignRequest {
  if (typeof value !== 'object' || value === null) return false
  const { epoch, oldSize, proof, body, keyRecord } = value as Readonly<Record<string, unknown>>
  const shape = isCount(epoch) && isCount(oldSize) && isProof(proof) && typeof body === 'string'
  if (!shape || keyRecord === null) return shape
  if (typeof keyRecord !== 'object') return false
  const { index, line, payload, proof: path } = keyRecord as Readonly<Record<string, unknown>>
  return isCount(index) && typeof line === 'string' && typeof payload === 'string' && isProof(path)
}

/** @throws `signer-unavailable` for an answer that no signer gives */
export function parseReply(line: string): SignerReply {
  try {
    const { id, ...rest } = parse(line)
    if (Number.isSafeInteger(id) && ('answer' in rest || 'problem' in rest)) return { id, ...rest } as SignerReply
  } catch {
    // said below
  }
  throw problem('signer-unavailable', 'the signer gave an answer that cannot be read')
}

export function problemOf({ code, detail, members }: Extract<SignerReply, { problem: unknown }>['problem']): Problem {
  const known = Object.hasOwn(PROBLEMS, code) ? (code as ProblemCode) : 'bug'
  return new Problem(known, detail, members)
}

function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    // said below
  }
  throw malformed('it is not one line of JSON')
}
const malformed = (detail: string): Problem => problem('malformed-request', detail)

/** Cuts a stream of text into lines; a longer line than the bound ends it. */
export class Lines {
  #rest = ''
  /** @returns null when a line is too long */
  take(text: string): string[] | null {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    return this.#rest.length > LINE_BYTES_MAX || lines.some((line) => line.length > LINE_BYTES_MAX) ? null : lines
  }
}
