/**
 * What an audit of admissions reads: the log in order, the authority snapshots and the manifests that it names. A data directory is one form of it,
 * an exported bundle another; neither needs a running system, and nothing of either is believed before it matches what the log has on record.
 */
import type { Hash, ReleaseId } from '../../model/ids.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { SideRecord, StoredRecord } from '../../storage/storage.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'

export interface EvidenceRecord extends StoredRecord {
  /** Leaf hash as the tree holds it; null where the evidence has none for this position. */
  readonly leaf: Hash | null
  /** The payload with what is sealed in it put back, where the keys are at hand; left out where nothing is sealed or nothing can be opened. */
  readonly opened?: string
}

export type SnapshotEvidence =
  | { readonly kind: 'found'; readonly snapshot: AuthoritySnapshot; readonly hash: Hash }
  | { readonly kind: 'missing' }
  /** Not what an operator has signed, or not in its one form. */
  | { readonly kind: 'invalid'; readonly why: string }

export interface Evidence {
  /** Records from the first on, in pages, without gaps. */
  pages(signal: AbortSignal): AsyncIterable<readonly EvidenceRecord[]>
  /** How many records there are, for progress; null when that shows only at the end. */
  readonly size: number | null
  /** All that there are, in order, before anything is asked about one of them. */
  snapshots(signal: AbortSignal): AsyncIterable<AuthoritySnapshot>
  /** Found once the pages have come to a record that names it. */
  snapshot(number: number): Promise<SnapshotEvidence>
  /** Found once the pages have come to a record that names it; null when it is not at hand or is not what its id says. */
  manifest(release: ReleaseId): Promise<Manifest | null>
  /** Denials and reads kept beside the log, newest first; null where this form of evidence has none. */
  readonly beside: ((kind: SideRecord['kind'], signal: AbortSignal) => AsyncIterable<SideRecord>) | null
  /** What holds or fails for the evidence as a whole, once all pages are read: the root against the checkpoint, for one. */
  conclude(): Promise<{ readonly faults: readonly string[]; readonly notChecked: readonly string[] }>
}
