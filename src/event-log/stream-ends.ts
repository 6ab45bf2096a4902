/** Where each stream ends, for as many streams as a log has: beside its name, some 50 bytes each. */
import type { Hash, StreamId, Version } from '../model/ids.ts'

const FIRST = 1_024
const HASH_BYTES = 32

export class StreamEnds {
  readonly #places = new Map<StreamId, number>()
  #versions = new Float64Array(FIRST)
  #leaves = Buffer.alloc(FIRST * HASH_BYTES)

  get(stream: StreamId): { readonly version: Version; readonly leaf: Hash } | undefined {
    const place = this.#places.get(stream)
    return place === undefined ? undefined : this.#at(place)
  }
  set(stream: StreamId, version: Version, leaf: Hash): void {
    let place = this.#places.get(stream)
    if (place === undefined) this.#places.set(stream, (place = this.#places.size))
    if (place >= this.#versions.length) this.#grow()
    this.#versions[place] = version
    this.#leaves.write(leaf, place * HASH_BYTES, 'hex')
  }
  *[Symbol.iterator](): Generator<readonly [StreamId, { readonly version: Version; readonly leaf: Hash }]> {
    for (const [stream, place] of this.#places) yield [stream, this.#at(place)]
  }

  #at(place: number): { readonly version: Version; readonly leaf: Hash } {
    const leaf = this.#leaves.toString('hex', place * HASH_BYTES, (place + 1) * HASH_BYTES) as Hash
    return { version: this.#versions[place] as Version, leaf }
  }
  #grow(): void {
    const versions = new Float64Array(Math.ceil(this.#versions.length * 1.5))
    versions.set(this.#versions)
    const leaves = Buffer.alloc(versions.length * HASH_BYTES)
    leaves.set(this.#leaves)
    this.#versions = versions
    this.#leaves = leaves
  }
}
