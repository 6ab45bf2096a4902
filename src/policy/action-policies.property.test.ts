/** Leaving out the policies of other actions changes nothing: for any policies and requests, an action's own set answers as the whole set does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { actionPolicies } from './action-policies.ts'
import { evaluate, parsedIdsMade, parsePolicySet, parseSchema } from './cedar.ts'
import { readPolicyFiles, textsOf } from './policy-set.ts'
import { cedarRequest } from './request.ts'
import { schemaOf } from './schema.ts'
import { policyText, request } from './testing/arbitraries.ts'
import { manifest } from './testing/fixture.ts'

const schema = schemaOf(manifest)
const parsed = parseSchema(schema.admission)

test('the set of an action and the whole set agree on verdict, rules and errors', () => {
  fc.assert(
    fc.property(policyText, fc.array(request, { minLength: 10, maxLength: 30 }), (text, requests) => {
      const { admission } = readPolicyFiles({ 'a.cedar': text }).policies
      const whole = parsePolicySet(textsOf(admission))
      const byAction = actionPolicies(admission)
      for (const asked of requests) {
        const full = cedarRequest(schema, asked)
        const group = schema.actions.get(asked.action)?.group ?? 'engine'
        assert.deepEqual(evaluate(byAction.of([asked.action, group]), parsed, full), evaluate(whole, parsed, full))
      }
      whole.release()
      byAction.release()
    }),
    { numRuns: 60 },
  )
})

test('actions that select the same policies share one compiled set', () => {
  const { admission } = readPolicyFiles({
    'a.cedar': `@id("all") permit (principal, action, resource);
      @id("pay") forbid (principal, action == Action::"pay", resource) when { false };`,
  }).policies
  const sets = actionPolicies(admission)
  const made = parsedIdsMade()
  assert.equal(sets.of(['get_order', 'queries']), sets.of(['list_orders', 'queries']))
  assert.notEqual(sets.of(['pay', 'commands']), sets.of(['get_order', 'queries']))
  assert.ok(parsedIdsMade() <= made + 2)
  sets.release()
})
