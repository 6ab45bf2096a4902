/** The anchors of a data directory, as its audit looks at them: each stamp, its checkpoint, and whether the log at hand still has that root. */
import { join } from 'node:path'
import { readAnchors } from './anchors.ts'
import { ANCHORS_FOLDER } from '../engine/anchors.ts'
import type { VerifyReport } from '../engine/engine.ts'
import { foldRoots, perfectSubtrees } from '../model/merkle.ts'
import { Problem } from '../model/problems.ts'
import { NoteError, type NoteVerifier } from '../model/signed-note.ts'
import type { StorageReader } from '../storage/storage.ts'
import { AnchorFault, type Anchor } from '../transparency-log/anchor/anchor.ts'
import { entriesIn, readEntry, type AnchorEntry } from '../transparency-log/anchor/anchor-files.ts'
import type { Checkpoint } from '../transparency-log/checkpoint.ts'
import { logOfKey, openAnyCheckpoint } from '../transparency-log/cosignature-checkpoint.ts'
import { StoredTree } from '../transparency-log/stored-tree.ts'

const FINDINGS_MAX = 20

type Found = Pick<VerifyReport, 'findings' | 'notChecked'>

/** Whoever rewrites the log, with every key, has no stamp of its new history from back then. */
export function verifyAnchors(dir: string, reader: StorageReader, log: NoteVerifier): Found {
  const folder = join(dir, ANCHORS_FOLDER)
  const entries = entriesIn(folder)
  if (entries.length === 0) return { findings: [], notChecked: ['anchors in time: there are none'] }
  const anchors = anchorsByName(dir)
  const tree = new StoredTree(reader)
  const { treeSize } = reader.head()
  const findings: { position: number | null; what: string }[] = []
  const unknown = new Set<string>()
  for (const entry of entries) {
    const stored = readEntry(folder, entry)
    const what = `the anchor of ${entry.size} records at ${new Date(entry.timeMs).toISOString()}`
    const find = (why: string): unknown => findings.push({ position: null, what: `${what}: ${why}` })
    if (stored === null) {
      find('its files are not whole')
      continue
    }
    try {
      const checkpoint = openAnyCheckpoint(stored.checkpoint, logOfKey(log))
      const why = contradiction(checkpoint, entry, tree, treeSize)
      if (why !== null) find(why)
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      unknown.add('anchors whose checkpoint another key has signed: give `--key` the one that was in use')
    }
    const anchor = anchors.get(entry.anchor)
    if (anchor === undefined) unknown.add(`stamps of \`${entry.anchor}\`: \`anchors.json\` does not say whom to trust`)
    else verifyProof(anchor, stored.checkpoint, stored.proof, find)
  }
  return { findings: findings.slice(0, FINDINGS_MAX), notChecked: [...unknown] }
}

function contradiction(stamped: Checkpoint, entry: AnchorEntry, tree: StoredTree, treeSize: number): string | null {
  const { size, rootHash } = stamped
  if (size !== entry.size) return 'its checkpoint is over another number of records'
  if (size > treeSize) return `the log has only ${treeSize} records now`
  const root = foldRoots(perfectSubtrees(size).map(({ height, index }) => tree.node(height, index)))
  return root === rootHash ? null : 'the log has another root there now'
}

function verifyProof(anchor: Anchor, checkpoint: string, proof: Uint8Array, find: (why: string) => unknown): void {
  try {
    anchor.verify(checkpoint, proof)
  } catch (error) {
    if (!(error instanceof AnchorFault)) throw error
    find(error.message)
  }
}

/** None where the file of anchors cannot be used: then no stamp is checked, and the report says so. */
function anchorsByName(dir: string): ReadonlyMap<string, Anchor> {
  try {
    return new Map(readAnchors(dir, null).map(({ anchor }) => [anchor.name, anchor]))
  } catch (error) {
    if (error instanceof Problem) return new Map()
    throw error
  }
}
