/**
 * What the admissions of a log rest on, beside its records: signed authority snapshots and release manifests. A bundle holds them just before the
 * first records that name them. They prove themselves: the log has the hash of each snapshot on record, and a release is named by its hash.
 */
import type { ReleaseId } from '../model/ids.ts'
import type { StoredRecord } from '../storage/storage.ts'

export interface Grounds {
  /** The signed note, exactly as the operators published it; null when it is not at hand. */
  snapshot(number: number): Promise<string | null>
  /** Canonical JSON of `{bundle, manifest}`: the hash of the code, and the manifest; null when it is not at hand. */
  release(id: ReleaseId): Promise<string | null>
}

/** Path and content, in the order in which they are written. */
export type GroundFile = readonly [path: string, content: string]

/** `authority/000007`: the snapshot with this number. */
export const snapshotPath = (number: number): string => `authority/${String(number).padStart(6, '0')}`
export const releaseFilePath = (id: string): string => `release/${id}`

// The engine's own stream of adopted snapshots, as a line names it (src/engine/engine-streams.ts).
const ADOPTED = '"stream":"plinth.authority/snapshots"'
const RELEASE_OF_LINE = /"release":"(rel_[a-z2-7]{26})"/

/** Hands out each snapshot once, all of them in order, and each release once. */
export class GroundsWriter {
  readonly #grounds: Grounds
  readonly #releases = new Set<string>()
  #snapshots = 0
  #snapshotsEnd = false

  constructor(grounds: Grounds) {
    this.#grounds = grounds
  }

  /** What the records of this group are the first to need. */
  async before(group: readonly StoredRecord[]): Promise<readonly GroundFile[]> {
    const files: GroundFile[] = []
    const last = Math.max(0, ...group.map(snapshotOf))
    while (this.#snapshots < last && !this.#snapshotsEnd) {
      const note = await this.#grounds.snapshot(this.#snapshots + 1)
      // Behind a gap nothing links: the rest stays out, and a verifier says what it could not check.
      if (note === null) this.#snapshotsEnd = true
      else files.push([snapshotPath(++this.#snapshots), note])
    }
    for (const { line } of group) {
      const id = line.includes('"kind":"operation"') ? RELEASE_OF_LINE.exec(line)?.[1] : undefined
      if (id === undefined || this.#releases.has(id)) continue
      this.#releases.add(id)
      const text = await this.#grounds.release(id as ReleaseId)
      if (text !== null) files.push([releaseFilePath(id), text])
    }
    return files
  }
}

/** Number of the snapshot that a record adopts or rests on; 0 for none. */
function snapshotOf({ line, payload }: StoredRecord): number {
  if (payload === null) return 0
  const adopts = line.includes(ADOPTED)
  if (!adopts && !payload.includes('"authority":{')) return 0
  try {
    const body = JSON.parse(payload) as { snapshot?: unknown; authority?: { snapshot?: unknown } | null }
    const number = adopts ? body.snapshot : body.authority?.snapshot
    return Number.isSafeInteger(number) ? (number as number) : 0
  } catch {
    return 0
  }
}
