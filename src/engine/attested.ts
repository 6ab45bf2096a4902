/** Facts attested for a run by a front door: an engine stream, read like any other, so that a decision rests on one version of them. */
import { runStream } from './engine-streams.ts'
import type { ReadSession } from './read-session.ts'
import type { RunId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'

export async function attestedFor(session: ReadSession, run: RunId | null): Promise<JsonObject> {
  if (run === null) return {}
  const state = await session.getEngineStream(runStream(run))
  return state === null ? {} : (JSON.parse(state) as JsonObject)
}
