/**
 * What somebody who keeps heads can show when the next one does not go on from the last. A contradiction is a proof that needs nobody's word
 * (witness/equivocation.ts). The two forms here are weaker, and say so: the log's signatures are its own, but that the one head was shown after
 * the other, or that no proof was given, is the word of whoever kept them.
 */
import type { Consistency } from '../model/receipt.ts'
import type { Hash } from '../model/ids.ts'
import type { Checkpoint } from './checkpoint.ts'
import { openAnyCheckpoint, type PinnedLog } from './cosignature-checkpoint.ts'
import { verifyConsistency } from './proofs.ts'
import type { EquivocationProof } from './witness/equivocation.ts'

/** Signed notes, byte for byte, in the order in which they were shown: a smaller log after a larger one. */
export interface RollbackEvidence {
  readonly v: 1
  readonly kind: 'rollback'
  readonly origin: string
  readonly heads: readonly [string, string]
}
/** A larger head whose log was asked to prove that it goes on from the kept one, and did not. */
export interface WithheldEvidence {
  readonly v: 1
  readonly kind: 'withheld'
  readonly origin: string
  readonly heads: readonly [string, string]
  /** What was given in place of a proof. */
  readonly answer: { readonly root: Hash; readonly proof: readonly Hash[] } | null
}
export type HeadEvidence = EquivocationProof | RollbackEvidence | WithheldEvidence

/**
 * Holds a head that was just shown against one that was kept before.
 * @param given the log's own account of how it got from the kept size to the shown one; null when it gave none
 * @returns null when the log has only grown
 * @throws NoteError unless a key of the log has signed both
 */
export function compareHeads(
  kept: string,
  shown: string,
  given: Consistency | null,
  log: PinnedLog,
): HeadEvidence | null {
  const before = openAnyCheckpoint(kept, log)
  const after = openAnyCheckpoint(shown, log)
  const common = { v: 1, origin: log.origin, heads: [kept, shown] } as const
  if (after.size === before.size)
    return after.rootHash === before.rootHash
      ? null
      : { ...common, kind: 'equivocation', contradiction: { kind: 'same-size' } }
  if (after.size < before.size) return { ...common, kind: 'rollback' }
  if (before.size === 0) return null
  if (given === null) return { ...common, kind: 'withheld', answer: null }
  const { root, proof } = given
  if (leads(before, before.rootHash, after, proof)) return null
  if (root !== before.rootHash && leads(before, root, after, proof))
    return { ...common, kind: 'equivocation', contradiction: { kind: 'other-prefix', root, proof } }
  return { ...common, kind: 'withheld', answer: { root, proof } }
}

const leads = (before: Checkpoint, root: Hash, after: Checkpoint, proof: readonly Hash[]): boolean =>
  verifyConsistency(before.size, after.size, root, after.rootHash, proof)
