import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { base64url, decodeJwt, decodeProtectedHeader, exportJWK, exportSPKI, SignJWT, type JWTPayload } from 'jose'
import Provider from 'oidc-provider'
import type { Clock } from '../host/clock.ts'
import type { AuthoritySource } from '../warden/authority.ts'
import { addIssuer, addPrincipal, all, reinstate, removeIssuer, revoke, type Change } from '../warden/changes.ts'
import { createAuthority, publish, type CreatedAuthority } from '../warden/testing/folder-authority.ts'
import { openAuthoritySource, type FolderAuthoritySource } from '../warden/source.ts'
import type { Identity } from './identity.ts'
import { openIdentity } from './open.ts'

const AUDIENCE = 'urn:plinth:shop'
const CLIENTS = ['helper', 'mia', 'stranger'] as const
const NEVER = new AbortController().signal

/** One issuer for all tests: starting it, and its key pair, is what costs. */
let issuer: string
let server: Server
let signingKey: KeyObject
let publicPem: string
let keySetFetches = 0
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })

before(async () => {
  signingKey = keys.privateKey
  publicPem = await exportSPKI(keys.publicKey)
  const port = await new Promise<number>((resolve) => {
    server = createServer((request, response) => {
      if (request.url === '/jwks') keySetFetches++
      void provider?.callback()(request, response)
    }).listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
  issuer = `http://127.0.0.1:${port}`
  const jwk = { ...(await exportJWK(keys.privateKey)), kid: 'first', alg: 'RS256', use: 'sig' }
  provider = new Provider(issuer, {
    jwks: { keys: [jwk] },
    clients: CLIENTS.map((client) => ({
      client_id: client,
      client_secret: `secret-of-${client}`,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context: unknown, resource: string) => ({
          scope: '',
          audience: resource,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt' as const,
          jwt: { sign: { alg: 'RS256' as const } },
        }),
      },
    },
  })
})
after(() => {
  server.closeAllConnections()
  server.close()
})
let provider: Provider | undefined

/** A real access token of the issuer, by its client-credentials grant. */
async function tokenOf(client: string, audience = AUDIENCE): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client}:secret-of-${client}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: audience }),
  })
  const answer = (await response.json()) as { access_token?: string }
  return answer.access_token ?? assert.fail(JSON.stringify(answer))
}

/** A token signed with the issuer's own key, with claims that the issuer itself would not give. */
const signed = (claims: JWTPayload, header: { kid?: string; alg?: string } = {}) =>
  new SignJWT({ iss: issuer, aud: AUDIENCE, sub: 'helper', exp: seconds() + 600, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'first', typ: 'at+jwt', ...header })
    .sign(signingKey)
const seconds = () => Math.floor(Date.now() / 1_000)

interface World {
  readonly identity: Identity
  readonly source: AuthoritySource
  readonly made: CreatedAuthority
  readonly clock: { aheadMs: number }
  change(change: Change): Promise<void>
}

async function world(t: { after(done: () => void | Promise<void>): void }): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'plinth-identity-'))
  const made = await createAuthority(dir, { policies: {}, checkPolicies: () => [], nowMs: 0 })
  const time = { aheadMs: 0 }
  const clock: Clock = { nowMs: () => Date.now() + time.aheadMs, monotonicUs: () => 0 }
  const source: FolderAuthoritySource = await openAuthoritySource(dir, made.vkey, { clock, pollMs: 3_600_000 })
  t.after(async () => {
    source.close()
    await rm(dir, { recursive: true })
  })
  async function change(one: Change): Promise<void> {
    await publish(dir, made.operatorKey, one, 0)
    await source.refresh()
  }
  await change(
    all(
      addPrincipal({ id: 'helper', kind: 'agent', owner: 'mia', roles: ['agent'], mayActFor: ['mia'] }),
      addPrincipal({ id: 'mia', kind: 'human', owner: null, roles: ['operator'] }),
      addIssuer({
        issuer,
        audience: AUDIENCE,
        jwksUrl: `${issuer}/jwks`,
        algorithms: ['RS256'],
        subjects: [
          { sub: 'helper', principal: 'helper' as never },
          { sub: 'mia', principal: 'mia' as never },
        ],
      }),
    ),
  )
  return { identity: openIdentity(source, { clock }), source, made, clock: time, change }
}
const withBearer = (bearer: string, onBehalfOf: string | null = null) => ({ bearer, onBehalfOf })

