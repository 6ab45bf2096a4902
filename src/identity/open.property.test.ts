/** Any bearer: it is somebody, or a Problem whose text does not repeat it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { sha256Hex } from '../model/ids.ts'
import { Problem } from '../model/problems.ts'
import type { AuthoritySnapshot, AuthoritySource } from '../warden/authority.ts'
import { addKey, addPrincipal, all } from '../warden/changes.ts'
import { newApiKey } from '../warden/secrets.ts'
import { NO_LEVERS } from '../warden/snapshot.ts'
import { openIdentity } from './open.ts'

const secret = newApiKey()
const issuer = {
  issuer: 'https://a.example',
  audience: 'b',
  jwksUrl: 'https://a.example/jwks',
  algorithms: ['RS256'],
  subjects: [],
}
const snapshot = all(
  addPrincipal({ id: 'mia', kind: 'human', owner: null, roles: [], mayActFor: ['*'] }),
  addKey('mia', { name: 'first', secret, expiresAtMs: null }),
)({
  format: 1,
  number: 1,
  previous: '',
  createdAtMs: 0,
  principals: [],
  issuers: [issuer],
  policies: {},
  ...NO_LEVERS,
} as AuthoritySnapshot)
const source: AuthoritySource = {
  current: () => snapshot,
  hash: () => sha256Hex(''),
  status: () => ({ number: 1, hash: sha256Hex(''), adoptedAtMs: 0, findings: [], watching: 'polling' }),
  onAdopt: () => () => {},
  close: () => {},
}
let fetched = 0
const identity = openIdentity(source, {
  clock: { nowMs: () => 1_000, monotonicUs: () => 0 },
  fetch: async () => {
    fetched++
    return Response.json({ keys: [] })
  },
})
const CODES = ['credentials-missing', 'credentials-invalid', 'credentials-expired', 'delegation-refused']

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url')
const token = fc
  .tuple(
    fc.oneof(
      fc.constantFrom({ alg: 'none' }, { alg: 'HS256' }, { alg: 'RS256', kid: 'x' }, { alg: 'RS256', jwk: {} }),
      fc.jsonValue(),
    ),
    fc.oneof(fc.constantFrom({ iss: issuer.issuer, aud: 'b', sub: 'mia', exp: 9_999_999_999 }), fc.jsonValue()),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  .map(
    ([header, claims, signature]) =>
      `${encoded(header)}.${encoded(claims)}.${Buffer.from(signature).toString('base64url')}`,
  )
const bearer = fc.oneof(
  fc.constant(secret),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }).map((text) => `plk_${text}`),
  fc
    .nat(secret.length - 1)
    .map((at) => `${secret.slice(0, at)}${secret[at] === 'a' ? 'b' : 'a'}${secret.slice(at + 1)}`),
  token,
)

test('whatever is sent is somebody, or refused with a code and without being repeated', async () => {
  await fc.assert(
    fc.asyncProperty(
      bearer,
      fc.option(fc.oneof(fc.constantFrom('mia', '*', '__proto__'), fc.string({ unit: 'binary' }))),
      async (sent, onBehalfOf) => {
        try {
          const principal = await identity.authenticate({ bearer: sent, onBehalfOf }, new AbortController().signal)
          assert.equal(sent, secret)
          assert.equal(principal.id, 'mia')
        } catch (error) {
          assert.ok(error instanceof Problem && CODES.includes(error.code), String(error))
          const shown = JSON.stringify([error.message, error.detail, error.members])
          assert.ok(sent.length < 8 || !shown.includes(sent))
        }
      },
    ),
    { numRuns: 500 },
  )
  assert.ok(fetched <= 1, 'made-up tokens make us ask the issuer once, not once each')
})
