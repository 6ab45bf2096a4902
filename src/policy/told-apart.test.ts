import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitPolicies } from './cedar.ts'
import { toldApartBy, toldApartText } from './told-apart.ts'
import type { JsonObject } from '../model/json.ts'

/** How many requests policies with this condition tell apart among these contexts. */
function toldApart(condition: string, contexts: readonly JsonObject[]): number {
  const policies = splitPolicies(`permit (principal, action, resource) when { ${condition} };`)
  const apart = toldApartBy(
    policies.map(({ policy }) => policy),
    ['pay'],
  )
  return new Set(contexts.map((context) => toldApartText(context, apart))).size
}

test('values and their absence are told apart, at every depth, and what nobody reads is not', () => {
  const contexts = [{}, { a: {} }, { a: { b: {} } }, { a: { b: { c: true } } }, { a: { b: { c: false } } }]
  assert.equal(toldApart('context.a.b.c', contexts), contexts.length)
  assert.equal(
    toldApart('context.a', [
      { a: 1, d: 1 },
      { a: 1, e: 2 },
    ]),
    1,
  )
})

test('a value that is only compared counts by how the comparisons come out', () => {
  const served = (owner: string, user: string): JsonObject => ({ facts: { owner }, attested: { user } })
  const same = [served('x', 'x'), served('y', 'y')]
  assert.equal(toldApart('context.facts.owner == context.attested.user', same), 1)
  assert.equal(toldApart('context.facts.owner == context.attested.user', [...same, served('x', 'y')]), 2)
  assert.equal(toldApart('context.facts.owner != context.attested.user', [...same, served('y', 'x')]), 2)
  const amounts = [1, 99, 100, 101, 5_000].map((amount) => ({ amount }))
  assert.equal(toldApart('context.amount > 100', amounts), 3)
  assert.equal(toldApart('100 <= context.amount || context.amount == 1', amounts), 4)
  const reasons = ['a', 'b', 'c', 'd'].map((reason) => ({ reason }))
  assert.equal(toldApart('["a", "b"].contains(context.reason)', reasons), 3)
})

test('what is used in any other way as well counts by value', () => {
  const amounts = [1, 2, 3].map((amount) => ({ amount, other: 2, name: `n${amount}` }))
  assert.equal(toldApart('context.amount > 100 && context.amount + 1 < 9', amounts), 3)
  assert.equal(toldApart('context.amount < context.other', amounts), 3)
  assert.equal(toldApart('context.name == principal.id', amounts), 3)
  assert.equal(toldApart('context.name == "n1" && context.name like "n*"', amounts), 3)
  assert.equal(toldApart('["n1", principal.id].contains(context.name)', amounts), 3)
})

test('equal values are told from others also where one of them is not plain, or is seen whole', () => {
  const pairs: readonly JsonObject[] = [
    { a: ['x'], b: ['x'] },
    { a: ['x'], b: ['y'] },
    { a: 'x', b: ['x'] },
  ]
  assert.equal(toldApart('context.a == context.b', pairs), 3)
  const nested: readonly JsonObject[] = [
    { r: { a: 'x' }, b: 'x' },
    { r: { a: 'x' }, b: 'y' },
  ]
  assert.equal(toldApart('context.r == {a: "x"} || context.r.a == context.b', nested), 2)
})

test('whether something is there is all that `has` tells', () => {
  const contexts = [{ a: { b: 1 } }, { a: { b: 2 } }, { a: {} }]
  assert.equal(toldApart('context.a has b', contexts), 2)
  assert.equal(toldApart('context.a has b && context.a.b > 1', contexts), 3)
})
