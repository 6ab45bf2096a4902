import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Clock } from '../host/clock.ts'
import type { PrincipalId } from '../model/ids.ts'
import {
  addKey,
  addPrincipal,
  all,
  reinstate,
  removeKey,
  revoke,
  setMayActFor,
  setRoles,
  type Change,
} from '../warden/changes.ts'
import { createAuthority, publish } from '../warden/testing/folder-authority.ts'
import { newApiKey } from '../warden/secrets.ts'
import { openAuthoritySource } from '../warden/source.ts'
import { openIdentity } from './open.ts'

const NEVER = new AbortController().signal

async function world(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'plinth-identity-'))
  const made = await createAuthority(dir, { policies: {}, checkPolicies: () => [], nowMs: 0 })
  const time = { nowMs: 1_000_000 }
  const clock: Clock = { nowMs: () => time.nowMs, monotonicUs: () => 0 }
  const source = await openAuthoritySource(dir, made.vkey, { clock, pollMs: 3_600_000 })
  t.after(async () => {
    source.close()
    await rm(dir, { recursive: true })
  })
  async function change(one: Change): Promise<void> {
    await publish(dir, made.operatorKey, one, 0)
    await source.refresh()
  }
  const keyOf = (id: string) => made.secrets[id]?.apiKey ?? assert.fail()
  const identity = openIdentity(source, { clock })
  const authenticate = (bearer: string | null, onBehalfOf: string | null = null) =>
    identity.authenticate({ bearer, onBehalfOf }, NEVER)
  return { identity, authenticate, change, keyOf, time }
}

test('an API key is its principal, with everybody who owns it', async (t) => {
  const { authenticate, keyOf } = await world(t)
  assert.deepEqual(await authenticate(keyOf('agent')), {
    id: 'agent',
    kind: 'agent',
    roles: ['agent'],
    chain: [
      { principal: 'agent', epoch: 1 },
      { principal: 'operator', epoch: 1 },
    ],
    onBehalfOf: null,
    tenant: '',
  })
})

test('what is no known key is refused', async (t) => {
  const { authenticate, keyOf } = await world(t)
  const key = keyOf('agent')
  await assert.rejects(authenticate(null), { code: 'credentials-missing' })
  await assert.rejects(authenticate(''), { code: 'credentials-missing' })
  const unknown = [
    newApiKey(),
    key.slice(0, -1),
    `${key}a`,
    key.toUpperCase(),
    `plk_${'a'.repeat(99_999)}`,
    'x',
    'a.b.c',
    '\ud800',
  ]
  for (const bearer of unknown) await assert.rejects(authenticate(bearer), { code: 'credentials-invalid' })
})

test('a key ends when it expires or is removed, and others go on', async (t) => {
  const { authenticate, change, keyOf, time } = await world(t)
  const secret = newApiKey()
  await change(addKey('agent', { name: 'second', secret, expiresAtMs: 2_000_000 }))
  assert.equal((await authenticate(secret)).id, 'agent')
  time.nowMs = 2_000_000
  await assert.rejects(authenticate(secret), { code: 'credentials-expired' })
  await change(removeKey('agent', 'second'))
  await assert.rejects(authenticate(secret), { code: 'credentials-invalid' })
  assert.equal((await authenticate(keyOf('agent'))).id, 'agent')
})

test('revoking an owner stops everything that it owns, and nothing else', async (t) => {
  const { identity, authenticate, change, keyOf } = await world(t)
  await change(
    all(
      addPrincipal({ id: 'helper', kind: 'agent', owner: 'agent', roles: [] }),
      addPrincipal({ id: 'other', kind: 'human', owner: null, roles: [] }),
    ),
  )
  const agent = await authenticate(keyOf('agent'))
  const helper = identity.byId('helper' as PrincipalId)
  assert.deepEqual(
    helper.chain.map(({ principal }) => principal),
    ['helper', 'agent', 'operator'],
  )
  await change(revoke('operator'))
  assert.deepEqual([identity.isLive(agent), identity.isLive(helper)], [false, false])
  await assert.rejects(authenticate(keyOf('agent')), { code: 'principal-revoked' })
  assert.throws(() => identity.byId('helper' as PrincipalId), { code: 'principal-revoked' })
  assert.throws(() => identity.byId('nobody' as PrincipalId), { code: 'principal-revoked' })
  assert.equal(identity.byId('other' as PrincipalId).id, 'other')
  await change(reinstate('operator'))
  assert.deepEqual([identity.isLive(agent), identity.isLive(identity.byId('helper' as PrincipalId))], [false, true])
})

test('nothing goes on under the roles of before', async (t) => {
  const { identity, authenticate, change, keyOf } = await world(t)
  const before = await authenticate(keyOf('agent'))
  await change(setRoles('agent', []))
  assert.equal(identity.isLive(before), false)
  assert.deepEqual((await authenticate(keyOf('agent'))).roles, [])
})

test('acting for somebody takes a delegation that still stands', async (t) => {
  const { identity, authenticate, change, keyOf } = await world(t)
  await change(addPrincipal({ id: 'mia', kind: 'human', owner: null, roles: ['operator'] }))
  const customer = await authenticate(keyOf('agent'), 'mia')
  assert.deepEqual([customer.id, customer.onBehalfOf, customer.roles], ['agent', 'mia', ['agent']])
  assert.equal((await authenticate(keyOf('agent'), 'customer-unknown-here')).onBehalfOf, 'customer-unknown-here')
  assert.equal((await authenticate(keyOf('agent'), 'agent')).onBehalfOf, null)
  for (const [who, forWhom] of [
    ['operator', 'mia'],
    ['front-door', 'operator'],
    ['agent', 'Not A Name'],
    ['agent', '*'],
    ['agent', ''],
  ] as const)
    await assert.rejects(authenticate(keyOf(who), forWhom), { code: 'delegation-refused' })
  await change(revoke('mia'))
  assert.equal(identity.isLive(customer), false)
  await assert.rejects(authenticate(keyOf('agent'), 'mia'), { code: 'delegation-refused' })
  const other = await authenticate(keyOf('agent'), 'nina')
  await change(setMayActFor('agent', ['mia']))
  assert.equal(identity.isLive(other), false)
  await assert.rejects(authenticate(keyOf('agent'), 'nina'), { code: 'delegation-refused' })
})

test('a principal that nobody verified is not live', async (t) => {
  const { identity } = await world(t)
  const made = identity.byId('agent' as PrincipalId)
  assert.equal(identity.isLive({ ...made, chain: [] }), false)
  assert.equal(identity.isLive({ ...made, chain: made.chain.slice(1) }), false)
  assert.equal(identity.isLive({ ...made, onBehalfOf: 'Not A Name' as PrincipalId }), false)
})
