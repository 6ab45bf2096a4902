/**
 * Proof that a log has signed two trees that cannot both be its own. It needs nobody's word: whoever knows the log's key can check it.
 *
 * Two signed heads of one size with different roots are a proof as they are. Of two sizes, it takes something that ties the larger head to
 * other leaves than the smaller one has: the root that the larger tree had at the smaller size, or one leaf that differs.
 */
import type { Hash } from '../../model/ids.ts'
import { NoteError } from '../../model/signed-note.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { openAnyCheckpoint, readCheckpoint, type PinnedLog } from '../cosignature-checkpoint.ts'
import { verifyConsistency, verifyInclusion } from '../proofs.ts'

/** What ties the heads together. Hashes are hex. */
export type Contradiction =
  | { readonly kind: 'same-size' }
  /** The larger tree, by its own consistency proof, had another root at the smaller head's size. */
  | { readonly kind: 'other-prefix'; readonly root: Hash; readonly proof: readonly Hash[] }
  /** Each head includes, at this index, another leaf. */
  | {
      readonly kind: 'other-leaf'
      readonly index: number
      readonly leaves: readonly [Hash, Hash]
      readonly proofs: readonly [readonly Hash[], readonly Hash[]]
    }
export interface EquivocationProof {
  readonly v: 1
  readonly kind: 'equivocation'
  readonly origin: string
  /** Signed notes, byte for byte, smaller tree first. */
  readonly heads: readonly [string, string]
  readonly contradiction: Contradiction
}

/** What a log knows of its own tree: enough to show that somebody else's head is not a part of it. */
export interface OwnTree {
  /** Root of the first `size` leaves. */
  root(size: number): Hash | Promise<Hash>
  consistencyProof(oldSize: number, size: number): readonly Hash[] | Promise<readonly Hash[]>
}

const PROOF_HASHES_MAX = 64
export const EQUIVOCATION_BYTES_MAX = 262_144 // two notes and two paths, many times over

/**
 * A proof from two heads of one log, or null when they do not contradict each other, or nothing here can show it.
 * @param own tree under the larger head; null when the heads are all that is known
 * @throws NoteError unless both are signed by the log
 */
export async function findEquivocation(
  heads: readonly [string, string],
  log: PinnedLog,
  own: OwnTree | null,
): Promise<EquivocationProof | null> {
  const ordered = heads.toSorted((a, b) => readCheckpoint(a).size - readCheckpoint(b).size) as [string, string]
  const small = openAnyCheckpoint(ordered[0], log)
  const large = openAnyCheckpoint(ordered[1], log)
  const proof = { v: 1, kind: 'equivocation', origin: log.origin, heads: ordered } as const
  if (small.size === large.size)
    return small.rootHash === large.rootHash ? null : { ...proof, contradiction: { kind: 'same-size' } }
  if (own === null || small.size === 0) return null
  const root = await own.root(small.size)
  if (root === small.rootHash) return null
  const hashes = await own.consistencyProof(small.size, large.size)
  const found: EquivocationProof = { ...proof, contradiction: { kind: 'other-prefix', root, proof: hashes } }
  return contradicts(found, small, large) ? found : null
}

/**
 * @param proof as text or as parsed JSON; anything may be in it
 * @returns the two heads that the log has signed and that cannot both be true
 * @throws NoteError that says why this proves nothing
 */
export function verifyEquivocation(proof: unknown, log: PinnedLog): readonly [Checkpoint, Checkpoint] {
  const read = typeof proof === 'string' ? readText(proof) : proof
  if (!isProof(read)) throw new NoteError('this is not an equivocation proof')
  if (read.origin !== log.origin) throw new NoteError(`the proof is about \`${read.origin}\`, not \`${log.origin}\``)
  const small = openAnyCheckpoint(read.heads[0], log)
  const large = openAnyCheckpoint(read.heads[1], log)
  if (small.size > large.size) throw new NoteError('the heads are not in order of their sizes')
  if (!contradicts(read, small, large)) throw new NoteError('the two heads do not contradict each other by this proof')
  return [small, large]
}

function contradicts({ contradiction }: EquivocationProof, small: Checkpoint, large: Checkpoint): boolean {
  switch (contradiction.kind) {
    case 'same-size':
      return small.size === large.size && small.rootHash !== large.rootHash
    case 'other-prefix': // not from size 0: every tree has the empty one as its prefix, by an empty proof
      return (
        small.size > 0 &&
        small.size < large.size &&
        contradiction.root !== small.rootHash &&
        verifyConsistency(small.size, large.size, contradiction.root, large.rootHash, contradiction.proof)
      )
    case 'other-leaf': {
      const { index, leaves, proofs } = contradiction
      return (
        leaves[0] !== leaves[1] &&
        verifyInclusion(index, small.size, leaves[0], proofs[0], small.rootHash) &&
        verifyInclusion(index, large.size, leaves[1], proofs[1], large.rootHash)
      )
    }
    default:
      return contradiction satisfies never
  }
}

function readText(text: string): unknown {
  if (text.length > EQUIVOCATION_BYTES_MAX) throw new NoteError('the equivocation proof is too long')
  try {
    return JSON.parse(text)
  } catch {
    throw new NoteError('the equivocation proof is not JSON')
  }
}

const HASH = /^[0-9a-f]{64}$/
const isHash = (value: unknown): value is Hash => typeof value === 'string' && HASH.test(value)
const isPath = (value: unknown): value is readonly Hash[] =>
  Array.isArray(value) && value.length <= PROOF_HASHES_MAX && value.every(isHash)
const isPair = <T>(value: unknown, is: (one: unknown) => one is T): value is readonly [T, T] =>
  Array.isArray(value) && value.length === 2 && value.every(is)
const isText = (value: unknown): value is string => typeof value === 'string'
const hasExactly = (value: unknown, ...names: string[]): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).length === names.length &&
  names.every((name) => Object.hasOwn(value, name))

function isProof(value: unknown): value is EquivocationProof {
  return (
    hasExactly(value, 'v', 'kind', 'origin', 'heads', 'contradiction') &&
    value['v'] === 1 &&
    value['kind'] === 'equivocation' &&
    isText(value['origin']) &&
    isPair(value['heads'], isText) &&
    isContradiction(value['contradiction'])
  )
}

function isContradiction(value: unknown): value is Contradiction {
  if (hasExactly(value, 'kind')) return value['kind'] === 'same-size'
  if (hasExactly(value, 'kind', 'root', 'proof'))
    return value['kind'] === 'other-prefix' && isHash(value['root']) && isPath(value['proof'])
  return (
    hasExactly(value, 'kind', 'index', 'leaves', 'proofs') &&
    value['kind'] === 'other-leaf' &&
    Number.isSafeInteger(value['index']) &&
    isPair(value['leaves'], isHash) &&
    isPair(value['proofs'], isPath)
  )
}
