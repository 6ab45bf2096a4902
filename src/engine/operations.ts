/** `plinth ops`: operations newest first, from the log and from the side records, by a bounded scan that a cursor continues. */
import { OPERATIONS_SCAN_MAX } from './bounds.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { OperationSummary, Page, PageRequest } from './engine.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { mayRead } from './reading.ts'
import type { Position, PrincipalId } from '../model/ids.ts'
import type { Credentials } from '../model/principal.ts'
import type { LogRecord } from '../model/record.ts'
import type { SideRecord } from '../storage/storage.ts'

export interface OperationFilter {
  readonly state?: string
  readonly actor?: string
  readonly run?: string
  readonly action?: string
}
const CHUNK = 256

export async function operations(
  parts: Parts,
  credentials: Credentials,
  filter: OperationFilter,
  page: PageRequest,
  signal: AbortSignal,
): Promise<Page<OperationSummary>> {
  await mayRead(parts, credentials, { operations: { ...filter } }, signal)
  const place = decodeCursor('operations', page, 3)
  const asOf = (place?.[0] ?? parts.states.visible) as Position
  const fromLog = logDescending(parts, filter, (place?.[1] ?? asOf) as number)
  const fromSide = sideDescending(parts, filter, (place?.[2] ?? null) as number | null)
  const items: OperationSummary[] = []
  let log = fromLog.next()
  let side = fromSide.next()
  // Two newest-first lists become one; where one of them only reports how far it has looked, that place goes into the cursor.
  let logPlace = (place?.[1] ?? asOf) as number
  let sidePlace = (place?.[2] ?? null) as number | null
  while (items.length < page.limit && !(log.done && side.done)) {
    if (!log.done && (side.done || log.value.summary.recordedAtMs >= side.value.summary.recordedAtMs)) {
      items.push(log.value.summary)
      logPlace = log.value.place - 1
      log = fromLog.next()
    } else if (!side.done) {
      items.push(side.value.summary)
      sidePlace = side.value.place
      side = fromSide.next()
    }
  }
  const exhausted = log.done && side.done && (log.value ?? -1) < 0
  if (log.done && items.length < page.limit) logPlace = log.value ?? -1
  return { items, next: exhausted ? null : encodeCursor('operations', [asOf, logPlace, sidePlace]), asOf }
}

interface Found {
  readonly summary: OperationSummary
  readonly place: number
}

/** Returns (not yields) the position that it has not looked at any more, -1 when there is none. */
function* logDescending(parts: Parts, filter: OperationFilter, from: number): Generator<Found, number> {
  if (filter.state === 'read' || filter.state === 'failed') return -1
  let scanned = 0
  for (let end = from; end >= 0; end -= CHUNK) {
    if (scanned >= OPERATIONS_SCAN_MAX) return end
    const start = Math.max(0, end - CHUNK + 1)
    const chunk = parts.reader.records(start as Position, end - start + 1)
    scanned += chunk.length
    for (const { position, line, payload } of [...chunk].reverse()) {
      const record = JSON.parse(line) as LogRecord
      if (record.kind !== 'operation') continue
      if (filter.state !== undefined && record.state !== filter.state) continue
      if (filter.actor !== undefined && record.actor !== filter.actor) continue
      if (filter.run !== undefined && record.run !== filter.run) continue
      if (filter.action !== undefined && record.action !== filter.action) continue
      const rules = payload === null ? [] : rulesOf(JSON.parse(payload) as OperationPayload)
      yield {
        place: position,
        summary: {
          operation: record.op,
          action: record.action,
          state: record.state,
          actor: record.actor,
          onBehalfOf: record.for,
          run: record.run,
          recordedAtMs: record.t,
          position,
          rules,
        },
      }
    }
  }
  return -1
}

function* sideDescending(parts: Parts, filter: OperationFilter, before: number | null): Generator<Found> {
  const kind = filter.state as SideRecord['kind'] | undefined
  if (kind !== undefined && !['refused', 'denied', 'failed', 'read'].includes(kind)) return
  if (filter.run !== undefined) return // side records are not kept by run
  let cursor = before
  for (let scanned = 0; scanned < OPERATIONS_SCAN_MAX; scanned += CHUNK) {
    const chunk = parts.reader.sideRecords(
      {
        ...(kind === undefined ? {} : { kind }),
        ...(filter.actor === undefined ? {} : { principal: filter.actor as PrincipalId }),
      },
      cursor,
      CHUNK,
    )
    for (const { id, operation, kind: state, principal, action, recordedAtMs, body } of chunk) {
      cursor = id
      if (operation === null || (filter.action !== undefined && filter.action !== action)) continue
      // What the console and the CLI themselves read is on record, and left out of the list unless it is asked for.
      if (action === 'plinth.read-records' && filter.action === undefined) continue
      yield {
        place: id,
        summary: {
          operation,
          action,
          state,
          actor: principal,
          onBehalfOf: null,
          run: null,
          recordedAtMs,
          position: null,
          rules: rulesOf(JSON.parse(body) as OperationPayload),
        },
      }
    }
    if (chunk.length < CHUNK) return
  }
}

const rulesOf = (payload: OperationPayload): readonly string[] =>
  payload.authority?.rules ?? (payload.outcome.kind === 'refused' ? [payload.outcome.code] : [])