test('a token of a real issuer becomes the principal that its subject is mapped to', async (t) => {
  const { identity } = await world(t)
  const token = await tokenOf('helper')
  assert.equal(decodeJwt(token).sub, 'helper')
  const principal = await identity.authenticate(withBearer(token), NEVER)
  assert.deepEqual(principal, {
    id: 'helper',
    kind: 'agent',
    roles: ['agent'],
    chain: [
      { principal: 'helper', epoch: 1 },
      { principal: 'mia', epoch: 1 },
    ],
    onBehalfOf: null,
    tenant: '',
  })
})

test('the keys of an issuer are fetched once for many tokens', async (t) => {
  const { identity } = await world(t)
  const before = keySetFetches
  for (let count = 0; count < 3; count++) await identity.authenticate(withBearer(await tokenOf('helper')), NEVER)
  assert.equal(keySetFetches, before + 1)
})

const FORGED: readonly { readonly what: string; readonly code: string; readonly make: () => Promise<string> }[] = [
  {
    what: 'without a signature (alg none)',
    code: 'credentials-invalid',
    async make() {
      const [, payload] = (await tokenOf('helper')).split('.')
      return `${base64url.encode('{"alg":"none"}')}.${payload}.`
    },
  },
  {
    what: 'signed by HS256 with the public key as secret',
    code: 'credentials-invalid',
    make: () =>
      new SignJWT({ iss: issuer, aud: AUDIENCE, sub: 'helper', exp: seconds() + 600 })
        .setProtectedHeader({ alg: 'HS256', kid: 'first' })
        .sign(Buffer.from(publicPem)),
  },
  {
    what: 'by a key that the issuer does not have',
    code: 'credentials-invalid',
    make: () =>
      new SignJWT({ iss: issuer, aud: AUDIENCE, sub: 'helper', exp: seconds() + 600 })
        .setProtectedHeader({ alg: 'RS256', kid: 'first' })
        .sign(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  },
  { what: 'with an unknown key id', code: 'credentials-invalid', make: () => signed({}, { kid: 'second' }) },
  {
    what: 'with an algorithm that is not pinned',
    code: 'credentials-invalid',
    make: () => signed({}, { alg: 'PS256' }),
  },
  { what: 'for another audience', code: 'credentials-invalid', make: () => tokenOf('helper', 'urn:plinth:other') },
  { what: 'of another issuer', code: 'credentials-invalid', make: () => signed({ iss: 'https://issuer.example' }) },
  { what: 'of an unmapped subject', code: 'credentials-invalid', make: () => tokenOf('stranger') },
  { what: 'without a subject', code: 'credentials-invalid', make: () => signed({ sub: undefined as never }) },
  { what: 'without an end', code: 'credentials-invalid', make: () => signed({ exp: undefined as never }) },
  { what: 'that is not valid yet', code: 'credentials-invalid', make: () => signed({ nbf: seconds() + 300 }) },
  { what: 'that has expired', code: 'credentials-expired', make: () => signed({ exp: seconds() - 60 }) },
  { what: 'with an actor nobody knows', code: 'credentials-invalid', make: () => signed({ act: { sub: 'nobody' } }) },
  {
    what: 'with one character changed',
    code: 'credentials-invalid',
    async make() {
      const token = await tokenOf('helper')
      const at = token.lastIndexOf('.') + 10
      return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    },
  },
]
for (const { what, code, make } of FORGED)
  test(`a token ${what} is refused`, async (t) => {
    const { identity } = await world(t)
    await assert.rejects(identity.authenticate(withBearer(await make()), NEVER), { code })
  })

test('a token is refused as soon as its principal, or an owner of it, is revoked, also when it was verified before', async (t) => {
  const { identity, change } = await world(t)
  const token = await tokenOf('helper')
  const principal = await identity.authenticate(withBearer(token), NEVER)
  assert.equal(identity.isLive(principal), true)
  await change(revoke('mia'))
  assert.equal(identity.isLive(principal), false)
  await assert.rejects(identity.authenticate(withBearer(token), NEVER), { code: 'principal-revoked' })
  await change(reinstate('mia'))
  assert.equal(identity.isLive(principal), false) // the epoch stays raised: what ran before does not go on
  assert.equal((await identity.authenticate(withBearer(token), NEVER)).chain[1]?.epoch, 2)
})

test('a token of an issuer that is no longer trusted is refused, also when it was verified before', async (t) => {
  const { identity, change } = await world(t)
  const token = await tokenOf('helper')
  await identity.authenticate(withBearer(token), NEVER)
  await change(removeIssuer(issuer))
  await assert.rejects(identity.authenticate(withBearer(token), NEVER), { code: 'credentials-invalid' })
})

test('a verified token is not remembered beyond its end', async (t) => {
  const { identity, clock } = await world(t)
  const token = await tokenOf('helper')
  await identity.authenticate(withBearer(token), NEVER)
  clock.aheadMs = 400_000 // well before its end, however long it took to get here
  await identity.authenticate(withBearer(token), NEVER)
  clock.aheadMs = 610_000
  await assert.rejects(identity.authenticate(withBearer(token), NEVER), { code: 'credentials-expired' })
})

test('a token given to an actor is the actor, for the subject, as far as the snapshot lets it', async (t) => {
  const { identity } = await world(t)
  const delegated = await signed({ sub: 'mia', act: { sub: 'helper', act: { sub: 'nobody' } } })
  const principal = await identity.authenticate(withBearer(delegated), NEVER)
  assert.deepEqual([principal.id, principal.onBehalfOf, principal.roles], ['helper', 'mia', ['agent']])
  const reverse = await signed({ sub: 'helper', act: { sub: 'mia' } })
  await assert.rejects(identity.authenticate(withBearer(reverse), NEVER), { code: 'delegation-refused' })
  await assert.rejects(identity.authenticate(withBearer(delegated, 'helper'), NEVER), { code: 'delegation-refused' })
})

test('an issuer that does not answer is told apart from a bad token', async (t) => {
  const { source } = await world(t)
  const token = await tokenOf('helper')
  const clock: Clock = { nowMs: () => Date.now(), monotonicUs: () => 0 }
  const answers: readonly (() => Promise<Response>)[] = [
    () => Promise.reject(new TypeError('no route')),
    async () => new Response('no', { status: 502 }),
    async () => new Response('{ not json'),
    async () => new Response('x'.repeat(300_000)),
  ]
  for (const fetch of answers) {
    const identity = openIdentity(source, { clock, fetch })
    await assert.rejects(identity.authenticate(withBearer(token), NEVER), { code: 'issuer-unavailable' })
  }
})

test('the algorithm is the pinned one, also where the key would serve others', async (t) => {
  const { source } = await world(t)
  const { kty, n, e } = await exportJWK(keys.publicKey)
  const fetch = async () => Response.json({ keys: [{ kty, n, e, kid: 'first' }] })
  const identity = openIdentity(source, { clock: { nowMs: () => Date.now(), monotonicUs: () => 0 }, fetch })
  assert.equal((await identity.authenticate(withBearer(await signed({})), NEVER)).id, 'helper')
  const other = identity.authenticate(withBearer(await signed({}, { alg: 'PS256' })), NEVER)
  await assert.rejects(other, { code: 'credentials-invalid' })
})

test('a rotated key is found without a restart', async (t) => {
  const { source } = await world(t)
  const clock: Clock = { nowMs: () => Date.now(), monotonicUs: () => 0 }
  const next = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwkOf = async (key: typeof keys.publicKey, kid: string) => ({ ...(await exportJWK(key)), kid, alg: 'RS256' })
  const published = [await jwkOf(keys.publicKey, 'first')]
  const fetch = async () => Response.json({ keys: published })
  const identity = openIdentity(source, { clock, fetch })
  await identity.authenticate(withBearer(await signed({})), NEVER)
  published.push(await jwkOf(next.publicKey, 'second'))
  signingKey = next.privateKey
  t.after(() => {
    signingKey = keys.privateKey
  })
  const rotated = await signed({}, { kid: 'second' })
  assert.equal(decodeProtectedHeader(rotated).kid, 'second')
  // Asking again is bounded in time, so that made-up key ids cannot make us flood the issuer.
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 6_000 })
  assert.equal((await identity.authenticate(withBearer(rotated), NEVER)).id, 'helper')
})
