/**
 * Makes what is derived of one stream anew, as its events read now: every version of every row, at the positions where they hold. Snapshots go; they
 * come back by themselves. One transaction for a stream: whoever reads sees the one or the other.
 */
import { FOLD_EVENTS_MAX } from '../bounds.ts'
import { isEngineEntity } from '../engine-streams.ts'
import type { Parts } from '../parts.ts'
import { foldInCell } from '../verify-fold.ts'
import type { Personal } from './personal.ts'
import { loadEvents } from '../../event-log/load.ts'
import type { RowChange } from '../../model/decision.ts'
import { streamParts, type Position, type StreamId } from '../../model/ids.ts'
import { canonicalJson, type JsonObject, type JsonText } from '../../model/json.ts'
import type { EventRecord } from '../../model/record.ts'
import type { DerivedStream, StoredEvent } from '../../storage/storage.ts'

const DERIVE_TIMEOUT_MS = 60_000 // for one fold in a cell

type Version = DerivedStream['rows'][number]

/** @param kids keys that nothing derived of the stream rests on afterwards. @throws `application-failed`, `sandbox-unavailable`; done again by the next start */
export async function deriveAnew(
  parts: Parts,
  personal: Personal,
  stream: StreamId,
  kids: readonly string[],
): Promise<void> {
  const { entity, id } = streamParts(stream)
  const models = Object.entries(parts.release.manifest.readModels).flatMap(([model, { of }]) =>
    of === entity ? [model] : [],
  )
  const isFolded =
    !isEngineEntity(entity) && models.length > 0 && Object.hasOwn(parts.release.manifest.entities, entity)
  const rows = isFolded ? await history(parts, entity, id, stream) : []
  await personal.committer.replaceDerived({
    stream,
    models: isFolded ? models : [],
    rows: rows.map((version) => personal.row(version)),
    kids,
  })
}

/** Rows after each commit, each with the positions between which it held. */
async function history(parts: Parts, entity: string, id: string, stream: StreamId): Promise<readonly Version[]> {
  const versions: Version[] = []
  const open = new Map<string, Version>()
  let state: JsonText | null = null
  for await (const { events, position } of commitsOf(parts, stream)) {
    const signal = AbortSignal.timeout(DERIVE_TIMEOUT_MS)
    const [folded] = await foldInCell(parts, [{ entity, id, state, events }], true, signal)
    state = folded?.state ?? null
    const now = new Map<string, RowChange>()
    for (const row of folded?.rows ?? []) if (row.row !== null) now.set(JSON.stringify([row.model, row.key]), row)
    for (const [place, version] of open) {
      if (sameRow(now.get(place)?.row, version.row)) now.delete(place)
      else {
        versions.push({ ...version, until: position })
        open.delete(place)
      }
    }
    for (const [place, row] of now) open.set(place, { ...row, since: position, until: null })
  }
  return [...versions, ...open.values()]
}

/** The events of a stream, commit by commit, with the position of each commit's operation: that is where its rows begin to hold. */
async function* commitsOf(
  parts: Parts,
  stream: StreamId,
): AsyncGenerator<{ readonly events: readonly StoredEvent[]; readonly position: Position }> {
  let commit: StoredEvent[] = []
  let position = -1 as Position
  for (let version = 0; ;) {
    const page = loadEvents(parts.reader, stream, version, parts.reader.head().position, FOLD_EVENTS_MAX)
    for (const event of page) {
      const { tx } = JSON.parse(event.line) as EventRecord
      const of = (event.position - tx.i + tx.n - 1) as Position
      if (of !== position && commit.length > 0) {
        yield { events: commit, position }
        commit = []
      }
      position = of
      commit.push(event)
    }
    if (page.length < FOLD_EVENTS_MAX) break
    version = page.at(-1)?.version ?? version
  }
  if (commit.length > 0) yield { events: commit, position }
}

const sameRow = (one: JsonObject | null | undefined, other: JsonObject | null): boolean =>
  one !== undefined && one !== null && other !== null && canonicalJson(one) === canonicalJson(other)
