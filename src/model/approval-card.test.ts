/** What an approver reads, when whoever asks would rather have it not read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { CARD_LENGTH_MAX, renderCard, type CardView } from './approval-card.ts'
import type { Json, JsonObject } from './json.ts'

const view = (input: Json, impact: JsonObject = { events: [], streams: [], effects: [] }): CardView => ({
  ...{ approval: 'apr_x', operation: 'op_x', action: 'pay', actor: 'agent', onBehalfOf: null, run: null },
  ...{ rules: ['large'], requires: ['cashier'], binds: 'b'.repeat(64), heldAtMs: 0, expiresAtMs: 1 },
  ...{ input, impact },
})

test('a long text beside it hides no other argument', () => {
  const card = renderCard(
    view({ a_note: 'x'.repeat(50_000), amount: 5, z: { note: 'y'.repeat(3_000), to: 'mallory' } }),
  )
  assert.match(card, /"amount":5/)
  assert.match(card, /"to":"mallory"/)
  assert.match(card, /x… \(50000 characters\)/)
  assert.doesNotMatch(card, /NOT WHOLE/)
})

test('what cannot be shown whole is said at the head', () => {
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`m${i}`, i]))
  for (const card of [
    renderCard(view({ ...many, z_to: 'mallory' })),
    renderCard(view(Array.from({ length: 1_000 }, (_, i) => `item number ${i}`))),
    renderCard(view({}, { events: [], streams: Array.from({ length: 9_000 }, (_, i) => `account/${i}`), effects: [] })),
  ]) {
    assert.match(card.split('\n')[1] ?? '', /^NOT WHOLE/)
    assert.ok(card.length <= CARD_LENGTH_MAX)
  }
})

test('a name that only looks like another is pointed out', () => {
  assert.match(renderCard(view({ to: 'аnn' })), /^LOOKS LIKE  аnn mixes letters/m) // the first letter is Cyrillic
  for (const to of ['ann', 'анна', 'Zoë', '安', '\u00b5m 5', 'ann и пётр'])
    assert.doesNotMatch(renderCard(view({ to })), /LOOKS/)
})

test('no input adds a line, moves the cursor or turns text around', () => {
  const lines = renderCard(view({ a: 1 })).split('\n').length
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const card = renderCard(view({ a: text }))
      assert.equal(card.split('\n').filter((line) => !line.startsWith('LOOKS LIKE')).length, lines)
      assert.doesNotMatch(card.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\u2028\u2029]/u)
    }),
  )
})
