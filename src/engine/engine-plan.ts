/** What an action of the engine's own would write: planned anew on each attempt, since a stream may have moved. */
import type { CommitRequest } from './committer/commit-request.ts'
import { foldEngineStream } from './engine-streams.ts'
import type { StreamId } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonText } from '../model/json.ts'

export interface EnginePlan {
  readonly streams: CommitRequest['streams']
  readonly events: CommitRequest['events']
  readonly rows: CommitRequest['rows']
  /** State of each written stream after it. */
  readonly after: ReadonlyMap<StreamId, JsonText>
  readonly result: Json
}

/** One more event on a stream of the engine's own: what any commit needs to write it. */
export interface EngineStep {
  readonly stream: StreamId
  /** As it was read. */
  readonly version: number
  readonly event: CommitRequest['events'][number]
  /** After it. */
  readonly state: JsonText
}
interface StreamRead {
  readonly version: number
  readonly state: JsonText | null
}

export function engineStep(
  stream: StreamId,
  { version, state }: StreamRead,
  type: string,
  members: object,
): EngineStep {
  const data = canonicalJson(members)
  const event = { stream, version: version + 1, type, data }
  return { stream, version, event, state: foldEngineStream(state, [{ data }]) }
}

/** A plan of one step. */
export function oneEvent(stream: StreamId, read: StreamRead, type: string, members: object, result: Json): EnginePlan {
  const { version, event, state } = engineStep(stream, read, type, members)
  return { streams: [{ stream, version }], events: [event], rows: [], after: new Map([[stream, state]]), result }
}
