import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hash } from '../model/ids.ts'
import { leafHash } from '../model/merkle.ts'
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './proofs.ts'
import { StoredTree } from './stored-tree.ts'
import { Tree } from './tree.ts'

/** What a store keeps of a log: full tiles, and every leaf hash. */
class Store {
  readonly tiles = new Map<string, Uint8Array>()
  readonly leaves: Hash[] = []
  readonly tree = Tree.restore(0, (level, index) => this.tiles.get(`${level}/${index}`) as Uint8Array, [])
  readonly roots = new Map<number, Hash>()
  reads = 0

  grow(size: number): void {
    while (this.leaves.length < size) {
      const leaf = leafHash(`leaf ${this.leaves.length}`)
      this.leaves.push(leaf)
      this.tree.append(leaf)
    }
    for (const { level, index, hashes } of this.tree.takeFullTiles()) this.tiles.set(`${level}/${index}`, hashes)
    this.roots.set(size, this.tree.rootHash())
  }
  tile(level: number, index: number): Uint8Array | null {
    this.reads++
    return this.tiles.get(`${level}/${index}`) ?? null
  }
  leafHashes(from: number, to: number): readonly Hash[] {
    this.reads++
    return this.leaves.slice(from, to)
  }
}

test('proofs read from tiles and leaves are those of the tree, at every kind of edge, while the log grows', () => {
  const store = new Store()
  const stored = new StoredTree(store)
  const sizes = [1, 2, 3, 255, 256, 257, 511, 513, 1000, 65_535, 65_536, 65_537, 66_000, 131_073]
  let before = 1
  for (const size of sizes) {
    store.grow(size)
    const root = store.roots.get(size) as Hash
    for (const old of [before, 1, Math.ceil(size / 2)]) {
      const proof = consistencyProof(stored, old, size)
      assert.deepEqual(proof, consistencyProof(store.tree, old, size), `from ${old} to ${size}`)
      const oldRoot = store.roots.get(old)
      if (oldRoot !== undefined) assert.ok(verifyConsistency(old, size, oldRoot, root, proof), `from ${old} to ${size}`)
    }
    for (const index of [0, size - 1, Math.floor(size / 2), Math.max(0, size - 257)]) {
      const proof = inclusionProof(stored, index, size)
      assert.ok(verifyInclusion(index, size, store.leaves[index] as Hash, proof, root), `${index} of ${size}`)
    }
    before = size
  }
})

test('what was read once is not read again', () => {
  const store = new Store()
  store.grow(1_000)
  const stored = new StoredTree(store)
  for (let index = 768; index < 1_000; index++) inclusionProof(stored, index, 1_000)
  const { reads } = store
  for (let index = 768; index < 1_000; index++) inclusionProof(stored, index, 1_000)
  assert.equal(store.reads, reads)
})

test('beyond the end of the log there is nothing', () => {
  const store = new Store()
  store.grow(300)
  const stored = new StoredTree(store)
  assert.throws(() => stored.node(0, 300), RangeError)
  assert.throws(() => stored.node(5, 9), RangeError)
  assert.throws(() => stored.node(8, 1), RangeError)
  store.grow(600)
  assert.equal(stored.node(8, 1), store.tree.node(8, 1))
})
