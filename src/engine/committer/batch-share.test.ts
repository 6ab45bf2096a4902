import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchShare } from './batch-share.ts'

test('many that wait are cut in two, unless something is being signed or the disk is slow; a few are one batch', () => {
  assert.equal(batchShare(64, 0, 0), 32)
  assert.equal(batchShare(65, 0, 5_000), 33)
  assert.equal(batchShare(64, 1, 0), 64)
  assert.equal(batchShare(64, 0, 5_001), 64)
  assert.equal(batchShare(31, 0, 0), 31)
})
