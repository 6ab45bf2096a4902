/** Switches, operators, thresholds, ceilings in a snapshot: what holds together is signed, what does not is refused, what is older still reads. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { sha256Hex } from '../model/ids.ts'
import { noteSigner, signNote } from '../model/signed-note.ts'
import type { AuthoritySnapshot, OperatorEntry, SwitchEntry } from './authority.ts'
import { addPrincipal, setPolicyMode } from './changes.ts'
import { newEd25519 } from './secrets.ts'
import { NO_LEVERS, openSnapshot, snapshotFaults, snapshotText } from './snapshot.ts'

const key = newEd25519()
const signer = noteSigner('authority', createPrivateKey(key.privateKey))
const operator = (id: string, roles: OperatorEntry['roles']): OperatorEntry => ({
  ...{ id, algorithm: 'ed25519', roles },
  publicKey: newEd25519().publicKey,
})
const off: SwitchEntry = {
  ...{ id: 'sw-1', action: 'stop', reason: 'it orders too much', by: 'mia', atMs: 1 },
  scope: { kind: 'principal', value: 'agent' },
}
const whole: AuthoritySnapshot = {
  ...{ format: 1, number: 1, previous: '', createdAtMs: 0, principals: [], issuers: [], policies: {} },
  ...NO_LEVERS,
}
const levers: Partial<AuthoritySnapshot> = {
  switches: [off],
  operators: [operator('mia', ['*']), operator('ben', ['policies'])],
  thresholds: { policies: 2 },
  ceilings: [{ name: 'refunds', scope: off.scope, unit: 'usd-cents', limit: 100_000, windowMs: 86_400_000 }],
  protected: [{ kind: 'event', name: 'order.paid', hash: sha256Hex('order.paid') }],
  leaseMs: 60_000,
}

test('levers that hold together come back as they were signed', () => {
  const snapshot = { ...whole, ...levers }
  assert.deepEqual(snapshotFaults(snapshot), [])
  assert.deepEqual(openSnapshot(signNote(snapshotText(snapshot), [signer]), signer).snapshot, snapshot)
})

test('a snapshot from before there were levers has none', () => {
  const { format, number, previous, createdAtMs, principals, issuers, policies } = whole
  const older = { format, number, previous, createdAtMs, principals, issuers, policies } as AuthoritySnapshot
  assert.deepEqual(openSnapshot(signNote(snapshotText(older), [signer]), signer).snapshot, whole)
})

for (const [name, wrong, fault] of [
  ['two switches of one name', { switches: [off, off] }, /two switches/],
  ['a switch without a reason', { switches: [{ ...off, reason: '' }] }, /switches\.0\.reason/],
  ['a global switch for somebody', { switches: [{ ...off, scope: { kind: 'global', value: 'x' } }] }, /scope/],
  ['a switch for everybody called *', { switches: [{ ...off, scope: { kind: 'tenant', value: '*' } }] }, /scope/],
  ['more signatures than signers', { thresholds: { policies: 3 } }, /more than there are operators/],
  ['a lease of nothing', { leaseMs: 0 }, /leaseMs/],
  ['a next root key that is none', { nextRootKey: 'x' }, /nextRootKey/],
  ['an unknown lever', { lever: 1 }, /lever/],
] as const)
  test(`${name} is refused`, () => {
    assert.match(snapshotFaults({ ...whole, ...levers, ...wrong }).join('; '), fault)
  })

for (const id of ['plinth', 'plinth.signer'])
  test(`nobody can be called \`${id}\``, () => {
    const faults = snapshotFaults(addPrincipal({ id, kind: 'service', owner: null, roles: [] })(whole))
    assert.match(faults.join(), /the engine's own/)
  })

test('a set of policies observes by where its files lie, and decides again', () => {
  const policies = { 'all.cedar': 'a', 'guard/one.cedar': 'b', 'guard/more/two.cedar': 'c', 'guards.cedar': 'd' }
  const snapshot = { ...whole, policies }
  const observing = setPolicyMode('guard', 'observe')(snapshot)
  assert.deepEqual(observing.policies, {
    ...{ 'all.cedar': 'a', 'guards.cedar': 'd' },
    ...{ 'observe/guard/one.cedar': 'b', 'observe/guard/more/two.cedar': 'c' },
  })
  assert.deepEqual(snapshotFaults(observing), [])
  assert.deepEqual(setPolicyMode('guard', 'enforce')(observing).policies, policies)
  const refuses = (name: string, mode: 'enforce' | 'observe', from: AuthoritySnapshot = snapshot) =>
    assert.throws(() => setPolicyMode(name, mode)(from), { code: 'authority-change-refused' })
  refuses('guard', 'enforce')
  refuses('gone', 'observe')
  refuses('scope', 'observe')
  refuses('observe', 'observe')
  refuses('guard', 'observe', { ...whole, policies: { ...policies, 'observe/guard/one.cedar': 'e' } })
})
