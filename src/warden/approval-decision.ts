/**
 * An approver's decision: signed with the approver's own key, carried by a door, verified against the snapshot in force. Reading half of the
 * authority: it changes no snapshot. `signApproval` runs where the approver's key is, which is never inside the runtime.
 */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { strictBase64 } from '../model/signed-note.ts'
import type { ApprovalGrant } from '../model/approval-grant.ts'
import type { PrincipalId } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import type { ApprovalDecision, AuthoritySnapshot, PrincipalEntry } from './authority.ts'

export const DECISION_BYTES_MAX = 8_192
export const REASON_LENGTH_MAX = 2_000

const approvalDecision = z.strictObject({
  format: z.literal(1),
  approval: z.string().regex(/^apr_[a-z2-7]{26}$/),
  verdict: z.enum(['approve', 'refuse']),
  binds: z.string().regex(/^[0-9a-f]{64}$/),
  saw: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  by: z.string().min(1).max(128),
  reason: z.string().max(REASON_LENGTH_MAX),
  decidedAtMs: z.int().min(0),
})

const conditionPath = z.string().regex(/^(?:input|facts)(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){1,8}$/)
const approvalGrant = z.strictObject({
  format: z.literal(1),
  verdict: z.literal('grant'),
  grant: z.string().regex(/^grt_[a-z2-7]{26}$/),
  by: z.string().min(1).max(128),
  to: z.string().min(1).max(128),
  command: z.string().min(1).max(128),
  tool: z.string().regex(/^[0-9a-f]{64}$/),
  where: z
    .record(
      conditionPath,
      z
        .strictObject({
          is: z.union([z.string().max(1_000), z.int(), z.boolean()]),
          atMost: z.int(),
          atLeast: z.int(),
          startsWith: z.string().max(1_000),
        })
        .partial()
        .refine((one) => Object.keys(one).length > 0, 'says nothing'),
    )
    .refine((one) => Object.keys(one).length <= 32, 'has more than 32 conditions'),
  usesMax: z.int().min(1).max(1_000),
  sum: z.strictObject({ path: conditionPath, max: z.int().min(0) }).nullable(),
  expiresAtMs: z.int().min(0),
  reason: z.string().max(REASON_LENGTH_MAX),
  decidedAtMs: z.int().min(0),
})

export interface SignedApproval {
  /** Canonical JSON of the decision. */
  readonly decision: string
  /** Base64 Ed25519 over its UTF-8 bytes. */
  readonly signature: string
}

/** @param privateKey PKCS #8, PEM, Ed25519 @throws `approval-invalid` for a decision that could never verify */
export function signApproval(decision: ApprovalDecision, privateKey: string): SignedApproval {
  const text = canonicalJson(parse(canonicalJson(decision)))
  return { decision: text, signature: sign(null, Buffer.from(text), createPrivateKey(privateKey)).toString('base64') }
}

/**
 * Whether this decision is what its approver signed, by somebody who may sign now. The caller still compares `binds`, the state of the request,
 * the role it needs, and that nobody approves for themselves.
 * @throws `approval-invalid`; `principal-revoked` when the approver, or anybody in their owner chain, is revoked
 */
export function verifyApproval(snapshot: AuthoritySnapshot, signed: SignedApproval): ApprovalDecision {
  const decision = parse(signed.decision)
  verifySigned(snapshot, decision, signed)
  return decision
}

/** A grant that is what its approver signed, by somebody who may sign now. @throws as `verifyApproval` */
export function verifyGrant(snapshot: AuthoritySnapshot, signed: SignedApproval): ApprovalGrant {
  const grant = parseAs<ApprovalGrant>(approvalGrant, signed.decision)
  verifySigned(snapshot, grant, signed)
  return grant
}

/** @param privateKey PKCS #8, PEM, Ed25519 @throws `approval-invalid` for a grant that could never verify */
export function signGrant(grant: ApprovalGrant, privateKey: string): SignedApproval {
  const text = canonicalJson(parseAs(approvalGrant, canonicalJson(grant)))
  return { decision: text, signature: sign(null, Buffer.from(text), createPrivateKey(privateKey)).toString('base64') }
}

function verifySigned(
  snapshot: AuthoritySnapshot,
  decision: { readonly by: PrincipalId },
  signed: SignedApproval,
): void {
  if (canonicalJson(decision) !== signed.decision)
    throw problem('approval-invalid', 'the decision is not in canonical form')
  const approver = snapshot.principals.find(({ id }) => id === decision.by)
  if (approver?.approvalKey === null || approver === undefined)
    throw problem('approval-invalid', `\`${decision.by}\` holds no key that could sign a decision`)
  const signature = strictBase64(signed.signature)
  if (
    signature === null ||
    signature.length !== 64 ||
    !verify(null, Buffer.from(signed.decision), keyOf(approver.approvalKey), signature)
  )
    throw problem('approval-invalid', `the signature is not by \`${decision.by}\``)
  refuseRevoked(snapshot, approver)
}

const parse = (text: string): ApprovalDecision => parseAs<ApprovalDecision>(approvalDecision, text)

function parseAs<Form>(form: z.ZodType, text: string): Form {
  if (text.length > DECISION_BYTES_MAX || !text.isWellFormed())
    throw problem('approval-invalid', `the decision is not text of at most ${DECISION_BYTES_MAX} characters`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw problem('approval-invalid', 'the decision is not JSON', {}, error)
  }
  const parsed = form.safeParse(value)
  if (!parsed.success) {
    const errors = parsed.error.issues.slice(0, 10).map((issue) => `\`${issue.path.join('.')}\`: ${issue.message}`)
    throw problem('approval-invalid', errors.join('; '), { errors })
  }
  return parsed.data as Form
}

function keyOf(spki: string): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' })
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // falls through: the snapshot names something that is no key
  }
  throw problem('approval-invalid', 'the approval key on record is not an Ed25519 key')
}

// Owner chains are bounded and whole: snapshots that hold others are not adopted.
function refuseRevoked(snapshot: AuthoritySnapshot, approver: PrincipalEntry): void {
  for (let link: PrincipalEntry | undefined = approver; link !== undefined;) {
    if (link.revoked) throw problem('principal-revoked', `\`${link.id}\` has been revoked`)
    const owner: PrincipalId | null = link.owner
    link = owner === null ? undefined : snapshot.principals.find(({ id }) => id === owner)
  }
}
