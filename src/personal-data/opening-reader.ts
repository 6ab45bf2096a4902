/**
 * A reader that opens what is sealed, while the keys are there. What was erased comes with its stand-ins; what should be there and is not is a fault,
 * never an answer: `personal-data-missing`. `stored` is the same data as it lies on disk, for whoever hashes it.
 */
import type { FindQuery, Row } from '../model/decision.ts'
import type { OperationId, Position, PrincipalId, StreamId } from '../model/ids.ts'
import type { JsonObject, JsonText } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import { mayBeSealed } from '../model/personal.ts'
import { problem } from '../model/problems.ts'
import type { EventRecord, OperationRecord } from '../model/record.ts'
import type {
  SideReader,
  SideRecord,
  Snapshot,
  StorageReader,
  StoredEvent,
  StoredLeaf,
  StoredRecord,
} from '../storage/storage.ts'
import { eventContext, operationContext, rowContext, sideContext, snapshotContext } from './contexts.ts'
import { openDocument, type Opened, type Standing } from './documents.ts'
import type { KeyStore } from './key-store.ts'

/** Member of a stored row that holds the row itself, beside its indexed columns. */
export const ROW = '$row'

export type Keys = Pick<KeyStore, 'standing' | 'blinded' | 'retired'>

export class OpeningReader implements StorageReader, SideReader {
  readonly stored: StorageReader & SideReader
  readonly elsewhere?: NonNullable<StorageReader['elsewhere']>
  readonly #keys: Keys
  readonly #manifest: Pick<Manifest, 'entities' | 'readModels'>
  readonly #missing: 'fault' | 'stays'

  /** @param missing `stays`: what cannot be opened comes as it is stored, for an audit, which finds it elsewhere */
  constructor(
    stored: StorageReader & SideReader,
    keys: Keys,
    manifest: Pick<Manifest, 'entities' | 'readModels'>,
    missing: 'fault' | 'stays' = 'fault',
  ) {
    this.#missing = missing
    this.stored = stored
    if (stored.elsewhere !== undefined) this.elsewhere = stored.elsewhere
    this.#keys = keys
    this.#manifest = manifest
  }

