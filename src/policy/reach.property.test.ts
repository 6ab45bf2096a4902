/** `always` and `never` hold for every call, whatever it brings along; the engine that decides is asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { parseSchema } from './cedar.ts'
import { ContextError } from './context-type.ts'
import { readPolicyFiles } from './policy-set.ts'
import { reachOf } from './reach.ts'
import { cedarRequest, scopeRequest } from './request.ts'
import { schemaOf } from './schema.ts'
import { policyText, request } from './testing/arbitraries.ts'
import { manifest, SCOPE_ALL } from './testing/fixture.ts'
import { compileSet } from './verdict.ts'

test('what is always admitted is admitted, and what never is is not, for every call', () => {
  const schema = schemaOf(manifest)
  const parsed = { admission: parseSchema(schema.admission), scope: parseSchema(schema.scope) }
  const seen = { always: 0, never: 0, depends: 0 }
  fc.assert(
    fc.property(policyText, fc.array(request, { minLength: 8, maxLength: 16 }), (text, requests) => {
      const files = { ...SCOPE_ALL, 'a.cedar': text }
      const set = compileSet(files, schema, parsed)
      try {
        const { policies } = readPolicyFiles(files)
        for (const asked of requests) {
          const full = cedarRequest(schema, asked)
          const { group } = schema.actions.get(asked.action) ?? { group: 'engine' as const }
          const { id, tenant, roles, chain } = asked.principal
          const reach = reachOf(
            policies,
            {
              principal: full.principal,
              groups: roles.map((role) => ({ type: 'Role', id: role })),
              attrs: { id, tenant, owner: chain[1]?.principal ?? '' },
              openAttrs: ['onBehalfOf'],
              action: asked.action,
              actionGroup: group,
              resourceTypes: ['Order', 'Application'],
            },
            set.misfits.length === 0,
          )
          seen[reach.class]++
          const admitted =
            set.inScope(scopeRequest(schema, asked.principal, asked.action)) &&
            set.verdict(full, group).kind === 'admitted'
          if (reach.class === 'always') assert.ok(admitted, text)
          if (reach.class === 'never') assert.ok(!admitted, text)
        }
      } catch (error) {
        if (!(error instanceof ContextError)) throw error
      } finally {
        set.release()
      }
    }),
    { numRuns: 80 },
  )
  parsed.admission.release()
  parsed.scope.release()
  assert.ok(seen.always > 0 && seen.never > 5 && seen.depends > 5, JSON.stringify(seen))
})

test('a grant by role, a forbid for somebody, a hold: what each leaves', () => {
  const reach = (text: string, roles: readonly string[] = ['agent'], action = 'pay') => {
    const { policies, faults } = readPolicyFiles({ ...SCOPE_ALL, 'a.cedar': text })
    assert.deepEqual(faults, [])
    return reachOf(
      policies,
      {
        principal: { type: 'Agent', id: 'a' },
        groups: roles.map((id) => ({ type: 'Role', id })),
        attrs: { id: 'a', tenant: '' },
        openAttrs: ['onBehalfOf'],
        action,
        actionGroup: 'commands',
        resourceTypes: ['Order', 'Application'],
      },
      true,
    )
  }
  const grant = '@id("g") permit (principal in Role::"agent", action in Action::"commands", resource);'
  assert.equal(reach(grant).class, 'always')
  assert.deepEqual(reach(grant).grants, ['scope-all', 'g'])
  assert.equal(reach(grant, []).class, 'never')
  assert.equal(reach(`${grant} @id("f") forbid (principal == Agent::"a", action, resource);`).class, 'never')
  assert.equal(reach(`${grant} @id("f") forbid (principal == Agent::"b", action, resource);`).class, 'always')
  assert.equal(
    reach(`${grant} @id("f") forbid (principal, action, resource) when { resource is Nothing };`).class,
    'always',
  )
  const held = reach(
    `${grant} @id("h") @hold("boss") forbid (principal, action, resource) when { context.impact.irreversible } unless { context.approvals.contains("boss") };`,
  )
  assert.deepEqual([held.class, held.on.map(({ rule, hold }) => [rule, hold])], ['depends', [['h', 'boss']]])
  // Arithmetic can overflow, and a failing rule denies: not always, even where it is never true.
  const sum = '@id("f") forbid (principal, action, resource) when { context.input.amount + 1 < 0 && false };'
  assert.equal(reach(`${grant} ${sum}`).class, 'depends')
  assert.equal(
    reach('@id("g") permit (principal, action == Action::"pay", resource) when { principal.id == "a" };').class,
    'always',
  )
  assert.equal(reach('@id("g") permit (principal, action, resource) when { principal has owner };').class, 'never')
  assert.equal(
    reach('@id("g") permit (principal, action, resource) when { [Action::"pay", Action::"x"].contains(action) };')
      .class,
    'always',
  )
})
