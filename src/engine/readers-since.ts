/** Who has read what an operation wrote: later operations in the log, and reads among the side records that are still kept. */
import { OPERATIONS_SCAN_MAX } from './bounds.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import type { Position, StreamId } from '../model/ids.ts'
import type { LogRecord } from '../model/record.ts'

export interface Reader {
  readonly operation: string
  readonly actor: string
  readonly action: string
  readonly stream: string
  readonly version: number
}
export interface ReadersSince {
  readonly readers: readonly Reader[]
  /** False when the scan ended at its bound, so that there may be more. */
  readonly complete: boolean
}
const READERS_MAX = 100
const SIDE_SCAN_MAX = 2_000
const CHUNK = 500

/** @param written version that the operation gave each stream; a read of that version or a later one has seen it */
export function readersSince(parts: Parts, after: Position, written: ReadonlyMap<StreamId, number>): ReadersSince {
  const readers: Reader[] = []
  const note = (operation: string, actor: string, action: string, payload: OperationPayload): void => {
    for (const { stream, version } of payload.reads?.streams ?? []) {
      const wrote = written.get(stream)
      if (wrote !== undefined && version >= wrote) readers.push({ operation, actor, action, stream, version })
    }
  }
  const head = parts.states.visible
  const last = Math.min(head, after + OPERATIONS_SCAN_MAX)
  for (let from = after + 1; from <= last && readers.length < READERS_MAX; from += CHUNK) {
    for (const { line, payload } of parts.reader.records(from as Position, Math.min(CHUNK, last - from + 1))) {
      const record = JSON.parse(line) as LogRecord
      if (record.kind === 'operation' && payload !== null)
        note(record.op, record.actor, record.action, JSON.parse(payload) as OperationPayload)
    }
  }
  let before: number | null = null
  let scanned = 0
  let oldest = false
  while (scanned < SIDE_SCAN_MAX && readers.length < READERS_MAX && !oldest) {
    const page = parts.reader.sideRecords({ kind: 'read' }, before, CHUNK)
    for (const { operation, principal, action, body } of page)
      note(operation ?? '', principal, action, JSON.parse(body) as OperationPayload)
    scanned += page.length
    before = page.at(-1)?.id ?? null
    oldest = page.length < CHUNK
  }
  return { readers: readers.slice(0, READERS_MAX), complete: last === head && oldest && readers.length < READERS_MAX }
}
