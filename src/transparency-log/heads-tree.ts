/**
 * A tree over the heads of all streams (stream id → version and leaf of its last event), so that one hash says which streams there are and where
 * each of them ends. A trie of 16 branches by SHA-256 of the stream's id: what one stream changes is one path, whatever the number of streams, and
 * a path that ends at nothing, or at another stream, shows that a stream is not there.
 *
 * - key: SHA-256(stream id), read as 64 half bytes
 * - leaf: SHA-256(0x00 || key || version in 8 bytes || hash of the stream's last leaf)
 * - node: SHA-256(0x01 || two bytes that say which of the 16 branches are there, branch 0 the highest bit || their hashes in order)
 * - The root and the three levels below it are nodes, even with one branch or none; further down, a stream that is alone is its leaf.
 *
 * H1 The root depends on the heads alone, not on the order in which they came.
 * H2 Heads lie in 65,536 buckets (the four first half bytes); a change hashes its bucket and the four nodes above it, and nothing else.
 * H3 A bucket that comes back from its store with another hash than it had is refused.
 */
import { hash } from 'node:crypto'
import type { Hash, StreamId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'

export interface HeadOfStream {
  readonly version: number
  readonly leaf: Hash
}
/** Where a path ends: at a stream (its own, or one whose key begins alike), or at nothing. */
export interface PathEnd extends HeadOfStream {
  readonly key: Hash
}
export interface HeadPath {
  /** From the root down: which branches are there (two bytes), and the hashes of all of them but the one on the path; base64. */
  readonly levels: readonly string[]
  readonly end: PathEnd | null
}
/** Keeps buckets by number: 72 bytes a stream (key, version, leaf), in order of key. */
export interface BucketStore {
  get(bucket: number): Uint8Array | null
  set(bucket: number, entries: Uint8Array, hash: Uint8Array): void
}

const TOP = 4 // levels above the buckets
export const ENTRY_BYTES = 72
const HASH_BYTES = 32

export const headKey = (stream: StreamId): Buffer => hash('sha256', stream, 'buffer')

export class HeadsTree {
  readonly #store: BucketStore
  /** Hashes by level: 1, 16, 256, 4,096 nodes, then 65,536 buckets; zeros where there is none. */
  readonly #levels = Array.from({ length: TOP + 1 }, (_, level) => Buffer.alloc(16 ** level * HASH_BYTES))

  /** @param hashes of the buckets that the store holds: their number, and what `set` was given */
  constructor(store: BucketStore, hashes: Iterable<{ readonly bucket: number; readonly hash: Uint8Array }> = []) {
    this.#store = store
    const parents = new Set<number>()
    for (const { bucket, hash: of } of hashes) {
      this.#level(TOP).set(of, bucket * HASH_BYTES)
      parents.add(bucket >> 4)
    }
    this.#rise(parents)
  }

  rootHash(): Hash {
    return this.#level(0).toString('hex') as Hash
  }

  /** @returns how many of them are new streams. @throws `storage-damaged` */
  update(heads: ReadonlyMap<StreamId, HeadOfStream>): number {
    const byBucket = new Map<number, Buffer[]>()
    for (const [stream, head] of heads) {
      const entry = entryOf(headKey(stream), head)
      const bucket = entry.readUInt16BE(0)
      const others = byBucket.get(bucket)
      if (others === undefined) byBucket.set(bucket, [entry])
      else others.push(entry)
    }
    let added = 0
    const parents = new Set<number>()
    for (const [bucket, entries] of byBucket) {
      let content = this.#bucket(bucket)
      for (const entry of entries) {
        const { at, found } = placeOf(content, entry)
        if (found) entry.copy(content, at)
        else content = Buffer.concat([content.subarray(0, at), entry, content.subarray(at)])
        if (!found) added++
      }
      const of = subtreeHash(content, TOP)
      this.#level(TOP).set(of, bucket * HASH_BYTES)
      this.#store.set(bucket, content, of)
      parents.add(bucket >> 4)
    }
    this.#rise(parents)
    return added
  }

  /** Head of a stream, null when it is not there. @throws `storage-damaged` */
  head(stream: StreamId): HeadOfStream | null {
    const key = headKey(stream)
    const content = this.#bucket(key.readUInt16BE(0))
    const { at, found } = placeOf(content, key)
    return found ? headAt(content, at) : null
  }

  /** What shows where a stream ends, or that it is not there, to who knows the root. @throws `storage-damaged` */
  path(stream: StreamId): HeadPath {
    const key = headKey(stream)
    const levels: string[] = []
    for (let level = 0; level < TOP; level++) {
      const first = prefix(key, level) * 16
      const children = Array.from({ length: 16 }, (_, branch) => this.#hashAt(level + 1, first + branch))
      levels.push(levelText(children, branchOf(key, level)))
      if (children[branchOf(key, level)] === null) return { levels, end: null }
    }
    let content = this.#bucket(prefix(key, TOP))
    for (let depth = TOP; ; depth++) {
      if (content.length <= ENTRY_BYTES) {
        const end =
          content.length === 0 ? null : { key: content.toString('hex', 0, HASH_BYTES) as Hash, ...headAt(content, 0) }
        return { levels, end }
      }
      const parts = branches(content, depth)
      levels.push(
        levelText(
          parts.map((part) => (part.length === 0 ? null : subtreeHash(part, depth + 1))),
          branchOf(key, depth),
        ),
      )
      content = parts[branchOf(key, depth)] as Buffer
      if (content.length === 0) return { levels, end: null }
    }
  }

  #level(level: number): Buffer {
    return this.#levels[level] as Buffer
  }
  #hashAt(level: number, index: number): Buffer | null {
    const at = this.#level(level).subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)
    return at.equals(NOTHING) ? null : at
  }
  #bucket(bucket: number): Buffer {
    const content = Buffer.from(this.#store.get(bucket) ?? [])
    const expected = this.#hashAt(TOP, bucket)
    const whole = isOrdered(content, bucket) && (content.length === 0) === (expected === null)
    if (!whole || (expected !== null && !expected.equals(subtreeHash(content, TOP))))
      throw problem('storage-damaged', `the stored heads of streams are not what they were (bucket ${bucket})`)
    return content
  }
  /** The same as `nodeHash`, through one buffer: this is most of what a change costs. */
  #nodeHash(level: number, index: number): void {
    const below = this.#level(level + 1)
    let there = 0
    let end = 3
    for (let branch = 0; branch < 16; branch++) {
      const at = (index * 16 + branch) * HASH_BYTES
      if (below.readUInt32LE(at) === 0 && this.#hashAt(level + 1, index * 16 + branch) === null) continue
      there |= 0x8000 >> branch
      below.copy(nodeScratch, end, at, at + HASH_BYTES)
      end += HASH_BYTES
    }
    nodeScratch.writeUInt16BE(there, 1)
    this.#level(level).write(hash('sha256', nodeScratch.subarray(0, end), 'hex'), index * HASH_BYTES, 'hex')
  }
  /** Hashes anew what is above changed nodes, level by level. */
  #rise(changed: ReadonlySet<number>): void {
    let nodes = changed
    for (let level = TOP - 1; level >= 0; level--) {
      const above = new Set<number>()
      for (const node of level === 0 ? [0] : nodes) {
        this.#nodeHash(level, node)
        above.add(node >> 4)
      }
      nodes = above
    }
  }
}

