/** Timestamps of a real authority (`openssl ts`): accepted here and by openssl alike, and every change of one refused. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  makeAuthority,
  opensslAccepts,
  startAuthority,
  type Authority,
  type AuthorityOptions,
} from '../testing/openssl-authority.ts'
import { AnchorFault, type AnchorFaultCode } from '../anchor.ts'
import { readTrust, timestampAuthority, verifyTimestamp, type TimestampTrust } from './authority.ts'
import type { Certificate } from './certificate.ts'
import { verifyChain } from './chain.ts'
import { der, readDer, TAG } from './der.ts'
import { timestampQuery } from './timestamp-query.ts'
import { proofOf, tokenOfProof, tokenOfReply } from './timestamp-reply.ts'

const NOTE = 'log.example/shop\n7\nAAAA\n\n— log.example/shop c2ln\n'
const NEVER = new AbortController().signal

let authority: Authority
let trust: TimestampTrust
let proof: Uint8Array
before(async () => {
  authority = await startAuthority({ between: 'critical,CA:true,pathlen:0' })
  trust = readTrust(authority.root)
  proof = await anchor().submit(NOTE, NEVER)
})
after(() => authority.close())

const anchor = (more: { readonly timeoutMs?: number; readonly nowMs?: () => number } = {}) =>
  timestampAuthority({ name: 'test', url: authority.url, trust, ...more })
async function codeOf(call: Promise<unknown>): Promise<AnchorFaultCode> {
  try {
    await call
  } catch (error) {
    assert.ok(error instanceof AnchorFault, String(error))
    return error.code
  }
  return assert.fail('it was taken')
}
function refusal(checkpoint: string, changed: Uint8Array, by: TimestampTrust): string | null {
  try {
    verifyTimestamp(checkpoint, changed, by)
    return null
  } catch (error) {
    assert.ok(error instanceof AnchorFault && error.code === 'proof-invalid', String(error))
    return error.message
  }
}

test('a query of about 70 bytes, which openssl reads as it was meant', () => {
  const query = timestampQuery(NOTE, Buffer.from('4122334455667788', 'hex'))
  assert.ok(query.length >= 65 && query.length <= 72, String(query.length))
  const file = join(authority.dir, 'query.tsq')
  writeFileSync(file, query)
  const { stdout } = spawnSync('openssl', ['ts', '-query', '-in', file, '-text'], { encoding: 'utf8' })
  assert.match(stdout, /Hash Algorithm: sha256[^]*Nonce: 0x4122334455667788[^]*Certificate required: yes/)
})

test('a timestamp is accepted here and by openssl, and says when, by whom and until when', () => {
  const { timeMs, accuracyMs, by, untilMs } = verifyTimestamp(NOTE, proof, trust)
  assert.ok(Math.abs(timeMs - Date.now()) < 600_000)
  assert.deepEqual([accuracyMs, by], [1_501, 'O=Plinth tests, CN=Test Timestamps'])
  assert.ok(untilMs !== null && untilMs > Date.now() + 300 * 86_400_000)
  assert.ok(opensslAccepts(authority, NOTE, proof))
  assert.ok(!opensslAccepts(authority, `${NOTE} `, proof))
})

test('every bit of it counts: each flipped byte is refused', () => {
  const taken: number[] = []
  for (let at = 0; at < proof.length; at++) {
    const changed = Buffer.from(proof)
    changed[at] = (changed[at] as number) ^ (1 << (at % 8))
    if (refusal(NOTE, changed, trust) === null) taken.push(at)
  }
  assert.deepEqual(taken, [])
})

test('bytes lost, added or doubled anywhere are refused', () => {
  for (let at = 0; at < proof.length; at += 7) {
    assert.notEqual(refusal(NOTE, proof.subarray(0, at), trust), null)
    const [front, back] = [proof.subarray(0, at), proof.subarray(at)]
    assert.notEqual(refusal(NOTE, Buffer.concat([front, proof.subarray(at + 1)]), trust), null)
    assert.notEqual(refusal(NOTE, Buffer.concat([front, Buffer.of(0), back]), trust), null)
    assert.notEqual(refusal(NOTE, Buffer.concat([front, back.subarray(0, 1), back]), trust), null)
  }
})

test('another checkpoint, another root, another policy are refused', () => {
  assert.match(refusal(NOTE.replace('7', '8'), proof, trust) ?? '', /another checkpoint/)
  const stranger = makeAuthority()
  try {
    assert.match(refusal(NOTE, proof, readTrust(stranger.root)) ?? '', /issued|trusted/)
  } finally {
    rmSync(stranger.dir, { recursive: true })
  }
  assert.match(refusal(NOTE, proof, { ...trust, policies: ['1.2.3'] }) ?? '', /policy/)
  assert.equal(refusal(NOTE, proof, { ...trust, policies: ['1.3.6.1.4.1.99999.1'] }), null)
})

test('only one form of the reply is a proof: its status has no words that nobody signed', () => {
  const token = tokenOfProof(proof)
  const words = der(TAG.sequence, der(TAG.utf8String, Buffer.from('of course')))
  const chatty = der(TAG.sequence, der(TAG.sequence, der(TAG.integer, Buffer.of(0)), words), token)
  assert.deepEqual(tokenOfReply(chatty), token)
  assert.match(refusal(NOTE, chatty, trust) ?? '', /one form/)
  assert.equal(readDer(proofOf(token)).bytes.length, proof.length)
})

test('what an authority may be: keys, digests, chains', async () => {
  const good: AuthorityOptions[] = [
    { key: 'ec' },
    { key: 'rsa', digest: 'sha512', essDigest: 'sha512' },
    { key: 'ec', digest: 'sha384', between: 'critical,CA:true' },
    { keyUsage: 'critical,nonRepudiation' },
  ]
  for (const options of good) {
    const made = makeAuthority(options)
    const reply = await made.reply(timestampQuery(NOTE, Buffer.of(1)))
    const kept = proofOf(tokenOfReply(reply))
    assert.equal(refusal(NOTE, kept, readTrust(made.root)), null, JSON.stringify(options))
    assert.ok(opensslAccepts(made, NOTE, kept), JSON.stringify(options))
    rmSync(made.dir, { recursive: true })
  }
})

test('what it may not be: for other purposes, no authority above it, hashed with SHA-1', async () => {
  const bad: [AuthorityOptions, RegExp][] = [
    [{ between: 'critical,CA:true,pathlen:0', basicConstraints: 'CA:false', essDigest: 'sha1' }, /not signed/],
    [{ between: 'critical,CA:false' }, /trusted/],
  ]
  for (const [options, why] of bad) {
    const made = makeAuthority(options)
    const reply = await made.reply(timestampQuery(NOTE, Buffer.of(1)))
    assert.match(refusal(NOTE, proofOf(tokenOfReply(reply)), readTrust(made.root)) ?? '', why, JSON.stringify(options))
    rmSync(made.dir, { recursive: true })
  }
})

test('the certificate that signed must be for timestamps alone, and in force at that time', () => {
  const chainOf = (options: AuthorityOptions) => {
    const made = makeAuthority({ key: 'ec', ...options })
    const read = (name: string) => readTrust(readFileSync(join(made.dir, name), 'utf8')).roots
    const found = { signer: read('signer.pem')[0] as Certificate, roots: read('root.pem') }
    rmSync(made.dir, { recursive: true })
    return found
  }
  const good = chainOf({})
  const now = Date.now() + 1_000
  assert.ok(verifyChain(good.signer, [], good.roots, now) > now)
  for (const atMs of [good.signer.fromMs - 1, good.signer.untilMs + 1])
    assert.throws(() => verifyChain(good.signer, [], good.roots, atMs), /as of the time/)
  for (const options of [
    { extendedKeyUsage: 'timeStamping' },
    { extendedKeyUsage: 'critical,timeStamping,codeSigning' },
    { extendedKeyUsage: 'critical,codeSigning' },
    { extendedKeyUsage: '' },
    { keyUsage: 'critical,keyEncipherment' },
  ]) {
    const { signer, roots } = chainOf(options)
    assert.throws(() => verifyChain(signer, [], roots, now), AnchorFault, JSON.stringify(options))
  }
  const stranger = chainOf({})
  for (const others of [[stranger.signer], stranger.roots])
    assert.throws(() => verifyChain(good.signer, others, good.roots, now), /belongs to nobody/)
})

test('a refusal carries the words of the authority', async () => {
  const query = Buffer.from(timestampQuery(NOTE, Buffer.of(1)))
  query[query.indexOf(Buffer.from('608648016503040201', 'hex')) + 8] = 0x02 // SHA-384, which this authority does not take
  const reply = await authority.reply(query)
  assert.throws(
    () => tokenOfReply(reply),
    (error) => error instanceof AnchorFault && error.code === 'refused' && /status 2/.test(error.message),
  )
})

test('an authority that fails, garbles, answers another or says another time is a typed fault', async () => {
  const query = timestampQuery(NOTE, Buffer.from('0102030405060708', 'hex'))
  const replayed = await authority.reply(query)
  try {
    authority.mode = 'fails'
    assert.equal(await codeOf(anchor().submit(NOTE, NEVER)), 'unreachable')
    authority.mode = 'garbles'
    assert.equal(await codeOf(anchor().submit(NOTE, NEVER)), 'proof-invalid')
    authority.mode = 'hangs'
    assert.equal(await codeOf(anchor({ timeoutMs: 50 }).submit(NOTE, NEVER)), 'unreachable')
    authority.mode = () => replayed
    assert.equal(await codeOf(anchor().submit(NOTE, NEVER)), 'proof-invalid')
    authority.mode = () => Buffer.alloc(100_000)
    assert.equal(await codeOf(anchor().submit(NOTE, NEVER)), 'unreachable')
    authority.mode = 'answers'
    assert.equal(await codeOf(anchor({ nowMs: () => Date.now() - 3_600_000 }).submit(NOTE, NEVER)), 'proof-invalid')
  } finally {
    authority.mode = 'answers'
  }
  const closed = createServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const nobody = timestampAuthority({ name: 'test', url: `http://127.0.0.1:${port}/`, trust })
  assert.equal(await codeOf(nobody.submit(NOTE, NEVER)), 'unreachable')
})
