import assert from 'node:assert/strict'
import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { hkdfSha256, hmacSha256 } from './hkdf.ts'

test('HMAC is what node:crypto makes, for keys and data of any length', () => {
  for (const keyBytes of [0, 1, 31, 32, 63, 64, 65, 200])
    for (const dataBytes of [0, 1, 55, 64, 1_000]) {
      const [key, data] = [randomBytes(keyBytes), randomBytes(dataBytes)]
      const expected = createHmac('sha256', key).update(data).digest('hex')
      assert.equal(hmacSha256(key, data).toString('hex'), expected, `${keyBytes} ${dataBytes}`)
      const half = dataBytes >> 1
      assert.equal(hmacSha256(key, data.subarray(0, half), data.subarray(half)).toString('hex'), expected)
    }
})

test('HKDF is what node:crypto makes, for secrets, contexts and results of any length', () => {
  for (const secretBytes of [1, 32, 64, 96, 3_200])
    for (const bytes of [1, 32, 33, 64, 128, 255 * 32]) {
      const [secret, info] = [randomBytes(secretBytes), randomBytes(bytes % 97)]
      const expected = Buffer.from(hkdfSync('sha256', secret, '', info, bytes)).toString('hex')
      assert.equal(hkdfSha256(secret, info, bytes).toString('hex'), expected, `${secretBytes} ${bytes}`)
    }
})

test('the first of the published examples comes out (RFC 4231, RFC 5869)', () => {
  assert.equal(
    hmacSha256(Buffer.alloc(20, 0x0b), Buffer.from('Hi There')).toString('hex'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  )
  assert.equal(
    hkdfSha256(Buffer.alloc(22, 0x0b), Buffer.alloc(0), 42).toString('hex'),
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  )
})
