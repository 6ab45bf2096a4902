/**
 * Evidence for an audit from the files of a data directory: read-only, beside a running system or without one. Snapshots are verified against the
 * pinned root key one by one, so that one which is damaged is named, and the others still count.
 */
import { setImmediate } from 'node:timers/promises'
import { join } from 'node:path'
import type { Evidence, SnapshotEvidence } from '../engine/audit/evidence.ts'
import { LruMap } from '../engine/lru-map.ts'
import type { Position, ReleaseId } from '../model/ids.ts'
import type { Manifest } from '../model/manifest.ts'
import { Frontier, leafHash } from '../model/merkle.ts'
import { Problem, problem } from '../model/problems.ts'
import { NoteError, parseVerifierKey, type NoteVerifier } from '../model/signed-note.ts'
import { readRelease } from '../releases/release-files.ts'
import { openSqliteAuditReader, type SqliteReader } from '../storage/sqlite/reader.ts'
import { mayBeSealed } from '../model/personal.ts'
import { OpeningReader } from '../personal-data/opening-reader.ts'
import type { SideReader, SideRecord, StoredRecord } from '../storage/storage.ts'
import { openSnapshot, snapshotFile } from '../warden/snapshot.ts'
import { readBounded } from '../warden/source.ts'
import { openForReading } from '../engine/personal/open-for-reading.ts'
import { authorityFolder, isDataDirectory, lastRelease, pinnedKey } from './data-directory.ts'

const PAGE_RECORDS = 1_000
const SIDE_PAGE = 500
const SNAPSHOTS_KEPT = 16

/**
 * @param rootKey the operators' public key, kept elsewhere; null takes the one in the directory, which proves less
 * @param keysDir where the keys of data subjects lie; null: beside the data
 * @throws `usage` when it is no data directory
 */
export async function openDirectoryEvidence(
  dir: string,
  rootKey: string | null,
  keysDir: string | null = null,
): Promise<Evidence & { readonly reader: SqliteReader; close(): void }> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  const keys = new RootKeys(dir, keyOf(rootKey ?? (await pinnedKey(dir)), 'the root key'))
  const reader = openSqliteAuditReader(dir)
  const { position: head, treeSize } = reader.head()
  const sealed = await openSealed(dir, reader, keysDir ?? dir)
  const personal = typeof sealed === 'string' ? null : sealed
  let sealedRecords = 0
  const root = new RootCheck(reader.meta('checkpoint'))
  const snapshots = new LruMap<number, SnapshotEvidence>(SNAPSHOTS_KEPT)
  const manifests = new Map<ReleaseId, Manifest | null>()
  async function snapshotAt(number: number): Promise<SnapshotEvidence> {
    let found = snapshots.get(number)
    if (found === undefined) snapshots.set(number, (found = await readSnapshot(dir, number, await keys.at(number))))
    return found
  }
  return {
    reader,
    size: treeSize,
    async *pages(signal) {
      for (let from = 0; from <= head;) {
        signal.throwIfAborted()
        const limit = Math.min(PAGE_RECORDS, head + 1 - from)
        const page = reader.records(from as Position, limit)
        if (page.length === 0) throw problem('storage-damaged', `the record at ${from} is missing`)
        for (const { line, payload } of page) {
          root.add(line)
          if (payload !== null && mayBeSealed(payload)) sealedRecords += 1
        }
        const leaves = reader.leafHashes(from, from + page.length)
        const opened = personal?.reader.records(from as Position, limit)
        yield page.map((record, place) => ({
          ...record,
          leaf: leaves[place] ?? null,
          ...openedPayload(record, opened?.[place]),
        }))
        from += page.length
        await setImmediate()
      }
    },
    async *snapshots(signal) {
      for (let number = 1; ; number++) {
        signal.throwIfAborted()
        const found = await snapshotAt(number)
        if (found.kind === 'missing') return
        if (found.kind === 'found') yield found.snapshot
      }
    },
    snapshot: snapshotAt,
    async manifest(release) {
      let found = manifests.get(release)
      if (found === undefined) manifests.set(release, (found = await readManifest(dir, release)))
      return found
    },
    beside: (kind, signal) => sideRecords(personal?.reader ?? reader, kind, signal),
    conclude() {
      const { faults, notChecked } = root.conclude()
      const closed = `${sealedRecords} records stay sealed: ${String(sealed)}`
      const more = typeof sealed === 'string' && sealedRecords > 0 ? [closed] : []
      more.push('signatures and proofs of the log, read models: `plinth verify` looks at those')
      if (rootKey === null)
        more.push('that the root key is the operators’ own: give a copy kept elsewhere (`--root-key`)')
      return Promise.resolve({ faults, notChecked: [...notChecked, ...more] })
    },
    close() {
      personal?.keys.close()
      reader.close()
    },
  }
}

