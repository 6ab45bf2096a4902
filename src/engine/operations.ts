/** `plinth ops`: operations newest first, from the log and from the side records, by a bounded scan that a cursor continues. */
import { OPERATIONS_SCAN_MAX } from './bounds.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { OperationSummary, Page, PageRequest } from './engine.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { worstOf } from './ready-effects.ts'
import { mayRead } from './reading.ts'
import type { Position, PrincipalId } from '../model/ids.ts'
import type { Credentials } from '../model/principal.ts'
import type { LogRecord } from '../model/record.ts'
import { problem } from '../model/problems.ts'
import type { SideRecord } from '../storage/storage.ts'

export interface OperationFilter {
  readonly state?: string
  readonly actor?: string
  readonly run?: string
  readonly action?: string
  /** Only those of which rules that observe would have made something else. */
  readonly observed?: 'differs'
}
const CHUNK = 256

export async function operations(
  parts: Parts,
  credentials: Credentials,
  filter: OperationFilter,
  page: PageRequest,
  signal: AbortSignal,
): Promise<Page<OperationSummary>> {
  await mayRead(parts, credentials, { kind: 'operations' }, { operations: { ...filter } }, signal)
  const from = placeOf(parts, page)
  const { asOf } = from
  const fromLog = logDescending(parts, filter, from.log)
  const fromSide = sideDescending(parts, filter, from.side)
  const items: OperationSummary[] = []
  let { log: logPlace, side: sidePlace } = from
  let log = fromLog.next()
  let side = fromSide.next()
  // Two newest-first lists become one. Where one has ended at the bound of its scan, so does the page: what it has not seen may be newer than the rest.
  const stopped = (): boolean => (log.done === true && log.value !== END) || (side.done === true && side.value !== END)
  while (items.length < page.limit && !(log.done && side.done) && !stopped()) {
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
  if (log.done) logPlace = log.value
  if (side.done) sidePlace = side.value
  const exhausted = logPlace === END && sidePlace === END
  return { items, next: exhausted ? null : encodeCursor('operations', [asOf, logPlace, sidePlace]), asOf }
}

/** In place of a place: there is nothing further back. */
const END = -1

/** Where a page begins: at a log position, and behind a side record. @throws `invalid-cursor` */
function placeOf(
  parts: Parts,
  page: PageRequest,
): { readonly asOf: Position; readonly log: number; readonly side: number } {
  const head = parts.states.visible
  const [asOf, log, side] = decodeCursor('operations', page, 3) ?? [head, head, Number.MAX_SAFE_INTEGER]
  if (typeof asOf !== 'number' || typeof log !== 'number' || typeof side !== 'number' || log > asOf || asOf > head)
    throw problem('invalid-cursor', 'the cursor of this page is not one that this list gave')
  return { asOf: asOf as Position, log, side }
}

interface Found {
  readonly summary: OperationSummary
  readonly place: number
}

/** Returns (not yields) the position that it has not looked at any more. */
function* logDescending(parts: Parts, filter: OperationFilter, from: number): Generator<Found, number> {
  if (filter.state === 'read' || filter.state === 'failed') return END
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
      const body = payload === null ? null : (JSON.parse(payload) as OperationPayload)
      const observed = body?.authority?.observed
      if (filter.observed !== undefined && observed === undefined) continue
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
          level: record.state === 'committed' ? parts.acknowledgement.reached(position) : null,
          effects: worstOf(parts, position, record.effects),
          rules: body === null ? [] : rulesOf(body),
          ...(observed === undefined ? {} : { observed }),
        },
      }
    }
  }
  return END
}

/** Returns the record behind which it has not looked any more. */
function* sideDescending(parts: Parts, filter: OperationFilter, before: number): Generator<Found, number> {
  const kind = filter.state as SideRecord['kind'] | undefined
  if (kind !== undefined && !['refused', 'denied', 'failed', 'read'].includes(kind)) return END
  if (before <= END) return END
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
      const payload = JSON.parse(body) as OperationPayload
      const observed = payload.authority?.observed
      if (filter.observed !== undefined && observed === undefined) continue
      if (filter.run !== undefined && filter.run !== payload.who?.run) continue
      yield {
        place: id,
        summary: {
          operation,
          action,
          state,
          actor: principal,
          onBehalfOf: payload.who?.for ?? null,
          run: payload.who?.run ?? null,
          recordedAtMs,
          position: null,
          level: null,
          effects: null,
          rules: rulesOf(payload),
          ...(observed === undefined ? {} : { observed }),
        },
      }
    }
    if (chunk.length < CHUNK) return END
  }
  return cursor
}

const rulesOf = (payload: OperationPayload): readonly string[] =>
  payload.authority?.rules ?? (payload.outcome.kind === 'refused' ? [payload.outcome.code] : [])
