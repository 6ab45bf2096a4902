/** A log for tests: grows, signs checkpoints of any of its sizes, and can fork. */
import { generateKeyPairSync } from 'node:crypto'
import type { Hash } from '../../../model/ids.ts'
import { foldRoots, leafHash, perfectSubtrees } from '../../../model/merkle.ts'
import { noteSigner, type NoteSigner } from '../../../model/signed-note.ts'
import { signCheckpoint, type Checkpoint } from '../../checkpoint.ts'
import { logOfKey, type PinnedLog } from '../../cosignature-checkpoint.ts'
import { consistencyProof } from '../../proofs.ts'
import { Tree } from '../../tree.ts'
import { formatAddCheckpoint } from '../add-checkpoint.ts'

export class TestLog {
  readonly signer: NoteSigner
  readonly #leaves: Hash[] = []
  readonly #tiles = new Map<string, Uint8Array>()
  readonly #tree = Tree.restore(0, (level, index) => this.#tiles.get(`${level}/${index}`) as Uint8Array, [])

  constructor(signer = noteSigner('log.example/orders', generateKeyPairSync('ed25519').privateKey)) {
    this.signer = signer
  }
  get size(): number {
    return this.#tree.size
  }
  get pinned(): PinnedLog {
    return logOfKey(this.signer)
  }
  grow(size: number, branch = 'main'): this {
    while (this.#tree.size < size) this.append(`${branch} ${this.#tree.size}`)
    return this
  }
  append(line: string): this {
    const leaf = leafHash(line)
    this.#leaves.push(leaf)
    this.#tree.append(leaf)
    for (const { level, index, hashes } of this.#tree.takeFullTiles()) this.#tiles.set(`${level}/${index}`, hashes)
    return this
  }
  /** The same log and key, with other leaves from `size` on. */
  fork(size: number, branch = 'fork'): TestLog {
    const other = new TestLog(this.signer)
    for (const leaf of this.#leaves.slice(0, size)) {
      other.#leaves.push(leaf)
      other.#tree.append(leaf)
    }
    return other.grow(this.size, branch)
  }
  leaf(index: number): Hash {
    return this.#leaves[index] as Hash
  }
  get nodes(): Tree {
    return this.#tree
  }
  root(size: number): Hash {
    return foldRoots(perfectSubtrees(size).map(({ height, index }) => this.#tree.node(height, index)))
  }
  consistencyProof(oldSize: number, size: number): readonly Hash[] {
    return consistencyProof(this.#tree, oldSize, size)
  }
  checkpoint(size = this.size): Checkpoint {
    return { origin: this.signer.name, size, rootHash: this.root(size) }
  }
  signed(size = this.size): string {
    return signCheckpoint(this.checkpoint(size), this.signer)
  }
  /** Body of a request that an honest log would send. */
  request(oldSize: number, size = this.size): string {
    return formatAddCheckpoint({ oldSize, proof: this.consistencyProof(oldSize, size), note: this.signed(size) })
  }
}
