/**
 * A statement of stream heads: an event on a stream of the engine's own that says, for one position of the log, how many streams there are and the
 * root of the tree over where each of them ends (src/transparency-log/heads-tree.ts). Who holds it can be shown one stream without the others,
 * and sees when one was dropped or cut.
 */
import { streamId, type Hash, type Position, type StreamId } from '../../model/ids.ts'
import type { Json } from '../../model/json.ts'

export const HEADS: StreamId = streamId('plinth.heads', 'streams')
export const HEADS_ACTION = 'plinth.heads'
export const HEADS_TYPE = 'stated'
/** Records that a statement itself adds: its event, and its operation. */
export const STATEMENT_RECORDS = 2
/** A statement may lag so many records behind its own place: who replays the log must remember as many. 2^16. */
export const HEADS_LAG_MAX = 65_536

export interface HeadsStatement {
  /** The last record that is taken into account. */
  readonly position: Position
  readonly root: Hash
  readonly streams: number
}

/** Null for what is not a statement. */
export function readStatement(data: Json): HeadsStatement | null {
  if (typeof data !== 'object' || data === null) return null
  const { position, root, streams } = data as Partial<Record<keyof HeadsStatement, unknown>>
  const counts = Number.isSafeInteger(position) && Number.isSafeInteger(streams)
  if (!counts || typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root)) return null
  return { position: position as Position, root: root as Hash, streams: streams as number }
}