/** Keys of data subjects; or in words, why they cannot be used: what is sealed stays so then. */
async function openSealed(dir: string, stored: SqliteReader, keysDir: string) {
  try {
    const { manifest } = await lastRelease(dir)
    const opened = openForReading(keysDir, stored, manifest)
    if (opened === null)
      return `there are no keys of data subjects in \`${keysDir}\`; where they lie elsewhere, give that folder (\`--subject-keys\`)`
    return { ...opened, reader: new OpeningReader(stored, opened.keys, manifest, 'stays') }
  } catch (error) {
    if (error instanceof Problem) return error.detail
    throw error
  }
}

const openedPayload = (stored: StoredRecord, opened: StoredRecord | undefined): { readonly opened?: string } =>
  opened === undefined || opened.payload === null || opened.payload === stored.payload ? {} : { opened: opened.payload }

async function readSnapshot(dir: string, number: number, verifier: NoteVerifier): Promise<SnapshotEvidence> {
  try {
    const note = await readBounded(join(authorityFolder(dir), snapshotFile(number)))
    if (note === null) return { kind: 'missing' }
    const { snapshot, hash } = openSnapshot(note, verifier)
    return snapshot.number === number
      ? { kind: 'found', snapshot, hash }
      : { kind: 'invalid', why: `its file holds snapshot ${snapshot.number}` }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { kind: 'invalid', why: error.detail }
  }
}

/** The key that signs each snapshot: the pinned one, until a snapshot that it has signed hands over to another. */
class RootKeys {
  readonly #dir: string
  readonly #handedOver: { readonly after: number; readonly key: NoteVerifier }[]
  #looked = 0

  constructor(dir: string, pinned: NoteVerifier) {
    this.#dir = dir
    this.#handedOver = [{ after: 0, key: pinned }]
  }
  async at(number: number): Promise<NoteVerifier> {
    for (; this.#looked < number - 1; this.#looked++) {
      const before = this.#handedOver.at(-1) as { readonly key: NoteVerifier }
      const found = await readSnapshot(this.#dir, this.#looked + 1, before.key)
      if (found.kind === 'missing') break
      if (found.kind === 'found' && found.snapshot.nextRootKey !== null)
        this.#handedOver.push({
          after: found.snapshot.number,
          key: keyOf(found.snapshot.nextRootKey, 'the next root key'),
        })
    }
    return (this.#handedOver.findLast(({ after }) => after < number) ?? (this.#handedOver[0] as { key: NoteVerifier }))
      .key
  }
}

async function readManifest(dir: string, release: ReleaseId): Promise<Manifest | null> {
  try {
    return (await readRelease(dir, release)).manifest
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}

async function* sideRecords(
  reader: SideReader,
  kind: SideRecord['kind'],
  signal: AbortSignal,
): AsyncGenerator<SideRecord> {
  let before: number | null = null
  for (;;) {
    signal.throwIfAborted()
    const page: ReturnType<SideReader['sideRecords']> = reader.sideRecords({ kind }, before, SIDE_PAGE)
    yield* page
    if (page.length < SIDE_PAGE) return
    before = page.at(-1)?.id ?? null
    await setImmediate()
  }
}

export function keyOf(vkey: string, what: string): NoteVerifier {
  try {
    return parseVerifierKey(vkey.trim())
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw problem('usage', `${what}: ${error.message}`, {}, error)
  }
}

/** Grows the tree with the records as they are read, and holds it against the newest checkpoint that was stored. */
class RootCheck {
  readonly #tree = new Frontier()
  readonly #size: number | null = null
  readonly #root: string = ''
  #same: boolean | null = null

  constructor(checkpoint: string | null) {
    if (checkpoint === null) return
    const [, size = '', root = ''] = checkpoint.split('\n')
    this.#size = Number(size)
    this.#root = Buffer.from(root, 'base64').toString('hex')
  }
  add(line: string): void {
    this.#tree.append(leafHash(line))
    if (this.#tree.size === this.#size) this.#same = this.#tree.rootHash() === this.#root
  }
  conclude(): { readonly faults: readonly string[]; readonly notChecked: readonly string[] } {
    if (this.#size === null) return { faults: [], notChecked: ['the root of the tree: there is no checkpoint yet'] }
    if (this.#same === true || this.#size === 0) return { faults: [], notChecked: [] }
    return { faults: [`the first ${this.#size} records have another root than the checkpoint`], notChecked: [] }
  }
}
