/**
 * What operators sign: changes, the snapshot they are made to, and a nonce, in one canonical text. It fits exactly one snapshot of one history, so
 * it can be used once; whoever adds a signature signs the same text. Shared by the warden and by the operator's side.
 */
import { createPublicKey, verify } from 'node:crypto'
import { z } from 'zod'
import { base32, sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import { strictBase64 } from '../model/signed-note.ts'
import type { AuthoritySnapshot, ChangeKind, OperatorEntry } from './authority.ts'
import { changeDocument, kindOf, type ChangeDocument } from './change-document.ts'
import { maySign, SNAPSHOT_BYTES_MAX } from './snapshot.ts'

/** How long a request may wait for its signatures, unless it says otherwise. */
export const REQUEST_LIFE_MS = 24 * 3_600_000
export const REQUEST_LIFE_MS_MAX = 7 * REQUEST_LIFE_MS
const CHANGES_MAX = 64
/** Comes before the text in what is signed: a signature over a request is one over nothing else. */
const DOMAIN = 'plinth change request v1\n'

export interface ChangeRequest {
  readonly format: 1
  /** Number and hash of the snapshot that is changed. */
  readonly base: number
  readonly baseHash: Hash
  readonly nonce: string
  readonly changes: readonly ChangeDocument[]
  /** Why; on record in the warden's journal. */
  readonly reason: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

export interface SignedRequest {
  /** Canonical JSON of the request. */
  readonly request: string
  /** Id of the operator who signs. */
  readonly operator: string
  /** Ed25519 over `signedBytes(request)`, base64. */
  readonly signature: string
}

const changeRequest = z.strictObject({
  format: z.literal(1),
  base: z.int().min(1).max(999_999),
  baseHash: z.string().regex(/^[0-9a-f]{64}$/),
  nonce: z.string().regex(/^[a-z2-7]{26}$/),
  changes: z.array(changeDocument).min(1).max(CHANGES_MAX),
  reason: z.string().max(1_000),
  createdAtMs: z.int().min(0),
  expiresAtMs: z.int().min(0),
})

export function newRequest(
  base: { readonly snapshot: Pick<AuthoritySnapshot, 'number'>; readonly hash: Hash },
  changes: readonly ChangeDocument[],
  reason: string,
  nowMs: number,
  random: Uint8Array,
): string {
  return canonicalJson({
    format: 1,
    base: base.snapshot.number,
    baseHash: base.hash,
    nonce: base32(random).slice(0, 26),
    changes: changes as ChangeDocument[],
    reason,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + REQUEST_LIFE_MS,
  } satisfies ChangeRequest)
}

export const signedBytes = (request: string): Buffer => Buffer.from(DOMAIN + request)

/** As `signedBytes`, for the report of a drill. */
export const drillBytes = (report: string): Buffer => Buffer.from(`plinth drill report v1\n${report}`)

/** Names a request: `chg_` and 26 characters of its hash. */
export const requestId = (request: string): string =>
  `chg_${base32(Buffer.from(sha256Hex(request), 'hex')).slice(0, 26)}`

/** @throws `malformed-request` */
export function parseRequest(text: string): ChangeRequest {
  if (text.length > SNAPSHOT_BYTES_MAX || !text.isWellFormed())
    throw problem('malformed-request', 'the change request is too long, or not well-formed text')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw problem('malformed-request', 'the change request is not JSON', {}, error)
  }
  const parsed = changeRequest.safeParse(value)
  if (!parsed.success) {
    const errors = parsed.error.issues.slice(0, 10).map((issue) => `\`${issue.path.join('.')}\`: ${issue.message}`)
    throw problem('malformed-request', errors.join('; '), { errors })
  }
  const request = parsed.data as unknown as ChangeRequest
  if (canonicalJson(request as never) !== text)
    throw problem('malformed-request', 'the change request is not in canonical form')
  if (request.expiresAtMs - request.createdAtMs > REQUEST_LIFE_MS_MAX)
    throw problem('malformed-request', `a change request may wait for at most ${REQUEST_LIFE_MS_MAX} ms`)
  return request
}

export const kindsOf = ({ changes }: ChangeRequest): readonly ChangeKind[] => [...new Set(changes.map(kindOf))]

/** The operator whose signature this is. @throws `change-not-authorized` */
export function signerOfRequest(
  snapshot: AuthoritySnapshot,
  request: ChangeRequest,
  { operator: id, signature: text, request: signed }: SignedRequest,
): OperatorEntry {
  const operator = verifyOperator(snapshot, id, signedBytes(signed), text)
  const kinds = kindsOf(request)
  const cannot = kinds.filter((kind) => !maySign(operator, kind))
  if (cannot.length === kinds.length)
    throw problem('change-not-authorized', `\`${id}\` may not sign changes of kind ${cannot.join(', ')}`)
  return operator
}

/** The operator whose signature over these bytes this is. @throws `change-not-authorized` */
export function verifyOperator(
  snapshot: AuthoritySnapshot,
  id: string,
  bytes: Uint8Array,
  signature: string,
): OperatorEntry {
  const operator = snapshot.operators.find((one) => one.id === id)
  if (operator === undefined) throw problem('change-not-authorized', `there is no operator \`${id}\``)
  const given = strictBase64(signature)
  if (given === null || given.length !== 64 || !verify(null, bytes, keyOf(operator), given))
    throw problem('change-not-authorized', `the signature is not by \`${id}\``)
  return operator
}

/** How many signatures are still missing, by kind of change; empty when the request may be carried out. */
export function missingSignatures(
  snapshot: AuthoritySnapshot,
  request: ChangeRequest,
  signers: readonly string[],
): Readonly<Partial<Record<ChangeKind, number>>> {
  const missing: Partial<Record<ChangeKind, number>> = {}
  for (const kind of kindsOf(request)) {
    const have = snapshot.operators.filter((one) => signers.includes(one.id) && maySign(one, kind)).length
    const lack = (snapshot.thresholds[kind] ?? 1) - have
    if (lack > 0) missing[kind] = lack
  }
  return missing
}

function keyOf({ id, publicKey }: OperatorEntry) {
  try {
    const made = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
    if (made.asymmetricKeyType === 'ed25519') return made
  } catch {
    // falls through: what is on record is no key
  }
  throw problem('change-not-authorized', `what is on record for \`${id}\` is not an Ed25519 key`)
}
