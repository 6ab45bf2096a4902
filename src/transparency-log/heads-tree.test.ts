/** One root for the heads of all streams: the same whatever the order, and a path for each stream that is there and for each that is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/support/property.ts'
import { sha256Hex, type StreamId } from '../model/ids.ts'
import { HeadsTree, headKey, memoryBuckets, rootOfPath, type BucketStore, type HeadOfStream } from './heads-tree.ts'

const head = (stream: string, version: number): HeadOfStream => ({ version, leaf: sha256Hex(`${stream} ${version}`) })
const streams = (count: number): Map<StreamId, HeadOfStream> =>
  new Map(Array.from({ length: count }, (_, i) => [`order/${i}` as StreamId, head(`order/${i}`, 1 + (i % 7))]))

/** Written from the definition, with nothing remembered. */
function rootByDefinition(heads: ReadonlyMap<StreamId, HeadOfStream>): string {
  const entries = [...heads].map(([stream, { version, leaf }]) => ({
    key: headKey(stream).toString('hex'),
    version,
    leaf,
  }))
  const hashOf = (some: typeof entries, depth: number): Buffer => {
    const [only] = some
    if (depth >= 4 && some.length === 1 && only !== undefined) {
      const version = Buffer.alloc(8)
      version.writeBigUInt64BE(BigInt(only.version))
      return Buffer.from(
        sha256Hex(Buffer.concat([Buffer.of(0), Buffer.from(only.key, 'hex'), version, Buffer.from(only.leaf, 'hex')])),
        'hex',
      )
    }
    const parts = [...'0123456789abcdef'].map((digit) => some.filter(({ key }) => key[depth] === digit))
    const there = Buffer.from(
      parts
        .map((part) => (part.length > 0 ? '1' : '0'))
        .join('')
        .match(/.{8}/g)!
        .map((bits) => Number.parseInt(bits, 2)),
    )
    const below = parts.filter((part) => part.length > 0).map((part) => hashOf(part, depth + 1))
    return Buffer.from(sha256Hex(Buffer.concat([Buffer.of(1), there, ...below])), 'hex')
  }
  return hashOf(entries, 0).toString('hex')
}

test('the root is that of the definition, in whatever order heads arrive', () => {
  for (const count of [0, 1, 2, 17, 300, 3_000]) {
    const all = [...streams(count)]
    const tree = new HeadsTree(memoryBuckets())
    let added = 0
    for (let from = 0; from < all.length; from += 97) {
      // Each first as an older version of itself.
      added += tree.update(new Map(all.slice(from, from + 97).map(([stream]) => [stream, head(stream, 100)])))
      added += tree.update(new Map(all.slice(from, from + 97)))
    }
    assert.equal(tree.rootHash(), rootByDefinition(new Map(all)), String(count))
    assert.equal(added, count)
    const turned = new HeadsTree(memoryBuckets())
    turned.update(new Map(all.toReversed()))
    assert.equal(turned.rootHash(), tree.rootHash())
  }
})

test('every stream has a path to the root, with its version and leaf; one that is not there has one that says so', () => {
  for (const count of [1, 40, 20_000]) {
    const heads = streams(count)
    const tree = new HeadsTree(memoryBuckets())
    tree.update(heads)
    for (let i = 0; i < count; i += Math.ceil(count / 200)) {
      const stream = `order/${i}` as StreamId
      const path = tree.path(stream)
      assert.equal(rootOfPath(stream, path), tree.rootHash())
      assert.deepEqual(path.end, { key: headKey(stream).toString('hex'), ...heads.get(stream) })
      assert.deepEqual(tree.head(stream), heads.get(stream))
    }
    const ends = new Set<string>()
    for (let i = 0; i < 400; i++) {
      const stream = `other/${i}` as StreamId
      const path = tree.path(stream)
      assert.equal(rootOfPath(stream, path), tree.rootHash())
      assert.notEqual(path.end?.key, headKey(stream).toString('hex'))
      assert.equal(tree.head(stream), null)
      ends.add(path.end === null ? 'nothing' : 'another')
    }
    if (count === 20_000) assert.deepEqual([...ends].sort(), ['another', 'nothing'])
  }
})

test('no path leads to the root with another version, leaf, stream or sibling', () => {
  const tree = new HeadsTree(memoryBuckets())
  tree.update(streams(2_000))
  const root = tree.rootHash()
  fc.assert(
    fc.property(fc.nat(1_999), fc.nat(10_000), fc.integer({ min: 0, max: 7 }), (i, byte, bit) => {
      const stream = `order/${i}` as StreamId
      const path = tree.path(stream)
      const end = path.end as NonNullable<typeof path.end>
      assert.notEqual(rootOfPath(stream, { ...path, end: { ...end, version: end.version + 1 } }), root)
      assert.notEqual(rootOfPath(stream, { ...path, end: { ...end, leaf: sha256Hex('') } }), root)
      assert.notEqual(rootOfPath(`order/${i + 1}` as StreamId, path), root)
      assert.notEqual(rootOfPath(stream, { ...path, end: null }), root)
      const place = byte % path.levels.length
      const level = Buffer.from(path.levels[place] as string, 'base64')
      const at = byte % level.length
      level[at] = (level[at] as number) ^ (1 << bit)
      assert.notEqual(rootOfPath(stream, { ...path, levels: path.levels.with(place, level.toString('base64')) }), root)
      for (const levels of [path.levels.slice(1), path.levels.slice(0, -1), [], [...path.levels, '']])
        assert.notEqual(rootOfPath(stream, { ...path, levels }), root)
    }),
    { numRuns: 300 },
  )
})

test('a store that gives back another bucket, or none, is refused; one that kept them is taken up again', () => {
  const kept = new Map<number, { entries: Uint8Array; hash: Uint8Array }>()
  const store: BucketStore = {
    get: (bucket) => kept.get(bucket)?.entries ?? null,
    set: (bucket, entries, hash) => void kept.set(bucket, { entries: Buffer.from(entries), hash: Buffer.from(hash) }),
  }
  const tree = new HeadsTree(store)
  tree.update(streams(500))
  const hashes = [...kept].map(([bucket, { hash }]) => ({ bucket, hash }))
  const again = new HeadsTree(store, hashes)
  assert.equal(again.rootHash(), tree.rootHash())
  const more = new Map([['order/500' as StreamId, head('x', 1)]])
  assert.equal(again.update(more), 1)
  assert.equal(tree.update(new Map([['order/0' as StreamId, head('x', 9)]])), 0)
  const stream = 'order/7' as StreamId
  const bucket = headKey(stream).readUInt16BE(0)
  const whole = kept.get(bucket) as { entries: Uint8Array; hash: Uint8Array }
  for (const entries of [
    Buffer.alloc(0),
    whole.entries.subarray(1),
    Buffer.from(whole.entries).fill(1, 40, 50),
    Buffer.concat([whole.entries, whole.entries]),
  ]) {
    kept.set(bucket, { ...whole, entries })
    for (const use of [
      () => tree.path(stream),
      () => tree.head(stream),
      () => tree.update(new Map([[stream, head('x', 2)]])),
    ])
      assert.throws(use, { code: 'storage-damaged' })
  }
})
