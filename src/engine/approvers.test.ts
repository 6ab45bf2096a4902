/** An approval and a grant are as good as who gave them is now: revoked, of another role or with another key, they let nothing through any more. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { signedDecision, type Held } from '../../test/support/approve.ts'
import { changeAuthority } from '../../test/support/authority.ts'
import { NEVER, openBank, type Bank } from '../../test/support/bank-system.ts'
import { toolHash } from './approval-binding.ts'
import { audit } from '../main/audit.ts'
import type { ApprovalGrant } from '../model/approval-grant.ts'
import { sha256Hex, type PrincipalId } from '../model/ids.ts'
import type { Credentials } from '../model/principal.ts'
import { signApproval, signGrant } from '../warden/approval-decision.ts'
import type { ChangeDocument } from '../warden/change-document.ts'
import { newApiKey, newEd25519 } from '../warden/secrets.ts'

const CASEY = 'casey' as PrincipalId
const key = newEd25519()
const other = newEd25519()

/** A bank with a second person who may approve, and whom the agent does not depend on. */
async function opened(t: TestContext): Promise<{ readonly bank: Bank; readonly casey: Credentials }> {
  const bank = await openBank(t)
  const secret = newApiKey()
  const principal = { id: CASEY, kind: 'human', owner: null, roles: ['operator', 'cashier'] } as const
  await changeAuthority(
    bank,
    { change: 'add-principal', principal: { ...principal, approvalKey: key.publicKey } },
    { change: 'add-key', principal: CASEY, key: { name: 'k', hash: sha256Hex(secret), expiresAtMs: null } },
  )
  await bank.do('open_account', { account: 'a', owner: 'ann' })
  await bank.do('deposit', { account: 'a', amount: 90_000_000 })
  return { bank, casey: { bearer: secret, onBehalfOf: null } }
}

const pause = { id: 'hour', scope: { kind: 'principal', value: 'agent' }, action: 'pause', reason: 'lunch' } as const

const GONE: readonly (readonly [how: string, changes: readonly ChangeDocument[], back: readonly ChangeDocument[]])[] = [
  ['revoked, and reinstated', [{ change: 'revoke', principal: CASEY }], [{ change: 'reinstate', principal: CASEY }]],
  ['of another role', [{ change: 'set-roles', principal: CASEY, roles: ['operator'] }], []],
  ['with another key', [{ change: 'set-approval-key', principal: CASEY, approvalKey: other.publicKey }], []],
]

for (const [how, changes, back] of GONE)
  test(`what was approved does not go on when the approver is ${how}`, async (t) => {
    const { bank, casey } = await opened(t)
    const held = (await bank.do('withdraw', { account: 'a', amount: 200_000 })) as Held
    await changeAuthority(bank, { change: 'switch-on', switch: pause })
    const { decision, card } = await signedDecision(bank, held.approval)
    const mine = signApproval({ ...JSON.parse(decision), by: CASEY }, key.privateKey)
    const waits = await bank.engine.decideApproval(casey, mine.decision, mine.signature, NEVER, card)
    assert.equal(waits.kind, 'held', 'approved, and kept back by the pause')
    await changeAuthority(bank, ...changes)
    await changeAuthority(bank, ...back, { change: 'switch-off', id: 'hour' })
    const ended = await bank.engine.outcome(bank.agent, held.operation, 60_000, NEVER)
    assert.ok(ended.kind === 'refused' && ended.code === 'changed-since-approval', JSON.stringify(ended))
    assert.deepEqual(ended.detail['changed'], ['approvers'])
    const { state } = await bank.engine.state(bank.operator, 'account', 'a', null, NEVER)
    assert.equal((state as { readonly balance: number }).balance, 90_000_000)
  })

test('a grant ends with the key that signed it; what was done before agrees with the audit', async (t) => {
  const { bank, casey } = await opened(t)
  const nowMs = Date.now()
  const grant: ApprovalGrant = {
    ...{ format: 1, verdict: 'grant', grant: `grt_${'a'.repeat(26)}`, by: CASEY, to: 'agent' as PrincipalId },
    ...{ command: 'withdraw', tool: toolHash(bank.engine.manifest, 'withdraw'), where: {}, usesMax: 9, sum: null },
    ...{ expiresAtMs: nowMs + 3_600_000, reason: 'rent', decidedAtMs: nowMs },
  }
  const signed = signGrant(grant, key.privateKey)
  await bank.engine.giveGrant(casey, signed.decision, signed.signature, NEVER)
  const withdraw = () => bank.do('withdraw', { account: 'a', amount: 200_000 })
  assert.equal((await withdraw()).kind, 'committed')
  await changeAuthority(bank, { change: 'set-approval-key', principal: CASEY, approvalKey: other.publicKey })
  assert.equal((await withdraw()).kind, 'held')
  const { items } = await bank.engine.grants(bank.operator, {}, { after: null, limit: 10 }, NEVER)
  assert.equal(items[0]?.standing, 'approver-gone')
  await bank.close()
  const { disagreed } = await audit({ dir: bank.dir, bundle: null, rootKey: null, onProgress: () => {} }, NEVER)
  assert.deepEqual(disagreed, [])
})
