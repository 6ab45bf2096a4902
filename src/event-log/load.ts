/** Events of one stream, each verified against its leaf before anybody folds it: an edited row fails at its next use. */
import { hash } from 'node:crypto'
import type { Position, StreamId, Version } from '../model/ids.ts'
import { leafHash } from '../model/merkle.ts'
import { problem } from '../model/problems.ts'
import { sketchLine } from '../model/record-line.ts'
import type { StorageReader, StoredEvent } from '../storage/storage.ts'

/**
 * Events with `fromVersion < version` up to a position, ascending.
 * Line and payload are hashed again, and the stream is followed back from event to event.
 * @throws `storage-damaged`
 */
export function loadEvents(
  reader: StorageReader,
  stream: StreamId,
  fromVersion: Version,
  at: Position,
  limit: number,
): readonly StoredEvent[] {
  const events = reader.events(stream, fromVersion, at, limit)
  let version = fromVersion
  let previous: string | null = fromVersion === 0 ? '' : null
  for (const event of events) {
    const wrong = faultOf(event, stream, version + 1, previous)
    if (wrong !== null)
      throw problem('storage-damaged', `event ${version + 1} of \`${stream}\` at ${event.position}: ${wrong}`)
    version = event.version
    previous = event.leaf
  }
  return events
}

function faultOf(event: StoredEvent, stream: StreamId, version: Version, previous: string | null): string | null {
  if (leafHash(event.line) !== event.leaf) return 'the record does not match its leaf'
  const record = sketchLine(event.line)
  if (record?.event == null) return 'the record is not an event'
  if (record.event.stream !== stream || record.event.type !== event.type) return 'the record is of another event'
  if (record.event.version !== version || event.version !== version) return 'the stream has a gap'
  if (previous !== null && record.event.prev !== previous) return 'the record does not follow the one before it'
  if (hash('sha256', event.stored ?? event.data, 'hex') !== record.payloadHash)
    return 'the data do not match their hash'
  return null
}
