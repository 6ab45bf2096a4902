/** How long proofs are, and what making and checking them costs, from a thousand leaves to ten million. */
import { generateKeyPairSync } from 'node:crypto'
import { atMost, type Bench, type Figures, type OpenSuite, type RowSpec, type Suite } from '../measure/suite.ts'
import { latenciesOf } from '../measure/timing.ts'
import { EvenTree } from '../support/even-tree.ts'
import type { Hash, Position } from '../../src/model/ids.ts'
import { nodeHash } from '../../src/model/merkle.ts'
import { noteSigner } from '../../src/model/signed-note.ts'
import { signCheckpoint } from '../../src/transparency-log/checkpoint.ts'
import {
  consistencyProof,
  inclusionProver,
  verifyConsistency,
  verifyInclusion,
} from '../../src/transparency-log/proofs.ts'
import { formatTlogProof, verifyReceipt } from '../../src/transparency-log/tlog-proof.ts'

const SIZES = [
  [1_000, '1k'],
  [10_000, '10k'],
  [100_000, '100k'],
  [1_000_000, '1M'],
  [10_000_000, '10M'],
] as const
const STEP = 7_919 // a prime: positions all over the tree
const HASHES_EACH_TENFOLD = 4 // log2(10) is 3.3; a proof is at most one hash longer than the path of a perfect tree

const rowsFor = (label: string): RowSpec[] => [
  { id: `receipt-bytes-${label}`, what: `receipt's proof, ${label} leaves`, unit: 'bytes', figure: `bytes${label}` },
  {
    id: `inclusion-check-${label}`,
    what: `inclusion checked, ${label} leaves, p50`,
    unit: 'µs',
    figure: `check${label}`,
    against: [{ what: 'the hashes of its path alone', figure: `bare${label}` }],
  },
  { id: `inclusion-make-${label}`, what: `inclusion proven, ${label} leaves, p50`, unit: 'µs', figure: `make${label}` },
  {
    id: `consistency-hashes-${label}`,
    what: `consistency from a third of ${label} leaves`,
    unit: 'hashes',
    figure: `hashes${label}`,
  },
  {
    id: `consistency-check-${label}`,
    what: `that checked, ${label} leaves, p50`,
    unit: 'µs',
    figure: `consistent${label}`,
  },
]

export const proofs: Suite = {
  name: 'proofs',
  title: 'Proofs',
  method:
    'Proofs in trees whose nodes are at hand in memory: what reading tiles costs is not in it. Positions are spread over the tree. A receipt is a tlog-proof under a ' +
    'checkpoint with one signature; each cosignature adds some 140 bytes. Consistency is proven from a third of the leaves, where proofs are about as long as they get.',
  rows: [
    ...SIZES.flatMap(([, label]) => rowsFor(label)),
    {
      id: 'proof-growth',
      what: 'hashes that a receipt gains with ten times the leaves',
      unit: 'hashes',
      figure: 'growth',
      target: atMost(HASHES_EACH_TENFOLD),
    },
    {
      id: 'receipt-verify',
      what: 'a whole receipt verified offline, 10M leaves, p50',
      unit: 'µs',
      figure: 'receipt',
      against: [{ what: 'its hashes alone', figure: 'bare10M' }],
    },
  ],
  open: ({ sizes }: Bench): Promise<OpenSuite> =>
    Promise.resolve({ run: () => measure(sizes.repetitions), close: async () => {} }),
}

async function measure(repetitions: number): Promise<Figures> {
  const tree = new EvenTree()
  const signer = noteSigner('log.example/bench', generateKeyPairSync('ed25519').privateKey)
  const p50 = async (call: (i: number) => unknown): Promise<number> => (await latenciesOf(repetitions, call)).p50Us
  const figures: Record<string, number> = {}
  const lengths: number[] = []
  for (const [size, label] of SIZES) {
    const root = tree.root(size)
    const place = (i: number): number => (i * STEP) % size
    const prove = inclusionProver(tree, size)
    const longest = prove(0)
    lengths.push(longest.length)
    const checkpoint = signCheckpoint({ origin: signer.name, size, rootHash: root }, signer)
    const proof = formatTlogProof({ index: 0, hashes: longest, checkpoint })
    figures[`bytes${label}`] = Buffer.byteLength(proof)
    figures[`make${label}`] = await p50((i) => inclusionProver(tree, size)(place(i)))
    const ready = Array.from({ length: 64 }, (_, i) => ({ index: place(i), path: prove(place(i)) }))
    figures[`check${label}`] = await p50((i) => {
      const { index, path } = ready[i % ready.length] as (typeof ready)[number]
      if (!verifyInclusion(index, size, tree.leaf(index), path, root)) throw new Error('a proof does not verify')
    })
    figures[`bare${label}`] = await p50(() => longest.reduce((hash, sibling) => nodeHash(sibling, hash), root as Hash))
    const old = Math.floor(size / 3)
    const oldRoot = tree.root(old)
    const consistency = consistencyProof(tree, old, size)
    figures[`hashes${label}`] = consistency.length
    figures[`consistent${label}`] = await p50(() => {
      if (!verifyConsistency(old, size, oldRoot, root, consistency)) throw new Error('a proof does not verify')
    })
    if (label === '10M') {
      const receipt = { index: 0 as Position, record: 'record 0', proof }
      figures['receipt'] = await p50(() => verifyReceipt(receipt, signer))
    }
  }
  figures['growth'] = ((lengths.at(-1) as number) - (lengths[0] as number)) / (SIZES.length - 1)
  return figures
}