  events(stream: StreamId, fromVersion: number, at: Position, limit: number): readonly StoredEvent[] {
    return this.stored.events(stream, fromVersion, at, limit).map((event) => this.#event(stream, event))
  }
  #event(stream: StreamId, event: StoredEvent): StoredEvent {
    if (!mayBeSealed(event.data)) return event
    const { log, tenant } = recordOf(event.line)
    const context = eventContext(log, tenant, stream, event.version, event.type)
    const opened = openDocument(event.data, this.#standing, context)
    const text = this.#textOf(opened, `event ${event.version} of \`${stream}\``)
    return text === null ? event : { ...event, data: text, stored: event.data }
  }

  record(position: Position): StoredRecord | null {
    const record = this.stored.record(position)
    return record === null ? null : this.#record(record)
  }
  records(from: Position, limit: number): readonly StoredLeaf[] {
    return this.stored.records(from, limit).map((record) => this.#record(record))
  }
  auditRecords: StorageReader['auditRecords'] = (from, limit) => this.stored.auditRecords(from, limit)
  #record<Stored extends StoredRecord>(record: Stored): Stored {
    const { line, payload, position } = record
    if (payload === null || !mayBeSealed(payload)) return record
    const text = this.#textOf(openDocument(payload, this.#standing, contextOfLine(line)), `the record at ${position}`)
    return text === null ? record : { ...record, payload: text }
  }

  /** Null also for one that rests on a destroyed key: the state is folded anew then. */
  snapshot(stream: StreamId, at: Position): Snapshot | null {
    const snapshot = this.stored.snapshot(stream, at)
    if (snapshot === null || !mayBeSealed(snapshot.state)) return snapshot
    const opened = openDocument(snapshot.state, this.#standing, snapshotContext(stream, snapshot.version))
    if (opened.kind !== 'opened') return null
    const { state } = JSON.parse(opened.text) as { readonly state: unknown }
    return { ...snapshot, state: JSON.stringify(state) }
  }

  find(query: FindQuery, at?: Position): readonly Row[] {
    if (!this.#isPersonal(query.model)) return this.stored.find(query, at)
    return this.stored
      .find(blindedQuery(query, this.#manifest, this.#keys), at)
      .map((row) => this.#row(query.model, row))
  }
  #row(model: string, stored: Row): Row {
    const { id, key, row } = stored
    const text = JSON.stringify(row)
    // What is derived from a key goes before the key does: here, one under erasure still opens.
    const opened = openDocument(text, (kid) => this.#keys.standing(kid), rowContext(model, id, key))
    const whole = JSON.parse(this.#textOf(opened, `a row of \`${model}\``) ?? text) as JsonObject
    if (opened.kind === 'erased') throw missing(`a row of \`${model}\` has not been made anew since an erasure`)
    return { id, key, row: (whole[ROW] ?? row) as JsonObject, stored: row }
  }

  sideRecords(
    filter: { readonly kind?: SideRecord['kind']; readonly principal?: PrincipalId; readonly operation?: OperationId },
    before: number | null,
    limit: number,
  ): readonly (SideRecord & { readonly id: number })[] {
    return this.stored.sideRecords(filter, before, limit).map((side) => {
      if (!mayBeSealed(side.body)) return side
      const context = sideContext(side.operation, side.kind, side.recordedAtMs)
      const text = this.#textOf(openDocument(side.body, this.#standing, context), 'a side record')
      return text === null ? side : { ...side, body: text }
    })
  }

  head: StorageReader['head'] = () => this.stored.head()
  positionAt: StorageReader['positionAt'] = (timeMs) => this.stored.positionAt(timeMs)
  streamHead: StorageReader['streamHead'] = (stream, at) => this.stored.streamHead(stream, at)
  streams: StorageReader['streams'] = (entity, afterId, at, limit) => this.stored.streams(entity, afterId, at, limit)
  operation: StorageReader['operation'] = (operation) => this.stored.operation(operation)
  operationDigests: StorageReader['operationDigests'] = (...asked) => this.stored.operationDigests(...asked)
  leafHashes: StorageReader['leafHashes'] = (from, to) => this.stored.leafHashes(from, to)
  tile: StorageReader['tile'] = (level, index) => this.stored.tile(level, index)
  /** As stored: their hashes stand in the log. */
  effects: StorageReader['effects'] = (after, limit) => this.stored.effects(after, limit)
  effectCount: StorageReader['effectCount'] = () => this.stored.effectCount()
  audit: StorageReader['audit'] = (at) => this.stored.audit(at)
  forAudit(): OpeningReader {
    return new OpeningReader(this.stored.forAudit() as StorageReader & SideReader, this.#keys, this.#manifest, 'stays')
  }
  meta: StorageReader['meta'] = (name) => this.stored.meta(name)
  close: StorageReader['close'] = () => this.stored.close()

  /** The text to go on with; null: as it is. @throws `personal-data-missing`, `storage-damaged` */
  #textOf(opened: Opened, what: string): JsonText | null {
    switch (opened.kind) {
      case 'plain':
        return null
      case 'opened':
      case 'erased':
        return opened.text
      case 'missing':
        if (this.#missing === 'stays') return null
        throw missing(`${what} is sealed under ${opened.kids.map((kid) => `\`${kid}\``).join(', ')}`)
      case 'tampered':
        if (this.#missing === 'stays') return null
        throw problem('storage-damaged', `${what} does not open under its keys`)
      default:
        return opened satisfies never
    }
  }

  readonly #standing = (kid: string): Standing => {
    const retired = this.#keys.retired.get(kid)
    return retired === undefined ? this.#keys.standing(kid) : { kind: 'erased', position: retired }
  }
  #isPersonal(model: string): boolean {
    const { readModels, entities } = this.#manifest
    const of = Object.hasOwn(readModels, model) ? readModels[model]?.of : undefined
    return of !== undefined && entities[of]?.personal !== undefined
  }
}

/** What a line says that lost the form of a record: then nothing opens in its context. */
function recordOf(line: string): EventRecord | OperationRecord {
  try {
    return (JSON.parse(line) ?? {}) as EventRecord | OperationRecord
  } catch {
    return {} as OperationRecord
  }
}

/** The context that the payload of a record was sealed in. */
export function contextOfLine(line: string): string {
  const record = recordOf(line)
  return record.kind === 'event'
    ? eventContext(record.log, record.tenant, record.stream, record.n, record.type)
    : operationContext(record.log, record.tenant, record.op, record.state)
}

/** Values of personal columns as the index has them. @throws `invalid-input` for an order by such a column */
export function blindedQuery(query: FindQuery, { readModels }: Pick<Manifest, 'readModels'>, keys: Keys): FindQuery {
  const { model, where, order } = query
  const personal = readModels[model]?.personal ?? []
  const ordered = order.find((column) => personal.includes(column))
  if (ordered !== undefined)
    throw problem('invalid-input', `\`${ordered}\` of \`${model}\` is personal: it can be asked for, not ordered by`)
  if (!personal.some((column) => Object.hasOwn(where, column))) return query
  return { ...query, where: blindedColumns(where, model, personal, keys) }
}

export function blindedColumns(
  columns: JsonObject,
  model: string,
  personal: readonly string[],
  keys: Keys,
): JsonObject {
  const blinded = Object.entries(columns).map(([column, value]) => [
    column,
    personal.includes(column) && typeof value === 'string' ? keys.blinded(model, column, value) : value,
  ])
  return Object.fromEntries(blinded) as JsonObject
}

const missing = (detail: string) => problem('personal-data-missing', detail)
