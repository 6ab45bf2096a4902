import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KnownOperations } from './known-operations.ts'
import type { OperationId } from '../model/ids.ts'
import { operationDigest } from '../storage/operation-digest.ts'

const id = (number: number): OperationId => `op_${number}` as OperationId
const recorded = Array.from({ length: 12_000 }, (_, i) => id(i))
const digests = recorded.map(operationDigest).sort((left, right) => left - right)
const reader = {
  operationDigests: (after: number, limit: number) => digests.filter((digest) => digest > after).slice(0, limit),
}
const NEVER = new AbortController().signal

test('every operation may be recorded until all that is recorded has been read', async () => {
  const known = new KnownOperations()
  assert.equal(known.mayBeRecorded(id(-1)), true)
  await known.recall(reader, NEVER)
  assert.equal(known.mayBeRecorded(id(-1)), false)
})

test('none that is recorded or was handed in is missed, and few others are looked up', async () => {
  const known = new KnownOperations()
  const filling = known.recall(reader, NEVER)
  known.note(id(50_000)) // while it fills
  await filling
  known.note(id(50_001))
  for (const operation of [...recorded, id(50_000), id(50_001)]) assert.equal(known.mayBeRecorded(operation), true)
  const inVain = Array.from({ length: 10_000 }, (_, i) => id(100_000 + i)).filter((one) => known.mayBeRecorded(one))
  assert.ok(inVain.length < 10, `${inVain.length} of 10,000 would be looked up in vain`)
})

test('what stopped filling half way rules nothing out', async () => {
  const known = new KnownOperations()
  const stopping = new AbortController()
  const filling = known.recall(reader, stopping.signal)
  stopping.abort()
  await filling
  assert.equal(known.mayBeRecorded(id(-1)), true)
})
