/** Which key must have signed a checkpoint: the one that is trusted, or one that the log's records of rotation lead to from it. */
import type { Finding } from '../event-log/verify.ts'
import type { Position } from '../model/ids.ts'
import { followKeys, keyFor, LOG_KEY_STREAM, type LogKeySpan } from '../model/log-keys.ts'
import { NoteError, type NoteVerifier } from '../model/signed-note.ts'
import type { StorageReader } from '../storage/storage.ts'

const KEY_RECORDS_MAX = 10_000

/** @param trusted from the verifier's side; null: whoever the log says, which proves less and is not looked at */
export function keyOfCheckpoint(
  reader: StorageReader,
  checkpoint: string | null,
  trusted: NoteVerifier | null,
): { readonly key: NoteVerifier | null; readonly findings: readonly Finding[] } {
  let spans: readonly LogKeySpan[]
  try {
    spans = followKeys(reader.events(LOG_KEY_STREAM, 0, reader.head().position as Position, KEY_RECORDS_MAX))
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    return { key: trusted, findings: [{ position: null, what: error.message }] }
  }
  if (trusted === null || spans.length === 0 || checkpoint === null) return { key: trusted, findings: [] }
  const size = Number(checkpoint.split('\n', 2)[1] ?? 0)
  const from = spans.findIndex(({ key }) => key.publicKey.equals(trusted.publicKey))
  if (from < 0)
    return { key: trusted, findings: [{ position: null, what: 'the key that is trusted is none of this log’s keys' }] }
  const key = keyFor(spans, size)
  const at = spans.findIndex((span) => span.key === key)
  return at >= from
    ? { key, findings: [] }
    : { key: trusted, findings: [{ position: null, what: 'the checkpoint is older than the key that is trusted' }] }
}
