/** Folds streams from their first event, for an audit: nothing that is remembered of them is believed. */
import { APPROVALS_MODEL, approvalRow, readApprovalState } from './approval-request.ts'
import { FOLD_EVENTS_MAX } from './bounds.ts'
import { foldEngineStream, isEngineEntity } from './engine-streams.ts'
import type { Audited } from './verify.ts'
import { loadEvents } from '../event-log/load.ts'
import { streamParts, type ApprovalId, type Position, type StreamId } from '../model/ids.ts'
import type { JsonText } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import type { RebuiltStream } from '../read-models/rebuild.ts'
import type { FoldRequest } from '../sandbox/sandbox.ts'
import type { StorageReader, StoredEvent } from '../storage/storage.ts'

type Folding = Pick<Audited, 'reader' | 'sandbox' | 'release'>

/** Many a call; a long stream goes in pieces. */
export async function rebuildStreams(
  parts: Folding,
  entity: string,
  streams: readonly StreamId[],
  at: Position,
  signal: AbortSignal,
): Promise<readonly RebuiltStream[]> {
  if (isEngineEntity(entity)) return streams.map((stream) => rebuildApproval(parts.reader, stream, at))
  const results: RebuiltStream[] = []
  let requests: FoldRequest[] = []
  let events = 0
  const flush = async (): Promise<void> => {
    if (requests.length === 0) return
    for (const { rows } of await foldInCell(parts, requests, true, signal)) results.push({ rows })
    requests = []
    events = 0
  }
  for (const stream of streams) {
    const { id } = streamParts(stream)
    let state: FoldRequest['state'] = null
    let page: readonly StoredEvent[] = loadEvents(parts.reader, stream, 0, at, FOLD_EVENTS_MAX)
    while (page.length === FOLD_EVENTS_MAX) {
      const next = loadEvents(parts.reader, stream, page.at(-1)?.version ?? 0, at, FOLD_EVENTS_MAX)
      if (next.length === 0) break
      state = (await foldInCell(parts, [{ entity, id, state, events: page }], false, signal))[0]?.state ?? null
      page = next
    }
    requests.push({ entity, id, state, events: page })
    events += page.length
    if (events >= FOLD_EVENTS_MAX) await flush()
  }
  await flush()
  return results
}

export async function foldInCell(
  { sandbox, release }: Pick<Audited, 'sandbox' | 'release'>,
  requests: readonly FoldRequest[],
  withRows: boolean,
  signal: AbortSignal,
) {
  const answer = await sandbox.fold(release.id, requests, withRows, signal)
  if (answer.kind === 'failed') throw problem(answer.code, `streams could not be folded: ${answer.detail}`)
  return answer.folded
}

/** The engine's own read model is of approval requests alone. */
function rebuildApproval(reader: StorageReader, stream: StreamId, at: Position): RebuiltStream {
  const { id } = streamParts(stream)
  let state: JsonText | null = null
  for (let version = 0; ;) {
    const events = loadEvents(reader, stream, version, at, FOLD_EVENTS_MAX)
    if (events.length === 0) break
    state = foldEngineStream(state, events)
    version = events.at(-1)?.version ?? version
  }
  if (state === null) return { rows: [] }
  const { key, row } = approvalRow(id as ApprovalId, readApprovalState(state))
  return { rows: [{ model: APPROVALS_MODEL, id, key, row }] }
}
