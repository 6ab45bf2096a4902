/**
 * Evidence for an audit from an exported bundle: another machine, nothing of the system but the file. Snapshots are held against the operators' key
 * where it is given; that they are the ones that were acted on follows from the log.
 */
import type { Evidence, EvidenceRecord, SnapshotEvidence } from '../engine/audit/evidence.ts'
import { releaseIdOf } from '../application/release.ts'
import { readBundle } from '../event-log/read-bundle.ts'
import type { Hash, ReleaseId } from '../model/ids.ts'
import { sha256Hex } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import { Frontier, leafHash } from '../model/merkle.ts'
import { Problem } from '../model/problems.ts'
import { NoteError, parseNote, type NoteVerifier } from '../model/signed-note.ts'
import type { AuthoritySnapshot } from '../warden/authority.ts'
import { NO_LEVERS, openSnapshot, snapshotFaults } from '../warden/snapshot.ts'
import { keyOf } from './evidence-directory.ts'

/** Snapshots and manifests kept at hand; an admission that names an older one is said to be unchecked. */
const KEPT = 64

export function openBundleEvidence(file: string, rootKey: string | null): Evidence {
  const snapshots = new Map<number, SnapshotEvidence>()
  const manifests = new Map<ReleaseId, Manifest>()
  const faults: string[] = []
  let verifier = rootKey === null ? null : keyOf(rootKey, 'the root key')
  const tree = new Frontier()
  let checkpoint: { readonly size: number; readonly root: string } | null = null

  function addSnapshot(number: number, note: string): void {
    const found = snapshotOf(number, note, verifier)
    if (found.kind === 'found' && verifier !== null && found.snapshot.nextRootKey !== null)
      verifier = keyOf(found.snapshot.nextRootKey, 'the next root key')
    snapshots.set(number, found)
    forgetOldest(snapshots)
  }

  return {
    size: null,
    async *snapshots(signal) {
      for await (const part of readBundle(file, signal)) {
        const found = part.kind === 'snapshot' ? snapshotOf(part.number, part.note, null) : null
        if (found?.kind === 'found') yield found.snapshot
      }
    },
    async *pages(signal) {
      let last: EvidenceRecord[] = []
      let leaves: Hash[] = []
      for await (const part of readBundle(file, signal)) {
        if (part.kind === 'checkpoint') {
          const [, size = '', root = ''] = part.text.split('\n')
          checkpoint = { size: Number(size), root: Buffer.from(root, 'base64').toString('hex') }
        } else if (part.kind === 'snapshot') addSnapshot(part.number, part.note)
        else if (part.kind === 'release') {
          const manifest = manifestOf(part.id, part.text)
          if (manifest === null)
            faults.push(`the manifest of release \`${part.id}\` is not what the release is named by`)
          else manifests.set(part.id as ReleaseId, manifest)
          forgetOldest(manifests)
        } else if (part.kind === 'records') {
          last = part.records.map((record) => ({ ...record, leaf: null }))
          leaves = last.map(({ line }) => leafHash(line))
          for (const leaf of leaves) tree.append(leaf)
          yield last
        } else if (part.kind === 'leaves' && part.first === tree.size - leaves.length)
          for (const [place, leaf] of leaves.entries())
            if (part.hashes[place] !== leaf)
              faults.push(`the record at ${part.first + place} is not the one that the tree holds`)
      }
    },
    snapshot: (number) => Promise.resolve(snapshots.get(number) ?? { kind: 'missing' }),
    manifest: (release) => Promise.resolve(manifests.get(release) ?? null),
    beside: null,
    conclude() {
      if (checkpoint?.size !== tree.size || checkpoint.root !== tree.rootHash())
        faults.push('the records have another root than the checkpoint')
      const notChecked = [
        'the signature of the log, witnesses, links of streams: `verifier/verify.ts` looks at those',
        'denials and reads, which are kept beside the log and not in a bundle',
      ]
      if (rootKey === null) notChecked.push('that the operators signed the snapshots: give their key (`--root-key`)')
      return Promise.resolve({ faults, notChecked })
    },
  }
}

function snapshotOf(number: number, note: string, verifier: NoteVerifier | null): SnapshotEvidence {
  try {
    const { snapshot, hash } = verifier === null ? unsigned(note) : openSnapshot(note, verifier)
    return snapshot.number === number
      ? { kind: 'found', snapshot, hash }
      : { kind: 'invalid', why: `its file holds snapshot ${snapshot.number}` }
  } catch (error) {
    if (error instanceof Problem) return { kind: 'invalid', why: error.detail }
    if (error instanceof NoteError || error instanceof SyntaxError) return { kind: 'invalid', why: error.message }
    throw error
  }
}

/** By its text alone, in the one form that it may have. @throws NoteError, SyntaxError */
function unsigned(note: string): { readonly snapshot: AuthoritySnapshot; readonly hash: Hash } {
  const { text } = parseNote(note)
  const value = JSON.parse(text) as AuthoritySnapshot
  const faults = snapshotFaults(value)
  if (faults.length > 0) throw new NoteError(faults.join('; '))
  if (`${canonicalJson(value)}\n` !== text) throw new NoteError('it is not in canonical form')
  return { snapshot: { ...NO_LEVERS, ...value }, hash: sha256Hex(text) }
}

/** Null when the text is not what the release is named by. */
function manifestOf(id: string, text: string): Manifest | null {
  try {
    const { bundle, manifest } = JSON.parse(text) as { readonly bundle: Hash; readonly manifest: Manifest }
    return releaseIdOf(sha256Hex(canonicalJson(manifest)), bundle) === id ? manifest : null
  } catch {
    return null
  }
}

function forgetOldest<Key>(map: Map<Key, unknown>): void {
  const oldest = map.keys().next()
  if (map.size > KEPT && oldest.done !== true) map.delete(oldest.value)
}
