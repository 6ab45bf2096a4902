/** A remembered verdict is the verdict: for any policies and any order of requests, memory and evaluation agree. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { parseSchema } from './cedar.ts'
import { ContextError } from './context-type.ts'
import type { AdmitRequest } from './policy.ts'
import { cedarRequest } from './request.ts'
import { schemaOf } from './schema.ts'
import { policyText, request } from './testing/arbitraries.ts'
import { manifest } from './testing/fixture.ts'
import { compileSet } from './verdict.ts'

const schema = schemaOf(manifest)
const parsed = { admission: parseSchema(schema.admission), scope: parseSchema(schema.scope) }

test('remembered and plain verdicts agree', () => {
  fc.assert(
    fc.property(policyText, fc.array(request, { minLength: 20, maxLength: 60 }), (text, requests) => {
      const set = compileSet({ 'a.cedar': text }, schema, parsed)
      assert.deepEqual(set.faults, [])
      for (const asked of requests) {
        const full = requestOf(asked)
        if (full === null) continue
        const group = schema.actions.get(asked.action)?.group ?? 'engine'
        assert.deepEqual(set.verdict(full, group), set.plainVerdict(full, group))
      }
      set.release()
    }),
    { numRuns: 60 },
  )
})

function requestOf(asked: AdmitRequest) {
  try {
    return cedarRequest(schema, asked)
  } catch (error) {
    if (error instanceof ContextError) return null
    throw error
  }
}
