/** Inclusion and consistency proofs of RFC 9162 §2.1.3 and §2.1.4: made from any source of nodes, verified from nothing but hashes. */
import type { Hash } from '../model/ids.ts'
import { foldRoots, nodeHash, perfectSubtrees } from '../model/merkle.ts'

export interface NodeSource {
  /** Root of the perfect subtree over leaves [index * 2^height, (index + 1) * 2^height). */
  node(height: number, index: number): Hash
}

/** Hashes from leaf `index` up to the root of the first `size` leaves. */
export const inclusionProof = (nodes: NodeSource, index: number, size: number): Hash[] =>
  inclusionProver(nodes, size)(index)

/** Proofs for many leaves under one root: what they share is looked up once. */
export function inclusionProver(nodes: NodeSource, size: number): (index: number) => Hash[] {
  const subtrees = perfectSubtrees(size).map(({ height, index }) => ({
    height,
    end: (index + 1) * 2 ** height,
    root: nodes.node(height, index),
    others: [] as readonly Hash[],
  }))
  // Beyond its own perfect subtree, a leaf's path is all that is right of it in one hash, and then each subtree left of it.
  const roots = subtrees.map(({ root }) => root)
  for (const [place, subtree] of subtrees.entries()) {
    const right = place < roots.length - 1 ? [foldRoots(roots.slice(place + 1))] : []
    subtree.others = [...right, ...roots.slice(0, place).reverse()]
  }
  return (index) => {
    const own = index >= 0 && Number.isSafeInteger(index) ? subtrees.find(({ end }) => index < end) : undefined
    if (own === undefined) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
    const proof: Hash[] = []
    for (let height = 0, place = index; height < own.height; height++, place = Math.floor(place / 2))
      proof.push(nodes.node(height, place % 2 === 0 ? place + 1 : place - 1))
    return [...proof, ...own.others]
  }
}

/** Proof that the tree of the first `oldSize` leaves is a prefix of that of the first `size`. Empty for equal sizes and for an empty tree. */
export function consistencyProof(nodes: NodeSource, oldSize: number, size: number): Hash[] {
  if (!(Number.isSafeInteger(oldSize) && oldSize >= 0 && oldSize <= size))
    throw new RangeError(`no tree of ${oldSize} in one of ${size}`)
  if (oldSize === 0 || oldSize === size) return []
  return subproof(nodes, oldSize, 0, size, true)
}

// SUBPROOF(m, D[start:end], whole) of RFC 9162 §2.1.4.1, `m` counted from `start`.
function subproof(nodes: NodeSource, m: number, start: number, end: number, whole: boolean): Hash[] {
  if (m === end - start) return whole ? [] : [rangeRoot(nodes, start, end)]
  const split = largestPowerBelow(end - start)
  return m <= split
    ? [...subproof(nodes, m, start, start + split, whole), rangeRoot(nodes, start + split, end)]
    : [...subproof(nodes, m - split, start + split, end, false), rangeRoot(nodes, start, start + split)]
}

/** Root of leaves [start, end), where `start` is a multiple of a power of two at least as large as the range. */
function rangeRoot(nodes: NodeSource, start: number, end: number): Hash {
  return foldRoots(
    perfectSubtrees(end - start).map(({ height, index }) => nodes.node(height, start / 2 ** height + index)),
  )
}

function largestPowerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

const HEX64 = /^[0-9a-f]{64}$/
const wellFormed = (hashes: readonly string[]): boolean => hashes.every((hash) => HEX64.test(hash))
const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** RFC 9162 §2.1.3.2. */
export function verifyInclusion(index: number, size: number, leaf: Hash, proof: readonly Hash[], root: Hash): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || !wellFormed([leaf, root, ...proof])) return false
  let place = index
  let last = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(sibling, hash)
      while (place % 2 === 0 && place !== 0) {
        place /= 2
        last = Math.floor(last / 2)
      }
    } else hash = nodeHash(hash, sibling)
    place = Math.floor(place / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && hash === root
}

/** RFC 9162 §2.1.4.2, with the empty tree a prefix of every tree by an empty proof. */
export function verifyConsistency(
  oldSize: number,
  size: number,
  oldRoot: Hash,
  root: Hash,
  proof: readonly Hash[],
): boolean {
  if (!isSize(oldSize) || !isSize(size) || oldSize > size || !wellFormed([oldRoot, root, ...proof])) return false
  if (oldSize === size) return proof.length === 0 && oldRoot === root
  if (oldSize === 0) return proof.length === 0
  let place = oldSize - 1
  let last = size - 1
  while (place % 2 === 1) {
    place = Math.floor(place / 2)
    last = Math.floor(last / 2)
  }
  const path = place === 0 ? [oldRoot, ...proof] : [...proof]
  const first = path.shift()
  if (first === undefined) return false
  let oldHash = first
  let hash = first
  for (const sibling of path) {
    if (last === 0) return false
    if (place % 2 === 1 || place === last) {
      oldHash = nodeHash(sibling, oldHash)
      hash = nodeHash(sibling, hash)
      while (place % 2 === 0 && place !== 0) {
        place /= 2
        last = Math.floor(last / 2)
      }
    } else hash = nodeHash(hash, sibling)
    place = Math.floor(place / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && oldHash === oldRoot && hash === root
}
