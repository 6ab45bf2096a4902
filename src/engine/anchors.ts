/** Anchors of the log as people and levels meet them: what there is, one more now, and time stamps for acknowledgements. */
import { join } from 'node:path'
import type { TimestampSource } from './acknowledgement/timestamping.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { AnchorView, Page, PageRequest } from './engine.ts'
import type { Parts } from './parts.ts'
import { mayRead } from './reading.ts'
import type { Clock } from '../host/clock.ts'
import type { Credentials } from '../model/principal.ts'
import type { Anchor } from '../transparency-log/anchor/anchor.ts'
import { AnchorFiles, type StoredAnchor } from '../transparency-log/anchor/anchor-files.ts'
import { Anchoring } from '../transparency-log/anchor/anchoring.ts'

/** An anchor of this system, and how often it is used. */
export interface AnchorSetup {
  readonly anchor: Anchor
  /** Default 60 s. */
  readonly everyMs?: number
}
/** Under the data directory. */
export const ANCHORS_FOLDER = 'anchors'

/** Not started yet. */
export function openAnchoring(options: {
  readonly dir: string
  readonly anchors: readonly AnchorSetup[]
  readonly latestCheckpoint: () => Promise<string>
  readonly clock: Clock
  readonly onProblem: (what: string, error: unknown) => void
}): Anchoring {
  const { dir, anchors, latestCheckpoint, clock, onProblem } = options
  const files = new AnchorFiles(join(dir, ANCHORS_FOLDER))
  return new Anchoring({ anchors, files, latestCheckpoint, nowMs: () => clock.nowMs(), onProblem })
}

/** Level `timestamped` on RFC 3161 anchors; null when there are none. */
export function timestampsOf(anchoring: Anchoring): TimestampSource | null {
  const names = anchoring.states(0).flatMap(({ name, kind }) => (kind === 'tsr' ? [name] : []))
  if (names.length === 0) return null
  return {
    name: names.join(', '),
    async timestamp(note, signal) {
      const made = (await anchoring.anchor(note, signal)).find(({ kind }) => kind === 'tsr')
      if (made === undefined) throw new Error('no time authority has stamped it')
      return { kind: 'rfc3161', timeMs: made.timeMs, token: Buffer.from(made.proof).toString('base64') }
    },
  }
}

/** Newest first. @throws `forbidden`, `invalid-cursor` */
export async function anchors(
  parts: Parts,
  credentials: Credentials,
  page: PageRequest,
  signal: AbortSignal,
): Promise<Page<AnchorView>> {
  await mayRead(parts, credentials, { kind: 'anchors' }, { anchors: true }, signal)
  const after = decodeCursor('anchors', page, 1)?.[0] ?? 0
  const { files } = parts.anchoring
  const newestFirst = files.entries.toReversed()
  const from = typeof after === 'number' ? after : 0
  const items = newestFirst.slice(from, from + page.limit).flatMap((entry) => {
    const stored = files.read(entry)
    return stored === null ? [] : [viewOf(stored)]
  })
  const end = from + page.limit
  const next = end < newestFirst.length ? encodeCursor('anchors', [end]) : null
  return { items, next, asOf: parts.reader.head().position }
}

/** Anchors the newest checkpoint now. @throws `forbidden`, `anchor-unavailable` */
export async function anchorNow(parts: Parts, credentials: Credentials, signal: AbortSignal): Promise<AnchorView[]> {
  await mayRead(parts, credentials, { kind: 'anchors' }, { anchor: true }, signal)
  return (await parts.anchoring.now(signal)).map(viewOf)
}

const viewOf = ({ proof, ...stored }: StoredAnchor): AnchorView => ({
  ...stored,
  proof: Buffer.from(proof).toString('base64'),
})
