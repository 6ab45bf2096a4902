/** Requests nobody thought of: whatever is asked in whatever order, what a witness has cosigned is one history; no bytes hurt its reader. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from '../../../test/support/property.ts'
import type { Hash } from '../../model/ids.ts'
import { NoteError } from '../../model/signed-note.ts'
import { formatAddCheckpoint, parseAddCheckpoint } from './add-checkpoint.ts'
import { openWitness } from './open-witness.ts'
import { post } from './testing/temporary.ts'
import { TestLog } from './testing/test-log.ts'

const SIZE = 24
const branches = [new TestLog().grow(SIZE)]
branches.push((branches[0] as TestLog).fork(9, 'a'), (branches[0] as TestLog).fork(15, 'b'))
const logs = [(branches[0] as TestLog).pinned]

const ask = fc.record({
  branch: fc.nat(branches.length - 1),
  proofOf: fc.nat(branches.length - 1),
  oldSize: fc.option(fc.nat(SIZE), { freq: 3 }), // null: the size that the witness is at
  size: fc.nat(SIZE),
})

test('what is cosigned is one history, across restarts; every answer is that of the plainest witness', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(ask, { maxLength: 6 }), { maxLength: 6 }), async (rounds) => {
      const dir = mkdtempSync(join(tmpdir(), 'plinth-witness-'))
      let witness = await openWitness({ dir, name: 'w', logs, port: 0 })
      let head = { size: 0, root: (branches[0] as TestLog).root(0) }
      try {
        for (const round of rounds) {
          // Requests of one round are sent one after the other; their order is that of the answers.
          for (const { branch, proofOf, oldSize, size } of round) {
            const log = branches[branch] as TestLog
            const old = oldSize ?? head.size
            const proof = old <= size ? (branches[proofOf] as TestLog).consistencyProof(old, size) : []
            const { status, body } = await post(
              witness.url,
              formatAddCheckpoint({ oldSize: old, proof, note: log.signed(size) }),
            )
            const expected =
              old > size
                ? 400
                : old !== head.size
                  ? 409
                  : size === head.size && log.root(size) !== head.root
                    ? 409
                    : null
            // Beyond that, it is for the proof: right exactly when both heads and the proof are of one branch.
            const follows = log.root(head.size) === head.root
            if (expected !== null) assert.equal(status, expected, body)
            else if (!follows) assert.equal(status, 422, body)
            else if (branch === proofOf) assert.equal(status, 200, body)
            else assert(status === 200 || status === 422, body)
            if (status === 200) {
              assert(follows)
              head = { size, root: log.root(size) }
            }
          }
          await witness.close()
          witness = await openWitness({ dir, logs, port: 0 })
        }
      } finally {
        await witness.close()
        rmSync(dir, { recursive: true, force: true })
      }
    }),
    { numRuns: 25 },
  )
})

test('a request prints and reads back; whatever else is read is refused as malformed, and nothing else is thrown', () => {
  const hash = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString('hex') as Hash)
  const request = fc.record({ oldSize: fc.maxSafeNat(), proof: fc.array(hash, { maxLength: 63 }), note: fc.string() })
  fc.assert(
    fc.property(request, fc.nat(), fc.string({ maxLength: 3 }), (one, place, text) => {
      const body = formatAddCheckpoint(one)
      assert.deepEqual(parseAddCheckpoint(body), { ...one })
      const at = place % (body.length + 1)
      const changed = body.slice(0, at) + text + body.slice(at + 1)
      try {
        // What reads prints back to the same bytes.
        assert.equal(formatAddCheckpoint(parseAddCheckpoint(changed)), changed)
      } catch (error) {
        assert(error instanceof NoteError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})
