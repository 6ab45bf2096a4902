/**
 * What lets a caller watch the log by the way: whoever sends the size of the checkpoint it has kept gets, with any answer, the checkpoint that
 * this answer is under, and the proof that it goes on from the kept one.
 */
import type { Engine } from '../../engine/engine.ts'
import { problem } from '../../model/problems.ts'
import type { Consistency } from '../../model/receipt.ts'
import type { RequestHeaders } from './headers.ts'
import type { Reply } from './reply.ts'

export const CHECKPOINT_HEADER = 'Plinth-Log-Checkpoint'
export const CONSISTENCY_HEADER = 'Plinth-Log-Consistency'

/** Header `Plinth-Log-Since`: a tree size, 0 for whoever has kept nothing yet; null when it was not sent. @throws `malformed-request` */
export function logSince(headers: RequestHeaders): number | null {
  const text = headers['plinth-log-since']
  if (text === undefined) return null
  const size = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(size)) throw problem('malformed-request', '`Plinth-Log-Since` must be a tree size')
  return size
}

/** The reply with its checkpoint, and the proof where the log is that large; where it is not, the checkpoint says so by itself. */
export async function withLog(engine: Engine, since: number, reply: Reply): Promise<Reply> {
  // A receipt may be under an earlier checkpoint than the caller has kept: a witnessed one is behind the newest.
  const own = reply.checkpoint
  const note = own === undefined || sizeOf(own) < since ? await engine.checkpoint() : own
  const headers = [...reply.headers, CHECKPOINT_HEADER, Buffer.from(note).toString('base64')]
  const size = sizeOf(note)
  if (since <= size) headers.push(CONSISTENCY_HEADER, formatConsistency(await engine.consistency(since, size)))
  return { ...reply, headers }
}

/** Second line of a checkpoint of our own log. */
export const sizeOf = (note: string): number => Number(note.split('\n', 2)[1])

/** `<from> <to> <root> <hash>,<hash>…`, hashes in base64. */
function formatConsistency({ from, to, root, proof }: Consistency): string {
  const text = (hash: string): string => Buffer.from(hash, 'hex').toString('base64')
  return [from, to, text(root), proof.map(text).join(',')].join(' ').trimEnd()
}
