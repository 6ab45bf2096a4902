import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SwitchScope } from '../../warden/authority.ts'
import { aimWarning } from './switch-aim.ts'

const snapshot = { number: 3, principals: [{ id: 'agent', tenant: 'north' }] } as unknown as Parameters<
  typeof aimWarning
>[1]
const manifest = {
  ...{ name: 'shop', commands: { sell: {} }, queries: { find_product: {} }, effects: { refund: {} } },
} as unknown as NonNullable<Parameters<typeof aimWarning>[2]>

const CASES: readonly (readonly [kind: SwitchScope['kind'], known: string, typed: string])[] = [
  ['principal', 'agent', 'agnet'],
  ['tenant', 'north', 'nroth'],
  ['application', 'shop', 'shpo'],
  ['command', 'sell', 'sel'],
  ['command', 'find_product', '__proto__'],
  ['effect', 'refund', 'toString'],
]

test('a switch on a name that nobody has is remarked on', () => {
  for (const [kind, known, typed] of CASES) {
    assert.equal(aimWarning({ kind, value: known }, snapshot, manifest), null)
    assert.match(aimWarning({ kind, value: typed }, snapshot, manifest) ?? '', new RegExp(`careful: .*\`${typed}\``))
  }
})

test('what cannot be known here is not remarked on', () => {
  for (const [kind, , typed] of CASES.slice(2)) assert.equal(aimWarning({ kind, value: typed }, snapshot, null), null)
  for (const kind of ['run', 'policy-set'] as const)
    assert.equal(aimWarning({ kind, value: 'any' }, snapshot, manifest), null)
  assert.equal(aimWarning({ kind: 'command', value: 'plinth.approve' }, snapshot, manifest), null)
  assert.equal(aimWarning({ kind: 'global', value: '*' }, snapshot, manifest), null)
})
