/**
 * The tree, its proofs and notes against vectors: our own, made by another program from the text of the RFC, and those of the peers, which
 * live beside the repository (`PLINTH_TRUST_VECTORS`, default `../shared/data/trust-vectors`) and are skipped loudly where they are not.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Hash } from '../../src/model/ids.ts'
import { EMPTY_ROOT, Frontier, leafHash } from '../../src/model/merkle.ts'
import { formatVerifierKey, parseVerifierKey, verifyNote } from '../../src/model/signed-note.ts'
import { openCheckpoint } from '../../src/transparency-log/checkpoint.ts'
import {
  consistencyProof,
  inclusionProof,
  verifyConsistency,
  verifyInclusion,
} from '../../src/transparency-log/proofs.ts'
import { tilePath, unpackHashes } from '../../src/transparency-log/tiles.ts'
import { parseTlogProof } from '../../src/transparency-log/tlog-proof.ts'
import { Tree } from '../../src/transparency-log/tree.ts'

const noTile = (): never => assert.fail('no tile is needed')
const own = JSON.parse(readFileSync(new URL('tree.json', import.meta.url), 'utf8')) as {
  roots: { size: number; root: Hash }[]
  inclusion: { index: number; size: number; hashes: Hash[] }[]
  consistency: { old: number; size: number; hashes: Hash[] }[]
}

test('own vectors: roots and proofs are those of the RFC', () => {
  const roots = new Map<number, Hash>([[0, EMPTY_ROOT]])
  const tree = Tree.restore(0, noTile, [])
  const leaves: Hash[] = []
  for (let index = 0; index < 300; index++) {
    leaves.push(leafHash(`{"v":1,"leaf":${index}}`))
    tree.append(leaves[index] as Hash)
    roots.set(index + 1, tree.rootHash())
  }
  for (const { size, root } of own.roots) assert.equal(roots.get(size), root)
  for (const { index, size, hashes } of own.inclusion) {
    assert.deepEqual(inclusionProof(tree, index, size), hashes)
    assert(verifyInclusion(index, size, leaves[index] as Hash, hashes, roots.get(size) as Hash))
  }
  for (const { old, size, hashes } of own.consistency) {
    assert.deepEqual(consistencyProof(tree, old, size), hashes)
    assert(verifyConsistency(old, size, roots.get(old) as Hash, roots.get(size) as Hash, hashes))
  }
})

const folder = process.env['PLINTH_TRUST_VECTORS'] ?? join(import.meta.dirname, '../../../shared/data/trust-vectors')
const peers = (name: string, body: () => void): void => {
  const path = join(folder, name)
  test(`vectors of peers: ${name}`, { skip: existsSync(path) ? false : `NOT CHECKED: ${path} is not there` }, body)
}
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8')
const json = (...path: string[]): unknown => JSON.parse(text(...path))
const hex = (base64: string | null): Hash => Buffer.from(base64 ?? '', 'base64').toString('hex') as Hash

peers('rfc6962-proofs/inclusion.json', () => {
  type Case = { leafIdx: number; treeSize: number; root: string; leafHash: string; proof: string[] | null; wantErr: boolean; _path: string }
  for (const one of json('rfc6962-proofs', 'inclusion.json') as Case[])
    assert.equal(
      verifyInclusion(one.leafIdx, one.treeSize, hex(one.leafHash), (one.proof ?? []).map(hex), hex(one.root)),
      !one.wantErr,
      one._path,
    )
})

peers('rfc6962-proofs/consistency.json', () => {
  type Case = { size1: number; size2: number; root1: string; root2: string; proof: string[] | null; wantErr: boolean; _path: string }
  // Roots of twelve bytes are no hashes here, even when they are equal.
  const strict = 'sizes-are-equal-one-and-proof-is-empty'
  for (const one of json('rfc6962-proofs', 'consistency.json') as Case[])
    assert.equal(
      verifyConsistency(one.size1, one.size2, hex(one.root1), hex(one.root2), (one.proof ?? []).map(hex)),
      !one.wantErr && !one._path.includes(strict),
      one._path,
    )
})

peers('signed-note/notes.json', () => {
  const { open, bad_vkeys: bad } = json('signed-note', 'notes.json') as {
    open: { vkeys: string[]; note: string; ok: boolean; verified?: string[]; desc: string }[]
    bad_vkeys: { vkey: string }[]
  }
  for (const { vkeys, note, ok, verified, desc } of open) {
    const keys = vkeys.map(parseVerifierKey)
    assert.deepEqual(keys.map(formatVerifierKey), vkeys)
    if (ok) assert.deepEqual(verifyNote(note, keys).signedBy.map(({ name }) => name), verified, desc)
    else assert.throws(() => verifyNote(note, keys), { name: 'NoteError' }, desc)
  }
  for (const { vkey } of bad) assert.throws(() => parseVerifierKey(vkey), { name: 'NoteError' }, vkey)
})

peers('tlog-tiles-tessera', () => {
  const log = parseVerifierKey(text('tlog-tiles-tessera', 'vkey').trim())
  const frontier = new Frontier()
  const leaves = unpackHashes(readFileSync(join(folder, 'tlog-tiles-tessera', tilePath(0, 0, 15))))
  for (const [index, leaf] of leaves.entries()) {
    const checkpoint = openCheckpoint(text('tlog-tiles-tessera', `checkpoint.${index}`), log)
    assert.deepEqual([checkpoint.size, checkpoint.rootHash], [index, frontier.rootHash()])
    if (index > 0) {
      const partial = unpackHashes(readFileSync(join(folder, 'tlog-tiles-tessera', tilePath(0, 0, index))))
      assert.deepEqual(partial, leaves.slice(0, index))
    }
    frontier.append(leaf)
  }
  assert.equal(openCheckpoint(text('tlog-tiles-tessera', 'checkpoint'), log).rootHash, frontier.rootHash())
})

peers('sample-log', () => {
  const log = parseVerifierKey(text('sample-log', 'vkey').trim())
  const proof = parseTlogProof(text('sample-log', 'e421.tlog-proof'))
  const { size, rootHash } = openCheckpoint(proof.checkpoint, log)
  // That log's leaves are entries without a newline of ours.
  const leaf = hash('sha256', `\0${text('sample-log', 'e421.leaf')}`, 'hex') as Hash
  assert(verifyInclusion(proof.index, size, leaf, proof.hashes, rootHash))
  assert(!verifyInclusion(proof.index - 1, size, leaf, proof.hashes, rootHash))
  const tiles = [0, 1].map((index) => unpackHashes(readFileSync(join(folder, 'sample-log', tilePath(0, index)))))
  const leaves = [...tiles.flat(), ...unpackHashes(readFileSync(join(folder, 'sample-log', tilePath(0, 2, 88))))]
  const tree = Tree.restore(0, noTile, [])
  for (const leaf of leaves) tree.append(leaf)
  assert.deepEqual(inclusionProof(tree, 421, 600), proof.hashes)
  assert.deepEqual(
    tree.takeFullTiles().map(({ hashes }) => unpackHashes(hashes)),
    tiles,
  )
})
