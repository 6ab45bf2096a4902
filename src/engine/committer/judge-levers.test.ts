import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commitRequest } from '../../../test/support/commits.ts'
import type { PrincipalId, RunId } from '../../model/ids.ts'
import type { SwitchEntry } from '../../warden/authority.ts'
import { judgeLevers, type Levers } from './judge-levers.ts'

const on = (
  kind: SwitchEntry['scope']['kind'],
  value: string,
  action: SwitchEntry['action'] = 'stop',
): SwitchEntry => ({
  ...{ id: `${kind}-${action}`, action, reason: 'r', by: 'mia', atMs: 1 },
  scope: { kind, value },
})
const levers = (...switches: SwitchEntry[]): Levers => ({ switches, leaseUntilMs: null, application: 'shop' })
const request = commitRequest('op_1', {
  action: 'pay',
  tenant: 'north',
  run: 'run-1' as RunId,
  onBehalfOf: 'ann' as PrincipalId,
  effects: [{ effect: 'refund', payload: '{}' }],
  policySet: 'a'.repeat(64) as never,
})

for (const one of [
  on('global', '*'),
  on('application', 'shop'),
  on('tenant', 'north'),
  on('principal', 'agent'),
  on('principal', 'ann'),
  on('run', 'run-1'),
  on('command', 'pay'),
  on('effect', 'refund'),
  on('policy-set', 'a'.repeat(64)),
  on('global', '*', 'pause'),
  on('global', '*', 'contain'),
])
  test(`${one.action} on ${one.scope.kind} ${one.scope.value} is the last word`, () => {
    assert.deepEqual(judgeLevers(request, levers(one), 0), { kind: 'switched', by: one })
  })

for (const one of [on('global', '*', 'freeze'), on('principal', 'bob'), on('tenant', 'south'), on('effect', 'mail')])
  test(`${one.action} on ${one.scope.kind} ${one.scope.value} does not reach it`, () => {
    assert.equal(judgeLevers(request, levers(one), 0), null)
  })

test('an ending may be recorded under any switch, and so may what the engine does by itself; a hold may not', () => {
  const all = levers(on('global', '*'))
  for (const state of ['refused', 'denied', 'expired', 'stopped'] as const)
    assert.equal(judgeLevers({ ...request, state }, all, 0), null)
  assert.equal(judgeLevers({ ...request, chain: [] }, all, 0), null)
  assert.equal(judgeLevers({ ...request, state: 'held' }, all, 0)?.kind, 'switched')
})

test('the gravest switch is the one that is named', () => {
  const grave = on('command', 'pay', 'stop')
  assert.deepEqual(judgeLevers(request, levers(on('global', '*', 'pause'), grave), 0), { kind: 'switched', by: grave })
})

test('past the lease nothing changes; until its last millisecond everything does', () => {
  const leased = { ...levers(), leaseUntilMs: 100 }
  assert.equal(judgeLevers(request, leased, 100), null)
  assert.deepEqual(judgeLevers(request, leased, 101), { kind: 'lease-expired', untilMs: 100 })
  assert.equal(judgeLevers({ ...request, chain: [] }, leased, 101), null)
})
