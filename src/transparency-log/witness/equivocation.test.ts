/** Equivocation proofs: of a forked log there is one, of an honest log there is none, and a changed one proves nothing. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from '../../../test/support/property.ts'
import type { Hash } from '../../model/ids.ts'
import { noteSigner, parseVerifierKey } from '../../model/signed-note.ts'
import { signCheckpoint } from '../checkpoint.ts'
import { logOfKey } from '../cosignature-checkpoint.ts'
import { inclusionProof } from '../proofs.ts'
import { findEquivocation, verifyEquivocation, type EquivocationProof } from './equivocation.ts'
import { TestLog } from './testing/test-log.ts'

const log = new TestLog().grow(40)
const fork = log.fork(20)
const rejected = { name: 'NoteError' }
const proofOf = async (a: string, b: string, own: TestLog | null) => {
  const proof = await findEquivocation([a, b], log.pinned, own)
  assert(proof !== null)
  return proof
}

describe('an equivocation proof', () => {
  test('of one size is the two heads', async () => {
    const proof = await proofOf(log.signed(30), fork.signed(30), null)
    assert.equal(proof.contradiction.kind, 'same-size')
    const [one, other] = verifyEquivocation(JSON.stringify(proof), log.pinned)
    assert.notEqual(one.rootHash, other.rootHash)
  })
  test('of two sizes, in either order, shows what root the larger tree had', async () => {
    for (const heads of [
      [log.signed(30), fork.signed(37)],
      [fork.signed(37), log.signed(30)],
    ] as const) {
      const proof = await proofOf(...heads, fork)
      assert.equal(proof.contradiction.kind, 'other-prefix')
      assert.deepEqual(
        verifyEquivocation(proof, log.pinned).map(({ size }) => size),
        [30, 37],
      )
    }
  })
  test('may be one leaf that differs', () => {
    const index = 25
    const proof: EquivocationProof = {
      v: 1,
      kind: 'equivocation',
      origin: log.signer.name,
      heads: [log.signed(30), fork.signed(37)],
      contradiction: {
        kind: 'other-leaf',
        index,
        leaves: [log.leaf(index), fork.leaf(index)],
        proofs: [inclusionProof(log.nodes, index, 30), inclusionProof(fork.nodes, index, 37)],
      },
    }
    assert.equal(verifyEquivocation(proof, log.pinned).length, 2)
  })
  test('there is none of an honest log, of a size 0, or where the larger tree is not known', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.nat(40), async (a, b) => {
        assert.equal(await findEquivocation([log.signed(a), log.signed(b)], log.pinned, log), null)
      }),
    )
    assert.equal(await findEquivocation([log.signed(0), fork.signed(37)], log.pinned, fork), null)
    assert.equal(await findEquivocation([log.signed(30), fork.signed(37)], log.pinned, null), null)
  })
  test('for every pair of sizes beyond the fork, one is found, and it verifies', async () => {
    for (let a = 21; a <= 40; a += 3)
      for (let b = 21; b <= 40; b += 4)
        assert(verifyEquivocation(await proofOf(log.signed(a), fork.signed(b), b >= a ? fork : log), log.pinned))
  })

  test('an honest log cannot be convicted with its own proofs', () => {
    const heads = [log.signed(30), log.signed(37)] as const
    const proof = { v: 1, kind: 'equivocation', origin: log.signer.name, heads } as const
    const proofs = [inclusionProof(log.nodes, 25, 30), inclusionProof(log.nodes, 25, 37)]
    for (const contradiction of [
      { kind: 'other-prefix', root: log.root(30), proof: log.consistencyProof(30, 37) },
      { kind: 'other-prefix', root: fork.root(30), proof: log.consistencyProof(30, 37) },
      { kind: 'other-leaf', index: 25, leaves: [log.leaf(25), log.leaf(25)], proofs },
      { kind: 'other-leaf', index: 25, leaves: [log.leaf(25), fork.leaf(25)], proofs },
    ])
      assert.throws(() => verifyEquivocation({ ...proof, contradiction }, log.pinned), rejected)
    const twice = { ...proof, heads: [log.signed(30), log.signed(30)], contradiction: { kind: 'same-size' } }
    assert.throws(() => verifyEquivocation(twice, log.pinned), rejected)
  })

  test('about another log, with another key, or changed in any place proves nothing', async () => {
    const proof = await proofOf(log.signed(30), fork.signed(37), fork)
    const { contradiction } = proof
    assert(contradiction.kind === 'other-prefix')
    const other = logOfKey(noteSigner(log.signer.name, generateKeyPairSync('ed25519').privateKey))
    assert.throws(() => verifyEquivocation(proof, other), rejected)
    assert.throws(() => verifyEquivocation(proof, { ...log.pinned, origin: 'log.example/else' }), rejected)
    const honest = log.consistencyProof(30, 37)
    const changes: readonly unknown[] = [
      { ...proof, v: 2 },
      { ...proof, more: 1 },
      { ...proof, origin: 'log.example/else' },
      { ...proof, heads: [proof.heads[0]] },
      { ...proof, heads: proof.heads.toReversed() },
      { ...proof, heads: [log.signed(30), log.signed(37)] },
      { ...proof, contradiction: { kind: 'same-size' } },
      { ...proof, contradiction: { ...contradiction, root: log.root(30) } },
      { ...proof, contradiction: { ...contradiction, root: contradiction.root.toUpperCase() } },
      { ...proof, contradiction: { ...contradiction, proof: honest } },
      { ...proof, contradiction: { ...contradiction, proof: contradiction.proof.slice(1) } },
      // Every tree follows from the empty one by an empty proof: a head of size 0 contradicts none.
      { ...proof, heads: [log.signed(0), log.signed(37)], contradiction: { ...contradiction, proof: [] } },
      null,
      'nonsense',
      '{}',
    ]
    for (const [index, change] of changes.entries())
      assert.throws(() => verifyEquivocation(change, log.pinned), rejected, `change ${index}`)
  })
  test('heads that the log did not sign are not even looked at', async () => {
    const stranger = noteSigner(log.signer.name, generateKeyPairSync('ed25519').privateKey)
    const forged = signCheckpoint(fork.checkpoint(30), stranger)
    await assert.rejects(findEquivocation([log.signed(30), forged], log.pinned, null), rejected)
  })
})

const vectors =
  process.env['PLINTH_TRUST_VECTORS'] ?? join(import.meta.dirname, '../../../../shared/data/trust-vectors')
const path = join(vectors, 'sample-log', 'equivocation.json')
const skip = existsSync(path) ? false : `NOT CHECKED: ${path} is not there`
test('vectors: sample-log/equivocation.json, written in our form, convicts its log', { skip }, () => {
  type Sample = Readonly<Record<'vkey' | 'head1' | 'head2' | 'leaf1' | 'leaf2', string>> & {
    readonly index: number
    readonly proof1: readonly string[]
    readonly proof2: readonly string[]
  }
  const sample = JSON.parse(readFileSync(path, 'utf8')) as Sample
  const hex = (base64: string): Hash => Buffer.from(base64, 'base64').toString('hex') as Hash
  const key = parseVerifierKey(sample.vkey)
  const proof: EquivocationProof = {
    v: 1,
    kind: 'equivocation',
    origin: key.name,
    heads: [sample.head2, sample.head1], // ours has the smaller tree first
    contradiction: {
      kind: 'other-leaf',
      index: sample.index,
      leaves: [hex(sample.leaf2), hex(sample.leaf1)],
      proofs: [sample.proof2.map(hex), sample.proof1.map(hex)],
    },
  }
  assert.deepEqual(
    verifyEquivocation(proof, logOfKey(key)).map(({ size }) => size),
    [900, 1000],
  )
})
