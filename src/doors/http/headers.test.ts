import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../model/problems.ts'
import { credentialsOf, readHeaders } from './headers.ts'
import { allowedNames, checkOrigin } from './origin.ts'

const code = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof Problem)
    return error.code
  }
  return 'taken'
}

test('a header that matters may stand once; others do not matter', () => {
  assert.equal(readHeaders(['HOST', 'a', 'X-Any', '1', 'x-any', '2']).host, 'a')
  for (const name of ['Authorization', 'Idempotency-Key', 'Host', 'Content-Length', 'Plinth-Run'])
    assert.equal(
      code(() => readHeaders([name, '1', name.toLowerCase(), '1'])),
      'malformed-request',
      name,
    )
  assert.equal(
    code(() => readHeaders(Array.from({ length: 200 }, () => 'x'))),
    'malformed-request',
  )
})

test('credentials are a bearer token or nothing', () => {
  assert.deepEqual(credentialsOf({}), { bearer: null, onBehalfOf: null })
  assert.deepEqual(credentialsOf({ authorization: 'bearer abc', 'plinth-on-behalf-of': 'ada' }), {
    bearer: 'abc',
    onBehalfOf: 'ada',
  })
  for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic abc', 'Bearer a b', 'Bearer a,b', 'Bearer é', 'abc'])
    assert.equal(
      code(() => credentialsOf({ authorization })),
      'credentials-invalid',
      authorization,
    )
})

test('only names that the door answers to get through, as host and as origin', () => {
  const names = allowedNames(['Shop.Example'])
  for (const host of ['localhost', '127.0.0.1:80', '[::1]:4000', 'shop.example', 'SHOP.example:1'])
    assert.equal(
      code(() => checkOrigin({ host }, names)),
      'taken',
      host,
    )
  for (const host of [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    'localhost@evil.example',
    '127.0.0.1:x',
    '127.0.0.2',
    '[::1',
    'localhost:80/',
  ])
    assert.equal(
      code(() => checkOrigin(host === undefined ? {} : { host }, names)),
      'host-refused',
      host,
    )
  const host = 'localhost'
  for (const origin of ['http://localhost:3000', 'https://shop.example'])
    assert.equal(
      code(() => checkOrigin({ host, origin }, names)),
      'taken',
      origin,
    )
  for (const origin of [
    'null',
    'http://evil.example',
    'file://',
    'http://localhost.evil.example',
    'localhost',
    'http://localhost/path',
  ])
    assert.equal(
      code(() => checkOrigin({ host, origin }, names)),
      'host-refused',
      origin,
    )
})
