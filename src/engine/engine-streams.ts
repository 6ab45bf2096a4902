/**
 * The engine's own streams: entity names that begin with `plinth.`. Their events fold by merging, in the engine; no application code has a part
 * in them, and no application may append to them.
 */
import { canonicalJson, type JsonObject, type JsonText } from '../model/json.ts'
import { streamId, type ApprovalId, type RunId, type StreamId } from '../model/ids.ts'
import type { StoredEvent } from '../storage/storage.ts'

export const RUN = 'plinth.run'
/** To whom a run is open: beside its facts, which this is none of. */
export const RUN_OPENED = 'plinth.run-opened'
export const APPROVAL = 'plinth.approval'
export const GRANT = 'plinth.grant'
export const RELEASE = 'plinth.release'
export const AUTHORITY = 'plinth.authority'
export const BREAKER = 'plinth.breaker'
export const LOG = 'plinth.log'

export const ERASURE = 'plinth.erasure'

export const isEngineEntity = (entity: string): boolean => entity.startsWith('plinth.')
/** Tenant and subject, so that one tenant's never is another's. */
export const streamOfErasures = (tenant: string, subject: string): StreamId => streamId(ERASURE, `${tenant}:${subject}`)
export const runStream = (run: RunId): StreamId => streamId(RUN, run)
export const runOpenedStream = (run: RunId): StreamId => streamId(RUN_OPENED, run)
export const approvalStream = (approval: ApprovalId): StreamId => streamId(APPROVAL, approval)

/** All grants to one principal for one command. */
export const grantStream = (to: string, command: string): StreamId => streamId(GRANT, `${to}:${command}`)

/** Every engine event carries the members that it sets: the state is all of them, the latest winning. */
export function foldEngineStream(state: JsonText | null, events: readonly Pick<StoredEvent, 'data'>[]): JsonText {
  let merged: JsonObject = state === null ? {} : (JSON.parse(state) as JsonObject)
  for (const event of events) merged = { ...merged, ...(JSON.parse(event.data) as JsonObject) }
  return canonicalJson(merged)
}
