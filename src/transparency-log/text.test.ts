/** Checkpoints and proofs as text: what is written reads back, and nothing else reads. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Hash, Position } from '../model/ids.ts'
import { leafHash } from '../model/merkle.ts'
import { noteSigner, signNote } from '../model/signed-note.ts'
import { checkpointText, openCheckpoint, parseCheckpointText, signCheckpoint } from './checkpoint.ts'
import { inclusionProof } from './proofs.ts'
import { formatTlogProof, parseTlogProof, verifyReceipt } from './tlog-proof.ts'
import { tilePath } from './tiles.ts'
import { Tree } from './tree.ts'

const signer = noteSigner('log.example/orders', generateKeyPairSync('ed25519').privateKey)
const other = noteSigner('log.example/orders', generateKeyPairSync('ed25519').privateKey)
const root = leafHash('root')
const rejected = { name: 'NoteError' }

describe('checkpoint', () => {
  test('prints, signs and reads back', () => {
    const checkpoint = { origin: signer.name, size: 20_852_163, rootHash: root }
    assert.deepEqual(parseCheckpointText(checkpointText(checkpoint)), checkpoint)
    assert.deepEqual(openCheckpoint(signCheckpoint(checkpoint, signer), signer), checkpoint)
  })
  test('another key, another origin and another text are refused', () => {
    const checkpoint = { origin: signer.name, size: 1, rootHash: root }
    assert.throws(() => openCheckpoint(signCheckpoint(checkpoint, other), signer), rejected)
    assert.throws(
      () => openCheckpoint(signCheckpoint({ ...checkpoint, origin: 'log.example/else' }, signer), signer),
      rejected,
    )
    const note = signCheckpoint(checkpoint, signer)
    assert.throws(() => openCheckpoint(note.replace('\n1\n', '\n2\n'), signer), rejected)
  })
  const base64 = Buffer.from(root, 'hex').toString('base64')
  for (const [name, text] of Object.entries({
    'a leading zero': `o\n01\n${base64}\n`,
    'a sign': `o\n+1\n${base64}\n`,
    'a size beyond 2^53': `o\n9007199254740993\n${base64}\n`,
    'no size': `o\n\n${base64}\n`,
    'no origin': `\n1\n${base64}\n`,
    'a short root': `o\n1\n${Buffer.alloc(12).toString('base64')}\n`,
    'base64 that is not canonical': `o\n1\n${base64.slice(0, -2)}B=\n`,
    'an extension line': `o\n1\n${base64}\nmore\n`,
    'no final newline': `o\n1\n${base64}`,
  }))
    test(`refuses ${name}`, () => assert.throws(() => parseCheckpointText(text), rejected))
})

describe('tlog-proof', () => {
  const tree = Tree.restore(0, () => assert.fail(), [])
  const lines = Array.from({ length: 11 }, (_, index) => `{"line":${index}}`)
  for (const line of lines) tree.append(leafHash(line))
  const checkpoint = signCheckpoint({ origin: signer.name, size: 11, rootHash: tree.rootHash() }, signer)
  const proof = { index: 5, hashes: inclusionProof(tree, 5, 11), checkpoint }
  const receipt = { index: 5 as Position, record: lines[5] as string, proof: formatTlogProof(proof) }

  test('prints and reads back, and the receipt verifies with the public key alone', () => {
    assert.deepEqual(parseTlogProof(receipt.proof), proof)
    assert.equal(verifyReceipt(receipt, signer).size, 11)
  })
  test('another record, index, key or hash is refused', () => {
    assert.throws(() => verifyReceipt({ ...receipt, record: lines[4] as string }, signer), rejected)
    assert.throws(() => verifyReceipt({ ...receipt, index: 4 as Position }, signer), rejected)
    assert.throws(() => verifyReceipt(receipt, other), rejected)
    const hashes = [root, ...proof.hashes.slice(1)] as Hash[]
    assert.throws(() => verifyReceipt({ ...receipt, proof: formatTlogProof({ ...proof, hashes }) }, signer), rejected)
  })
  for (const [name, text] of Object.entries({
    'another version': receipt.proof.replace('@v1', '@v2'),
    'no index': receipt.proof.replace('index 5\n', ''),
    'an index with a sign': receipt.proof.replace('index 5', 'index +5'),
    'no checkpoint': receipt.proof.slice(0, receipt.proof.indexOf('\n\n')),
    'a hash that is no base64': receipt.proof.replace(/\n[A-Za-z0-9+/]{43}=\n/, '\n?\n'),
  }))
    test(`refuses ${name}`, () => assert.throws(() => parseTlogProof(text), rejected))
})

test('notes: no signer, control characters and a text without end are refused', () => {
  assert.throws(() => signNote('text\n', []), rejected)
  assert.throws(() => signNote('te\txt\n', [signer]), rejected)
  assert.throws(() => signNote('text', [signer]), rejected)
  assert.throws(() => noteSigner('a name', signer.privateKey), rejected)
})

test('paths of tiles are those of C2SP', () => {
  assert.equal(tilePath(0, 0), 'tile/0/000')
  assert.equal(tilePath(1, 1_234_067), 'tile/1/x001/x234/067')
  assert.equal(tilePath(0, 1_234, 7), 'tile/0/x001/234.p/7')
  assert.equal(tilePath('entries', 999, 1), 'tile/entries/999.p/1')
})
