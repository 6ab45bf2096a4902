/** Checks everything that can be checked from the data alone: every record, link, tree and checkpoint; every read model against a rebuild. */
import { FOLD_EVENTS_MAX } from './bounds.ts'
import type { VerifyReport } from './engine.ts'
import type { Parts } from './parts.ts'
import { loadEvents } from '../event-log/load.ts'
import { verifyLog } from '../event-log/verify.ts'
import { streamParts, type Position, type StreamId } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import type { NoteVerifier } from '../model/signed-note.ts'
import { compareReadModels, type RebuiltStream } from '../read-models/rebuild.ts'
import type { FoldRequest } from '../sandbox/sandbox.ts'
import type { StoredEvent } from '../storage/storage.ts'

/** What an audit needs: also there when no engine is open, from the files of a data directory alone. */
export interface Audited extends Pick<Parts, 'reader' | 'sandbox' | 'release'> {
  /** Null when none has been stored yet. */
  readonly committer: { checkpoint(): Promise<string | null> }
  /** Key that must have signed the checkpoint. */
  readonly log?: NoteVerifier | null
}

export async function verify(
  parts: Audited,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const { reader, release } = parts
  const head = reader.head()
  const log = await verifyLog(reader, {
    checkpoint: await parts.committer.checkpoint(),
    log: parts.log ?? null,
    onProgress: (done) => onProgress(done, head.treeSize),
    signal,
  })
  const fold = (entity: string, streams: readonly StreamId[], at: Position): Promise<readonly RebuiltStream[]> =>
    rebuildStreams(parts, entity, streams, at, signal)
  const readModels = await compareReadModels(reader, release.manifest, head.position, fold, () => {}, signal)
  const findings = [...log.findings]
  for (const [model, { equal }] of Object.entries(readModels))
    if (!equal) findings.push({ position: null, what: `read model \`${model}\` differs from its rebuild` })
  return {
    verdict: findings.length === 0 ? 'valid' : 'invalid',
    records: log.records,
    treeSize: log.treeSize,
    rootHash: log.rootHash,
    findings: findings.slice(0, 20),
    readModels,
    notChecked: log.notChecked,
  }
}

/** Folds streams from their first event, many a call; a long stream goes in pieces. */
export async function rebuildStreams(
  parts: Pick<Parts, 'reader' | 'sandbox' | 'release'>,
  entity: string,
  streams: readonly StreamId[],
  at: Position,
  signal: AbortSignal,
): Promise<readonly RebuiltStream[]> {
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

async function foldInCell(
  { sandbox, release }: Pick<Parts, 'sandbox' | 'release'>,
  requests: readonly FoldRequest[],
  withRows: boolean,
  signal: AbortSignal,
) {
  const answer = await sandbox.fold(release.id, requests, withRows, signal)
  if (answer.kind === 'failed') throw problem(answer.code, `streams could not be folded: ${answer.detail}`)
  return answer.folded
}
