/**
 * RFC 6962 hashing, and the frontier of a growing tree. All hashes are 64 characters of lower-case hex: one form everywhere is worth
 * more than the tenth of a microsecond that another would save.
 */
import { hash } from 'node:crypto'
import type { Hash } from './ids.ts'

/** Root of the tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT = hash('sha256', '', 'hex') as Hash

/** Leaf of a record: SHA-256(0x00 || line || '\n'). */
export const leafHash = (line: string): Hash => hash('sha256', `\0${line}\n`, 'hex') as Hash

/** The leaf of a line that was just composed, and the line in one piece of memory: composed text is put together anew by everybody who looks at it. */
export function hashLine(line: string): { readonly leaf: Hash; readonly flat: string } {
  const hashed = `\0${line}\n`
  return { leaf: hash('sha256', hashed, 'hex') as Hash, flat: hashed.slice(1, -1) } // hashing has made it one piece
}

/** SHA-256(0x01 || left || right), through one buffer that is written anew on every call. */
export function nodeHash(left: Hash, right: Hash): Hash {
  node.hexWrite(left, 1, 32)
  node.hexWrite(right, 33, 32)
  return hash('sha256', node, 'hex') as Hash
}
const node = Buffer.alloc(65) as Buffer & { hexWrite(text: string, offset: number, length: number): number }
node[0] = 1

/** Root over leaves that stand end to end, as many as a power of two; they are overwritten. Cheaper than one after the other: hex is for people. */
export function perfectRoot(hashes: Buffer): Hash {
  const bytes = hashes as Buffer & { latin1Write(text: string, offset: number, length: number): number }
  for (let size = bytes.length; size > 32; size /= 2)
    for (let at = 0; at < size; at += 64) {
      bytes.copy(node, 1, at, at + 64)
      bytes.latin1Write(hash('sha256', node, 'binary'), at / 2, 32)
    }
  return bytes.toString('hex', 0, 32) as Hash
}

/** The roots of the perfect subtrees that a tree of some size falls into, largest first: all that appending needs. */
export class Frontier {
  #size: number
  readonly #roots: Hash[]

  constructor(size = 0, roots: readonly Hash[] = []) {
    this.#size = size
    this.#roots = [...roots]
  }
  get size(): number {
    return this.#size
  }
  append(leaf: Hash): void {
    this.appendPerfect(0, leaf)
  }
  /** Appends 2^height leaves at once by their root. The size so far must be a multiple of that. */
  appendPerfect(height: number, root: Hash): void {
    const width = 2 ** height
    if (this.#size % width !== 0) throw new RangeError(`a subtree of ${width} does not begin at ${this.#size}`)
    let top = root
    for (let rest = this.#size / width; rest % 2 === 1; rest = (rest - 1) / 2)
      top = nodeHash(this.#roots.pop() as Hash, top)
    this.#roots.push(top)
    this.#size += width
  }
  /** Roots of `perfectSubtrees(size)`. */
  get roots(): readonly Hash[] {
    return this.#roots
  }
  rootHash(): Hash {
    return foldRoots(this.#roots)
  }
}

/** Root over perfect subtrees, largest first. */
export function foldRoots(roots: readonly Hash[]): Hash {
  let root = roots.at(-1) ?? EMPTY_ROOT
  for (let index = roots.length - 2; index >= 0; index--) root = nodeHash(roots[index] as Hash, root)
  return root
}

/** Heights and indexes of the perfect subtrees of a tree of `size` leaves, largest first. */
export function perfectSubtrees(size: number): { readonly height: number; readonly index: number }[] {
  const subtrees: { height: number; index: number }[] = []
  let start = 0
  for (let height = Math.floor(Math.log2(Math.max(size, 1))) + 1; height >= 0; height--) {
    const width = 2 ** height
    if (size - start < width) continue
    subtrees.push({ height, index: start / width })
    start += width
  }
  return subtrees
}
