/**
 * `plinth log recover --export FILE`: a log that was restored from an older copy gets its end back from an exported one. Nothing of the file is believed: it counts
 * only as far as the tree over it is one that this log has signed, as its signer remembers it, as witnesses have cosigned it, or as the bundle's
 * own checkpoint shows. What is missing is written as it was; the log goes on under its name, and every receipt holds.
 *
 * It is read twice, and written the second time: the first reading finds how far it may be taken in. A crash between leaves a log that is a part of the
 * signed one, and the next try goes on from there.
 */
import { readFile } from 'node:fs/promises'
import type { CompletedLog, CompleteOptions } from '../doors/cli/composition.ts'
import { recoverTree } from '../engine/committer/recover-tree.ts'
import type { Hash } from '../model/ids.ts'
import { Frontier, leafHash } from '../model/merkle.ts'
import { problem } from '../model/problems.ts'
import { NoteError, parseVerifierKey } from '../model/signed-note.ts'
import { openSqliteWriter } from '../storage/sqlite/writer.ts'
import type { StorageReader } from '../storage/storage.ts'
import { openAnyCheckpoint } from '../transparency-log/cosignature-checkpoint.ts'
import { openSigner } from '../transparency-log/signer/open-signer.ts'
import { sshAgentKeys } from '../transparency-log/signer/ssh-agent-keys.ts'
import { isDataDirectory, readInstallation } from './data-directory.ts'
import { commitOf, exportedTransactions, IMPORTED } from './exported-commits.ts'
import { exportedCheckpoint } from './exported-lines.ts'
import { CommitBatch } from './import-log.ts'
import { signerPlace } from './signer-place.ts'

/** A tree that this log has signed. */
interface SignedTree {
  readonly size: number
  readonly rootHash: Hash
}
/** Leaves compared with those in the store at a time. */
const LEAVES_PER_PAGE = 4_096

/** @throws `usage`, `data-directory-locked`, `log-recovery-refused`, `signer-unconfirmed`, `storage-damaged`; then nothing was written, or a part that is the log's own */
export async function completeLog(
  dir: string,
  { file, witnessPolicy, signer: given }: CompleteOptions,
  signal: AbortSignal,
): Promise<CompletedLog> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  const { origin } = await readInstallation(dir)
  const writer = openSqliteWriter(dir)
  try {
    const { reader } = writer
    const had = reader.head().treeSize
    const { signed, remembered } = await signedTrees(dir, origin, { file, witnessPolicy, signer: given }, signal)
    if (remembered.size <= had && signed.every(({ size }) => size <= had))
      throw refused(`all of the ${remembered.size} records that have been signed are here: start it`)
    const { target, leaves } = await readThrough(reader, file, signed, signal)
    if (target === null)
      throw refused(
        `what \`${file}\` holds is not known to be signed: it ends before record ${remembered.size}, or belongs to another history. Find a newer export, or see whether \`--witness-policy\` knows more`,
      )
    writer.setMeta(IMPORTED, String(target.size - 1)) // before: the rows of what a crash leaves are made anew as well
    const tree = recoverTree(reader)
    const batch = new CommitBatch(writer, tree)
    for await (const transaction of exportedTransactions(file, signal)) {
      if (transaction.first >= target.size) break
      if (transaction.first < had) continue
      const commit = commitOf(transaction)
      if (commit.records.some(({ leaf }, place) => leaf !== leaves[commit.first + place - had]))
        throw problem('storage-damaged', `\`${file}\` changed while it was read`)
      batch.add(commit)
    }
    batch.flush()
    if (tree.rootHash() !== target.rootHash) throw problem('bug', 'what was written is not what was signed')
    const { size, rootHash } = target
    return { had, size, rootHash, signed: Math.max(remembered.size, size) }
  } finally {
    writer.close()
  }
}

/** What this log has signed, as far as anybody says who can know; each carries the log's signature, or is its signer's own memory. */
async function signedTrees(
  dir: string,
  origin: string,
  { file, witnessPolicy, signer: given }: CompleteOptions,
  signal: AbortSignal,
): Promise<{ readonly signed: readonly SignedTree[]; readonly remembered: SignedTree }> {
  const place = signerPlace(dir, given)
  if (place.kind === 'socket')
    throw problem('usage', 'a signer that runs may be about to sign: stop it, and give its directory with `--signer`')
  const policy = witnessPolicy === null ? null : await readFile(witnessPolicy, 'utf8').catch(unreadable(witnessPolicy))
  const backEnds = [sshAgentKeys(process.env['SSH_AUTH_SOCK'] ?? null)]
  const signer = await openSigner({ dir: place.dir, origin, witnessPolicy: policy, backEnds, lockWaitMs: 0 })
  try {
    const remembered = await signer.confirmed()
    const { vkey, retired } = await signer.standing()
    const note = await exportedCheckpoint(file, signal)
    if (note === null) return { signed: [remembered], remembered }
    const keys = [vkey, ...retired].map(parseVerifierKey)
    try {
      return { signed: [remembered, openAnyCheckpoint(note, { origin, keys })], remembered }
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      throw refused(`the checkpoint in \`${file}\` was not signed by this log: ${error.message}`)
    }
  } finally {
    await signer.close()
  }
}

/** The largest signed tree that the file holds, and the leaves of it that are missing here. Writes nothing. */
async function readThrough(
  reader: StorageReader,
  file: string,
  signed: readonly SignedTree[],
  signal: AbortSignal,
): Promise<{ readonly target: SignedTree | null; readonly leaves: readonly Hash[] }> {
  const had = reader.head().treeSize
  const tree = new Frontier()
  const leaves: Hash[] = []
  let here: readonly Hash[] = []
  let target: SignedTree | null = null
  for await (const { lines } of exportedTransactions(file, signal)) {
    for (const { stored, number } of lines) {
      const position = tree.size
      const leaf = leafHash(stored.line)
      if (position < had) {
        if (position % LEAVES_PER_PAGE === 0)
          here = reader.leafHashes(position, Math.min(had, position + LEAVES_PER_PAGE))
        if (here[position % LEAVES_PER_PAGE] !== leaf)
          throw refused(`record ${number} of \`${file}\` is not the one that is here: one of them is another log`)
      } else leaves.push(leaf)
      tree.append(leaf)
    }
    const reached = signed.find(({ size }) => size === tree.size && size > had)
    if (reached !== undefined && reached.rootHash === tree.rootHash()) target = reached
  }
  const largest = Math.max(...signed.map(({ size }) => size))
  if (tree.size > largest)
    throw refused(
      `\`${file}\` holds ${tree.size} records, and nothing here knows of more than ${largest} that were signed: the signer’s memory is older. Name the witnesses (\`--witness-policy\`), or take a bundle, which holds its checkpoint`,
    )
  return { target, leaves }
}

const refused = (detail: string) => problem('log-recovery-refused', detail)
const unreadable =
  (path: string) =>
  (cause: unknown): never => {
    throw problem('usage', `\`${path}\` cannot be read`, {}, cause)
  }