/** A store that is nothing but memory. */
export function memoryBuckets(): BucketStore {
  const buckets = new Map<number, Uint8Array>()
  return { get: (bucket) => buckets.get(bucket) ?? null, set: (bucket, entries) => void buckets.set(bucket, entries) }
}

const NOTHING = Buffer.alloc(HASH_BYTES)
const nodeScratch = Buffer.alloc(3 + 16 * HASH_BYTES, 1)

/** Half byte `depth` of the key that begins there. */
const branchOf = (bytes: Uint8Array, depth: number, at = 0): number => {
  const byte = bytes[at + (depth >> 1)] as number
  return depth % 2 === 0 ? byte >> 4 : byte & 15
}
/** Its first `level` half bytes as a number; up to four. */
const prefix = (key: Buffer, level: number): number => key.readUInt16BE(0) >> (16 - 4 * level)

function entryOf(key: Buffer, { version, leaf }: HeadOfStream): Buffer {
  const entry = Buffer.alloc(ENTRY_BYTES)
  key.copy(entry)
  entry.writeBigUInt64BE(BigInt(version), HASH_BYTES)
  entry.write(leaf, HASH_BYTES + 8, 'hex')
  return entry
}
const headAt = (content: Buffer, at: number): HeadOfStream => ({
  version: Number(content.readBigUInt64BE(at + HASH_BYTES)),
  leaf: content.toString('hex', at + HASH_BYTES + 8, at + ENTRY_BYTES) as Hash,
})

function placeOf(content: Buffer, key: Buffer): { readonly at: number; readonly found: boolean } {
  for (let at = 0; at < content.length; at += ENTRY_BYTES) {
    const order = content.compare(key, 0, HASH_BYTES, at, at + HASH_BYTES)
    if (order >= 0) return { at, found: order === 0 }
  }
  return { at: content.length, found: false }
}

