/**
 * The newest checkpoint that enough witnesses have cosigned, and receipts under it. Kept in a file beside the log as well, so that a restart knows
 * what was witnessed before; the file is evidence like a receipt, and is checked like one.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Position } from '../../model/ids.ts'
import { foldRoots, perfectSubtrees } from '../../model/merkle.ts'
import type { Receipt } from '../../model/receipt.ts'
import { NoteError } from '../../model/signed-note.ts'
import type { Checkpoint } from '../../transparency-log/checkpoint.ts'
import { judgeCheckpoint } from '../../transparency-log/policy-file-quorum.ts'
import type { PolicyFile } from '../../transparency-log/policy-file.ts'
import { inclusionProver } from '../../transparency-log/proofs.ts'
import type { StoredTree } from '../../transparency-log/stored-tree.ts'
import { formatProofPath, hashTexts } from '../../transparency-log/tlog-proof.ts'

export interface WitnessedHead {
  readonly size: number
  /** The checkpoint as the log signed it, and the lines of those that cosigned it. */
  readonly note: string
}

const FILE = 'witnessed.note'
export const witnessedPath = (dir: string): string => join(dir, FILE)

/**
 * What an earlier process has left, when it still counts: a quorum of today's policy, and a part of the log as it is.
 * @returns `beyond` for a head that this log has signed and that is not in it: its files are older than what was witnessed, or others
 */
export function readWitnessed(
  dir: string,
  policy: PolicyFile,
  origin: string,
  tree: StoredTree,
  treeSize: number,
): { readonly kind: 'none' } | { readonly kind: 'head' | 'beyond'; readonly head: WitnessedHead } {
  const path = witnessedPath(dir)
  if (!existsSync(path)) return { kind: 'none' }
  const note = readFileSync(path, 'utf8')
  try {
    const { checkpoint, verdict } = judgeCheckpoint(policy, note)
    if (checkpoint.origin !== origin) return { kind: 'none' }
    const head = { size: checkpoint.size, note }
    if (checkpoint.size > treeSize || rootOf(tree, checkpoint.size) !== checkpoint.rootHash)
      return { kind: 'beyond', head }
    return verdict.kind === 'satisfied' ? { kind: 'head', head } : { kind: 'none' }
  } catch (error) {
    if (error instanceof NoteError) return { kind: 'none' } // by keys that are not pinned any more, or cut short by a crash
    throw error
  }
}

export const rootOf = (tree: StoredTree, size: number) =>
  foldRoots(perfectSubtrees(size).map(({ height, index }) => tree.node(height, index)))

/** Whether a checkpoint is of the log at hand, which may not have signed that far. */
export const holds = (tree: StoredTree, { size, rootHash }: Checkpoint): boolean =>
  reachesTo(tree, size) && rootOf(tree, size) === rootHash

export function reachesTo(tree: StoredTree, size: number): boolean {
  try {
    return size === 0 || tree.node(0, size - 1) !== undefined
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** Makes receipts under one head; what they share is looked up once. */
export function receiptMaker(
  tree: StoredTree,
  { size, note }: WitnessedHead,
): (index: Position, record: string) => Receipt {
  const prove = inclusionProver(tree, size)
  const text = hashTexts()
  return (index, record) => ({ index, record, proof: `${formatProofPath(index, prove(index), text)}${note}` })
}
