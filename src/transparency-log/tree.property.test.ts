import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from '../../test/support/property.ts'
import type { Hash } from '../model/ids.ts'
import { EMPTY_ROOT, Frontier, leafHash, nodeHash } from '../model/merkle.ts'
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './proofs.ts'
import { Tree, type TileSource } from './tree.ts'

/** The definition of RFC 9162 §2.1.1, as slow as it reads. */
function naiveRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length <= 1) return leaves[0] ?? EMPTY_ROOT
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)))
}
const leavesOf = (count: number): Hash[] => Array.from({ length: count }, (_, index) => leafHash(`leaf ${index}`))

class Tiles {
  readonly #tiles = new Map<string, Uint8Array>()
  readonly source: TileSource = (level, index) => {
    const tile = this.#tiles.get(`${level}/${index}`)
    assert(tile !== undefined, `tile ${level}/${index} is stored`)
    return tile
  }
  store(tree: Tree): void {
    for (const { level, index, hashes } of tree.takeFullTiles()) {
      assert(!this.#tiles.has(`${level}/${index}`), 'T2: handed out once')
      this.#tiles.set(`${level}/${index}`, hashes)
    }
  }
}
const size = fc.integer({ min: 0, max: 1_200 })
const ALL = leavesOf(1_200)
const ROOTS = Array.from({ length: 1_201 }, (_, count) => {
  const frontier = new Frontier()
  for (const leaf of ALL.slice(0, count)) frontier.append(leaf)
  return count % 100 === 0 ? frontier.rootHash() : ''
})

describe('Tree', () => {
  test('roots are those of the definition, appended or restored at any size', () => {
    fc.assert(
      fc.property(size, fc.array(size, { maxLength: 4 }), (end, restarts) => {
        const tiles = new Tiles()
        let tree = Tree.restore(0, tiles.source, [])
        for (let index = 0; index < end; index++) {
          if (restarts.includes(index)) {
            tiles.store(tree)
            tree = Tree.restore(index, tiles.source, ALL.slice(index - (index % 256), index))
          }
          tree.append(ALL[index] as Hash)
        }
        assert.equal(tree.size, end)
        assert.equal(tree.rootHash(), naiveRoot(ALL.slice(0, end)))
      }),
      { numRuns: 60 },
    )
  })

  test('every proof verifies, and no other index, size, leaf or root does', () => {
    fc.assert(
      fc.property(size, size, size, (a, b, c) => {
        const [old, now, end] = [a, b, c].sort((left, right) => left - right) as [number, number, number]
        const tiles = new Tiles()
        let tree = Tree.restore(0, tiles.source, [])
        for (const leaf of ALL.slice(0, end)) tree.append(leaf)
        tiles.store(tree)
        if (end % 2 === 0) tree = Tree.restore(end, tiles.source, ALL.slice(end - (end % 256), end))
        const root = naiveRoot(ALL.slice(0, now))
        const oldRoot = naiveRoot(ALL.slice(0, old))
        const consistency = consistencyProof(tree, old, now)
        assert(verifyConsistency(old, now, oldRoot, root, consistency))
        if (old > 0 && old < now) {
          assert(!verifyConsistency(old, now, leafHash('other'), root, consistency))
          assert(!verifyConsistency(old, now, oldRoot, leafHash('other'), consistency))
          assert(!verifyConsistency(old, now, oldRoot, root, [...consistency, oldRoot]))
          assert(!verifyConsistency(old, now, oldRoot, root, consistency.slice(1)))
        }
        if (old === now) return
        const leaf = ALL[old] as Hash
        const inclusion = inclusionProof(tree, old, now)
        assert(verifyInclusion(old, now, leaf, inclusion, root))
        assert(!verifyInclusion(old + 1, now, leaf, inclusion, root))
        assert(!verifyInclusion(old, now, leafHash('other'), inclusion, root))
        assert(!verifyInclusion(old, now, leaf, inclusion, leafHash('other')))
        assert(!verifyInclusion(old, now, leaf, [...inclusion, leaf], root))
        if (inclusion.length > 0) assert(!verifyInclusion(old, now, leaf, inclusion.slice(1), root))
      }),
      { numRuns: 150 },
    )
  })

  test('tiles of the second level: a tree beyond 65,536 leaves is restored and proven from tiles alone', () => {
    const leaves = leavesOf(66_000)
    const tiles = new Tiles()
    const grown = Tree.restore(0, tiles.source, [])
    for (const leaf of leaves) grown.append(leaf)
    tiles.store(grown)
    const restored = Tree.restore(66_000, tiles.source, leaves.slice(66_000 - (66_000 % 256)))
    assert.equal(restored.rootHash(), grown.rootHash())
    for (const index of [0, 255, 256, 40_000, 65_535, 65_536, 65_999])
      assert(
        verifyInclusion(
          index,
          66_000,
          leaves[index] as Hash,
          inclusionProof(restored, index, 66_000),
          grown.rootHash(),
        ),
      )
    assert.deepEqual(consistencyProof(restored, 300, 66_000), consistencyProof(grown, 300, 66_000))
  })

  test('asking for a leaf or a tree that is not there is a bug of the caller', () => {
    const tree = Tree.restore(0, () => assert.fail(), [])
    assert.throws(() => inclusionProof(tree, 0, 0), RangeError)
    for (const leaf of leavesOf(5)) tree.append(leaf)
    for (const index of [-1, 5, 0.5, Number.NaN]) assert.throws(() => inclusionProof(tree, index, 5), RangeError)
    assert.throws(() => consistencyProof(tree, 2, 1), RangeError)
  })

  test('the frontier agrees with the definition', () => {
    for (const [count, root] of ROOTS.entries()) if (root !== '') assert.equal(root, naiveRoot(ALL.slice(0, count)))
  })
})
