/**
 * Snapshots of entity states are a cache that decisions rest on: an audit folds their streams again from the first event. Those of other releases
 * are not used by this one, and not looked at.
 */
import { FOLD_EVENTS_MAX } from './bounds.ts'
import { foldInCell } from './verify-fold.ts'
import type { Audited } from './verify.ts'
import { loadEvents } from '../event-log/load.ts'
import type { Finding } from '../event-log/verify.ts'
import { type Position, type StreamId } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonText } from '../model/json.ts'
import type { Snapshot } from '../storage/storage.ts'

const STREAMS_PER_PAGE = 500

export async function verifySnapshots(
  parts: Pick<Audited, 'reader' | 'sandbox' | 'release'>,
  at: Position,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const entity of Object.keys(parts.release.manifest.entities)) {
    let after: string | null = null
    for (;;) {
      signal.throwIfAborted()
      const streams: readonly StreamId[] = parts.reader.streams(entity, after, at, STREAMS_PER_PAGE)
      const last = streams.at(-1)
      if (last === undefined) break
      for (const stream of streams) {
        const wrong = await wrongSnapshot(parts, entity, stream, at, signal)
        if (wrong !== null)
          findings.push({ position: wrong.position, what: `the snapshot of \`${stream}\` is not its state` })
      }
      after = last.slice(entity.length + 1)
    }
  }
  return findings
}

/** The first snapshot of a stream that is not what its events fold to. */
async function wrongSnapshot(
  parts: Pick<Audited, 'reader' | 'sandbox' | 'release'>,
  entity: string,
  stream: StreamId,
  at: Position,
  signal: AbortSignal,
): Promise<Snapshot | null> {
  const { reader, release } = parts
  const snapshots: Snapshot[] = []
  let before = at
  for (let next = reader.snapshot(stream, at); next !== null; next = reader.snapshot(stream, before)) {
    if (next.position > before) return next // else it would come back for ever
    if (next.release === release.id) snapshots.unshift(next)
    before = (next.position - 1) as Position
  }
  const id = stream.slice(entity.length + 1)
  let state: JsonText | null = null
  let version = 0
  for (const snapshot of snapshots) {
    const { version: headVersion, leaf } = reader.streamHead(stream, snapshot.position)
    if (headVersion !== snapshot.version || leaf !== snapshot.leaf) return snapshot
    while (version < snapshot.version) {
      const events = loadEvents(reader, stream, version, snapshot.position, FOLD_EVENTS_MAX)
      const folded = await foldInCell(parts, [{ entity, id, state, events }], false, signal)
      state = folded[0]?.state ?? null
      version = events.at(-1)?.version ?? snapshot.version
    }
    if (state === null || sameJson(state, snapshot.state) === false) return snapshot
  }
  return null
}

const sameJson = (one: JsonText, other: JsonText): boolean => {
  try {
    return canonicalJson(JSON.parse(one) as Json) === canonicalJson(JSON.parse(other) as Json)
  } catch {
    return false
  }
}