/** Whole entries, each key once and in order, all of this bucket. */
function isOrdered(content: Buffer, bucket: number): boolean {
  if (content.length % ENTRY_BYTES !== 0) return false
  for (let at = 0; at < content.length; at += ENTRY_BYTES) {
    if (content.readUInt16BE(at) !== bucket) return false
    if (at > 0 && content.compare(content, at - ENTRY_BYTES, at - ENTRY_BYTES + HASH_BYTES, at, at + HASH_BYTES) <= 0)
      return false
  }
  return true
}

/** Entries of a bucket by the branch that they take at a depth. */
function branches(content: Buffer, depth: number): Buffer[] {
  const parts: Buffer[] = []
  let from = 0
  for (let branch = 0; branch < 16; branch++) {
    let to = from
    while (to < content.length && branchOf(content, depth, to) === branch) to += ENTRY_BYTES
    parts.push(content.subarray(from, to))
    from = to
  }
  return parts
}

function subtreeHash(content: Buffer, depth: number, from = 0, to = content.length): Buffer {
  if (to - from === ENTRY_BYTES) return leafOfEntry(content, from)
  const node = Buffer.allocUnsafe(3 + 16 * HASH_BYTES)
  let there = 0
  let end = 3
  for (let at = from; at < to;) {
    const branch = branchOf(content, depth, at)
    const first = at
    while (at < to && branchOf(content, depth, at) === branch) at += ENTRY_BYTES
    there |= 0x8000 >> branch
    subtreeHash(content, depth + 1, first, at).copy(node, end)
    end += HASH_BYTES
  }
  node[0] = 1
  node.writeUInt16BE(there, 1)
  return hash('sha256', node.subarray(0, end), 'buffer')
}

const leafBytes = Buffer.alloc(1 + ENTRY_BYTES)
function leafOfEntry(content: Buffer, at = 0): Buffer {
  content.copy(leafBytes, 1, at, at + ENTRY_BYTES)
  return hash('sha256', leafBytes, 'buffer')
}
function nodeHash(children: readonly (Uint8Array | null)[]): Buffer {
  return hash('sha256', Buffer.concat([Buffer.of(1), nodeBytes(children, -1)]), 'buffer')
}
/** Which branches are there, and the hashes of all of them but one. */
function nodeBytes(children: readonly (Uint8Array | null)[], without: number): Buffer {
  let there = 0
  const parts: Uint8Array[] = [Buffer.alloc(2)]
  for (const [branch, child] of children.entries()) {
    if (child === null) continue
    there |= 0x8000 >> branch
    if (branch !== without) parts.push(child)
  }
  const bytes = Buffer.concat(parts)
  bytes.writeUInt16BE(there)
  return bytes
}
const levelText = (children: readonly (Uint8Array | null)[], own: number): string =>
  nodeBytes(children, own).toString('base64')

/** Root that a path of a stream leads to; null when it is not the path of that stream in any tree. */
export function rootOfPath(stream: StreamId, { levels, end }: HeadPath): Hash | null {
  const key = headKey(stream)
  if (levels.length < 1 || levels.length > 64 || (end !== null && levels.length < TOP)) return null
  let below: Buffer | null = null
  if (end !== null) {
    const own = Buffer.from(end.key, 'hex')
    for (let depth = 0; depth < levels.length; depth++) if (branchOf(own, depth) !== branchOf(key, depth)) return null
    below = leafOfEntry(entryOf(own, end))
  }
  for (let level = levels.length - 1; level >= 0; level--) {
    const bytes = Buffer.from(levels[level] as string, 'base64')
    if (bytes.toString('base64') !== levels[level] || bytes.length % HASH_BYTES !== 2) return null
    const there = bytes.readUInt16BE(0)
    const own = branchOf(key, level)
    const isThere = (there & (0x8000 >> own)) !== 0
    if (isThere !== (below !== null)) return null
    const children: (Buffer | null)[] = []
    let at = 2
    for (let branch = 0; branch < 16; branch++) {
      if ((there & (0x8000 >> branch)) === 0) children.push(null)
      else if (branch === own) children.push(below)
      else {
        children.push(bytes.subarray(at, at + HASH_BYTES))
        at += HASH_BYTES
      }
    }
    if (at !== bytes.length || children.some((child) => child !== null && child.length !== HASH_BYTES)) return null
    below = nodeHash(children)
  }
  return (below as Buffer).toString('hex') as Hash
}
