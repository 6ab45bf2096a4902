/** Any bytes: a signed snapshot is opened as what it says, or refused with a code; nothing else happens. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { Problem } from '../model/problems.ts'
import { noteSigner, signNote } from '../model/signed-note.ts'
import { signApproval, verifyApproval } from './approval-decision.ts'
import type { ApprovalDecision, AuthoritySnapshot } from './authority.ts'
import { addKey, addPrincipal, all } from './changes.ts'
import { newEd25519 } from './secrets.ts'
import { NO_LEVERS, openSnapshot, snapshotFaults, snapshotText } from './snapshot.ts'

const operator = newEd25519()
const signer = noteSigner('authority', createPrivateKey(operator.privateKey))
const snapshot = all(
  addPrincipal({ id: 'mia', kind: 'human', owner: null, roles: ['operator'], approvalKey: operator.publicKey }),
  addKey('mia', { name: 'first', secret: 'x', expiresAtMs: null }),
)({
  format: 1,
  number: 1,
  previous: '',
  createdAtMs: 0,
  principals: [],
  issuers: [],
  policies: { 'a.cedar': '// nothing\n' },
  ...NO_LEVERS,
} as AuthoritySnapshot)
const note = signNote(snapshotText(snapshot), [signer])

const refusedWith = (code: string, run: () => unknown): void => {
  assert.throws(run, (error) => error instanceof Problem && error.code === code)
}

test('any text that is not the note is refused', () => {
  assert.deepEqual(openSnapshot(note, signer).snapshot, snapshot)
  const changed = fc
    .tuple(fc.nat(note.length - 1), fc.constantFrom('', '0', '1', 'a', '"', '}', '\n', '\u0000', '—', '\ud800'))
    .map(([at, put]) => note.slice(0, at) + put + note.slice(at + 1))
  fc.assert(
    fc.property(fc.oneof(changed, fc.string({ unit: 'binary' })), (text) => {
      fc.pre(text !== note)
      refusedWith('authority-invalid', () => openSnapshot(text, signer))
    }),
    { numRuns: 500 },
  )
})

test('any JSON, though signed, is refused unless it is a whole snapshot', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      assert.ok(snapshotFaults(JSON.parse(json)).length > 0)
      refusedWith('authority-invalid', () =>
        openSnapshot(signNote(`${json.replaceAll('\u007f', '')}\n`, [signer]), signer),
      )
    }),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(snapshot)), fc.jsonValue(), (member, value) => {
      const wrong = { ...snapshot, [member]: value }
      const faults = snapshotFaults(wrong)
      if (faults.length === 0) assert.deepEqual(Object.keys(wrong), Object.keys(snapshot))
      else
        refusedWith('authority-invalid', () =>
          openSnapshot(signNote(snapshotText(wrong as AuthoritySnapshot), [signer]), signer),
        )
    }),
    { numRuns: 300 },
  )
})

test('any decision and signature that the approver did not make is refused', () => {
  const decision = {
    format: 1,
    approval: `apr_${'a'.repeat(26)}`,
    verdict: 'approve',
    binds: 'a'.repeat(64),
    by: 'mia',
    reason: '',
    decidedAtMs: 1,
  } as ApprovalDecision
  const signed = signApproval(decision, operator.privateKey)
  assert.deepEqual(verifyApproval(snapshot, signed), decision)
  fc.assert(
    fc.property(
      fc.oneof(fc.constant(signed.decision), fc.json(), fc.string({ unit: 'binary' })),
      fc.oneof(fc.constant(signed.signature), fc.base64String(), fc.string({ unit: 'binary' })),
      (text, signature) => {
        fc.pre(text !== signed.decision || signature !== signed.signature)
        refusedWith('approval-invalid', () => verifyApproval(snapshot, { decision: text, signature }))
      },
    ),
    { numRuns: 300 },
  )
})
