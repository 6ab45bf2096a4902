import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBreakers } from './breakers.ts'
import { policyFaults } from './policy-set.ts'
import type { Json } from '../model/json.ts'

const file = (breakers: Json) => ({ 'breakers.json': JSON.stringify({ format: 1, breakers }) })
const FAILING = { of: ['pay'], per: ['principal'], when: { errors: 0.5, ofLast: 20 }, open: '15m', probes: 3 }

test('a breaker is read', () => {
  assert.deepEqual(readBreakers(file({ failing: FAILING })), {
    breakers: [
      {
        ...{ name: 'failing', of: ['pay'], per: ['principal'], openMs: 900_000, probes: 3 },
        trip: { kind: 'errors', share: 0.5, ofLast: 20 },
      },
    ],
    faults: [],
  })
  const sum = { when: { sum: 'input.amount', over: 500, within: '1h' }, open: '1m' }
  assert.deepEqual(readBreakers(file({ sum })).breakers[0]?.trip, {
    ...{ kind: 'sum', path: ['input', 'amount'], max: 500, withinMs: 3_600_000 },
  })
  assert.deepEqual(policyFaults(file({ failing: FAILING })), [])
})

for (const [what, breakers, expected] of [
  ['an unknown member', { b: { ...FAILING, close: '1m' } }, /no others/],
  ['an unknown dimension', { b: { ...FAILING, per: ['planet'] } }, /`per`/],
  ['a share above one', { b: { ...FAILING, when: { errors: 2, ofLast: 20 } } }, /`when`/],
  ['two reasons', { b: { ...FAILING, when: { errors: 0.5, ofLast: 20, changes: 3, within: '1m' } } }, /`when`/],
  ['no time', { b: { ...FAILING, open: 'soon' } }, /`open`/],
  ['no probes', { b: { ...FAILING, probes: 0 } }, /`probes`/],
  ['a name that is none', { 'B!': FAILING }, /lower case/],
] as const)
  test(`${what} is named before anything is signed`, () => {
    assert.match(policyFaults(file(breakers as Json)).join('\n'), expected)
  })

test('what is no JSON is named', () => {
  assert.match(policyFaults({ 'breakers.json': '{' }).join('\n'), /format/)
})
