/** What was decided can be decided again: from the recorded request and the snapshot alone, with the same rules. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import type { Admission, AdmissionRequest, Authority } from '../model/admission.ts'
import type { AuthoritySnapshot } from '../warden/authority.ts'
import { openPolicy } from './open.ts'
import { policyText, request } from './testing/arbitraries.ts'
import { manifest, memorySource } from './testing/fixture.ts'

interface Recorded {
  readonly verdict: Admission['kind']
  readonly snapshot: AuthoritySnapshot
  readonly request: AdmissionRequest
  readonly authority: Authority
}

test('every decision under every snapshot agrees when it is decided again, elsewhere and later', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(policyText, fc.array(request, { minLength: 5, maxLength: 20 })), {
        minLength: 2,
        maxLength: 5,
      }),
      async (versions) => {
        const source = memorySource({})
        const policy = openPolicy({ source, manifest })
        const recorded: Recorded[] = []
        for (const [text, requests] of versions) {
          await source.publish({ 'a.cedar': text })
          for (const asked of requests) {
            const { kind: verdict, request, authority } = policy.admit(asked)
            // As the log gives it back: text and nothing else.
            recorded.push(
              JSON.parse(JSON.stringify({ snapshot: source.current(), verdict, request, authority })) as Recorded,
            )
          }
        }
        policy.close()

        const auditor = openPolicy({ source: memorySource({}), manifest })
        for (const { snapshot, verdict, request, authority } of recorded) {
          auditor.recall(snapshot)
          assert.deepEqual(auditor.replay(request, authority), { kind: 'agrees', rules: authority.rules, verdict })
        }
        auditor.close()
      },
    ),
    { numRuns: 25 },
  )
})
