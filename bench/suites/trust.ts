/** What it costs that the log proves itself: the tree beside the hash of each leaf, and a signature shared by a batch. */
import { generateKeyPairSync } from 'node:crypto'
import { atMost, type Bench, type Figures, type OpenSuite, type RowSpec, type Suite } from '../measure/suite.ts'
import { leafHash } from '../../src/model/merkle.ts'
import { noteSigner } from '../../src/model/signed-note.ts'
import { signCheckpoint } from '../../src/transparency-log/checkpoint.ts'
import { Tree } from '../../src/transparency-log/tree.ts'

const BATCHES = [1, 10, 100, 1_000] as const
const LINE_BYTES = 450 // of a record's line, as they are in the log
const BESIDE_HASHING_US = 2

const rows: readonly RowSpec[] = [
  {
    id: 'trust-beside-hashing',
    what: 'tree, tiles and the signature of a batch of 100, for one leaf, beside its hash',
    unit: 'µs',
    figure: 'beside',
    target: atMost(BESIDE_HASHING_US),
    against: [{ what: 'the hash of the leaf', figure: 'leaf' }],
  },
  { id: 'trust-tree', what: 'of that, tree and tiles', unit: 'µs', figure: 'tree' },
  ...BATCHES.map((batch) => ({
    id: `trust-sign-${batch}`,
    what: `signing a checkpoint, for each record of a batch of ${batch}`,
    unit: 'µs',
    figure: `sign${batch}`,
  })),
]

export const trust: Suite = {
  name: 'trust',
  title: 'What proving costs',
  method:
    `Leaves of ${LINE_BYTES} bytes are hashed and appended to a tree whose full tiles are taken out, in one thread; a checkpoint is signed with the log's key in the ` +
    'same thread. What the signer process adds to that, its own look at consistency and its sync, runs beside the next batch: see durable append.',
  rows,
  open: ({ sizes }: Bench): Promise<OpenSuite> =>
    Promise.resolve({ run: () => Promise.resolve(measure(sizes.repetitions)), close: async () => {} }),
}

function measure(repetitions: number): Figures {
  const leaves = 100 * repetitions
  const lines = Array.from({ length: 1_000 }, (_, i) => `${i}`.padEnd(LINE_BYTES, 'x'))
  const signer = noteSigner('log.example/bench', generateKeyPairSync('ed25519').privateKey)
  const tree = new EmptyTree()
  for (let i = 0; i < 10_000; i++) tree.append(leafHash(lines[i % 1_000] as string)) // warm
  const leaf = microseconds(leaves, (i) => void leafHash(lines[i % 1_000] as string))
  const both = microseconds(leaves, (i) => tree.append(leafHash(lines[i % 1_000] as string)))
  const figures: Record<string, number> = { leaf, tree: both - leaf }
  const sign = microseconds(repetitions, (i) =>
    signCheckpoint({ origin: signer.name, size: tree.size + i, rootHash: tree.root() }, signer),
  )
  for (const batch of BATCHES) figures[`sign${batch}`] = sign / batch
  return { ...figures, beside: both - leaf + sign / 100 }
}

/** Microseconds of processor time for each call. */
function microseconds(times: number, call: (i: number) => unknown): number {
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) call(i)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

class EmptyTree {
  readonly #tree = Tree.restore(
    0,
    () => {
      throw new RangeError('nothing is stored')
    },
    [],
  )
  get size(): number {
    return this.#tree.size
  }
  append(leaf: ReturnType<typeof leafHash>): void {
    this.#tree.append(leaf)
    if (this.#tree.size % 1_000 === 0) this.#tree.takeFullTiles()
  }
  root(): ReturnType<Tree['rootHash']> {
    return this.#tree.rootHash()
  }
}
