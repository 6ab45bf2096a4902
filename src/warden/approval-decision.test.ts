import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256Hex, type PrincipalId } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { signApproval, verifyApproval } from './approval-decision.ts'
import type { ApprovalDecision, AuthoritySnapshot } from './authority.ts'
import { addPrincipal, all, revoke, setApprovalKey } from './changes.ts'
import { newEd25519 } from './secrets.ts'
import { NO_LEVERS } from './snapshot.ts'

const mia = newEd25519()
const noah = newEd25519()
const empty: AuthoritySnapshot = {
  format: 1,
  number: 1,
  previous: '',
  createdAtMs: 0,
  principals: [],
  issuers: [],
  policies: {},
  ...NO_LEVERS,
}
const snapshot = all(
  addPrincipal({ id: 'boss', kind: 'human', owner: null, roles: [] }),
  addPrincipal({ id: 'mia', kind: 'human', owner: 'boss', roles: ['operator'], approvalKey: mia.publicKey }),
  addPrincipal({ id: 'noah', kind: 'human', owner: null, roles: ['operator'], approvalKey: noah.publicKey }),
)(empty)

const decision: ApprovalDecision = {
  format: 1,
  approval: `apr_${'a'.repeat(26)}`,
  verdict: 'approve',
  binds: sha256Hex('what was shown'),
  by: 'mia' as PrincipalId,
  reason: 'agreed on the phone — “yes”',
  decidedAtMs: 5,
}

test('a decision verifies with the key of whoever it says it is by', () => {
  assert.deepEqual(verifyApproval(snapshot, signApproval(decision, mia.privateKey)), decision)
})

test('a decision by another key, or changed in any member, does not', () => {
  const { signature } = signApproval(decision, mia.privateKey)
  const changes: readonly Partial<ApprovalDecision>[] = [
    { approval: `apr_${'b'.repeat(26)}` },
    { verdict: 'refuse' },
    { binds: sha256Hex('something else') },
    { by: 'noah' as PrincipalId },
    { reason: '' },
    { decidedAtMs: 6 },
  ]
  for (const change of changes)
    assert.throws(() => verifyApproval(snapshot, { decision: canonicalJson({ ...decision, ...change }), signature }), {
      code: 'approval-invalid',
    })
  assert.throws(() => verifyApproval(snapshot, signApproval(decision, noah.privateKey)), { code: 'approval-invalid' })
})

test('text that is not exactly one decision is refused', () => {
  const signed = signApproval(decision, mia.privateKey)
  const texts = [
    '',
    '{',
    'null',
    ` ${signed.decision}`,
    signed.decision.replace('}', ',"more":1}'),
    signed.decision.replace('"format":1', '"format":2'),
    signed.decision.replace('apr_', 'op_'),
    `"${'x'.repeat(10_000)}"`,
    '"\ud800"',
  ]
  for (const text of texts)
    assert.throws(() => verifyApproval(snapshot, { ...signed, decision: text }), { code: 'approval-invalid' })
  for (const signature of ['', 'no base64', signed.signature.slice(4), `${signed.signature}AAAA`])
    assert.throws(() => verifyApproval(snapshot, { ...signed, signature }), { code: 'approval-invalid' })
  assert.throws(() => signApproval({ ...decision, reason: 'x'.repeat(3_000) }, mia.privateKey), {
    code: 'approval-invalid',
  })
})

test('who is not there, holds no key, or is revoked with their owner, decides nothing', () => {
  const byBoss = { ...decision, by: 'boss' as PrincipalId }
  const byNobody = { ...decision, by: 'nobody' as PrincipalId }
  for (const one of [byBoss, byNobody])
    assert.throws(() => verifyApproval(snapshot, signApproval(one, mia.privateKey)), { code: 'approval-invalid' })
  const signed = signApproval(decision, mia.privateKey)
  for (const who of ['mia', 'boss'])
    assert.throws(() => verifyApproval(revoke(who)(snapshot), signed), { code: 'principal-revoked' })
  assert.throws(() => verifyApproval(setApprovalKey('mia', 'no key')(snapshot), signed), { code: 'approval-invalid' })
})
