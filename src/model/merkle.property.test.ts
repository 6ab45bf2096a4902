import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { Frontier, leafHash, perfectRoot } from './merkle.ts'

test('the root over leaves at once is the root over one after the other', () => {
  fc.assert(
    fc.property(fc.nat({ max: 8 }), fc.string(), (height, salt) => {
      const leaves = Array.from({ length: 2 ** height }, (_, i) => leafHash(`${salt}${i}`))
      const one = new Frontier()
      for (const leaf of leaves) one.append(leaf)
      assert.equal(perfectRoot(Buffer.from(leaves.join(''), 'hex')), one.rootHash())
    }),
  )
})
