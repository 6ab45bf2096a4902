/**
 * What state would have been under other policies: streams of a replay folded again, by the code of the release that ran last, without the events that
 * would be missing. Whatever came later is taken as it came; where it rested on what differs, the replay says that nobody knows.
 */
import { openDirectoryEvidence } from './evidence-directory.ts'
import type { DifferingStream } from '../engine/audit/report.ts'
import { streamParts, type Position, type StreamId } from '../model/ids.ts'
import type { Json } from '../model/json.ts'
import type { Release } from '../model/manifest.ts'
import { openSandbox } from '../sandbox/open-sandbox.ts'
import type { StoredEvent } from '../storage/storage.ts'

/** Of the streams of one answer, the first; the rest are counted. */
export const STREAMS_MAX = 100
const EVENTS_MAX = 5_000 // of one stream: what a cell folds in a second
const PAGE = 1_000

type Reader = Awaited<ReturnType<typeof openDirectoryEvidence>>['reader']

/** @returns the same streams, those with `states` that could be folded, and what was not, in words. @throws `sandbox-unavailable`, the signal's reason */
export async function predictStates(
  reader: Reader,
  release: Release,
  streams: readonly DifferingStream[],
  signal: AbortSignal,
): Promise<{ readonly streams: readonly DifferingStream[]; readonly notChecked: readonly string[] }> {
  const due = streams.filter((one) => isFoldable(one, release)).slice(0, STREAMS_MAX)
  if (due.length === 0) return { streams, notChecked: left(streams.length) }
  const states = new Map<string, { readonly now: Json; readonly then: Json }>()
  const sandbox = await openSandbox()
  try {
    await sandbox.load(release.id, release.bundle)
    for (const { stream, without } of due) {
      const events = eventsOf(reader, stream as StreamId)
      if (events === null) continue
      const { entity, id } = streamParts(stream as StreamId)
      const gone = new Set(without)
      const folds = [events, events.filter(({ version }) => !gone.has(version))].map((kept) => ({
        ...{ entity, id, state: null },
        events: kept.map(({ type, data }) => ({ type, data })),
      }))
      const answer = await sandbox.fold(release.id, folds, false, signal)
      if (answer.kind !== 'folded') continue
      const [now, then] = answer.folded.map(({ state }) => (state === null ? null : (JSON.parse(state) as Json)))
      states.set(stream, { now: now ?? null, then: then ?? null })
    }
  } finally {
    await sandbox.close()
  }
  const predicted = streams.map((one) => {
    const found = states.get(one.stream)
    return found === undefined ? one : { ...one, states: found }
  })
  return { streams: predicted, notChecked: left(streams.length - states.size) }
}

const left = (count: number): readonly string[] =>
  count === 0 ? [] : [`the state of ${count} streams: events besides, personal data, or too many to fold`]

/** What events besides would hold is not on record, and what is sealed is not for a forecast. */
const isFoldable = ({ stream, missing, besides, without }: DifferingStream, { manifest }: Release): boolean => {
  const { entity } = streamParts(stream as StreamId)
  const declared = Object.hasOwn(manifest.entities, entity) ? manifest.entities[entity] : undefined
  return besides === 0 && missing === without.length && declared !== undefined && declared.personal === undefined
}

function eventsOf(reader: Reader, stream: StreamId): readonly StoredEvent[] | null {
  const head = reader.head().position as Position
  const events: StoredEvent[] = []
  for (;;) {
    const page = reader.events(stream, events.length, head, PAGE)
    events.push(...page)
    if (page.length < PAGE) return events
    if (events.length >= EVENTS_MAX) return null
  }
}
