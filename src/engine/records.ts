/** Reading what is recorded: states, rows, records of the log, as of any position. Every list is bounded and pages. */
import { positionOf } from './at.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { At, EntityState, Page, PageRequest } from './engine.ts'
import { isEngineEntity } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import { mayRead } from './reading.ts'
import { streamId, streamParts, type Position, type StreamId } from '../model/ids.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { StoredRecord } from '../storage/storage.ts'

/** @throws `no-such-entity`, `not-found`, `invalid-position`, `forbidden` */
export async function state(
  parts: Parts,
  credentials: Credentials,
  entity: string,
  id: string,
  at: At,
  signal: AbortSignal,
): Promise<EntityState> {
  await mayRead(parts, credentials, { kind: 'entity', name: entity, id }, { entity, id }, signal)
  checkEntity(parts, entity)
  return stateAt(parts, entity, id, positionOf(parts, at), signal)
}

async function stateAt(
  parts: Parts,
  entity: string,
  id: string,
  position: Position,
  signal: AbortSignal,
): Promise<EntityState> {
  const found = await parts.states.at(streamId(entity, id), position, signal)
  if (found.state === null)
    throw problem(
      'not-found',
      position < 0
        ? `there was no \`${entity}\` \`${id}\` then: the log begins later`
        : `there is no \`${entity}\` \`${id}\` at position ${position}`,
      { asOf: position },
    )
  return {
    entity,
    id,
    version: found.version,
    state: JSON.parse(found.state) as Json,
    leaf: found.leaf,
    asOf: position,
    ...erasedBy(parts, streamId(entity, id)),
  }
}

function erasedBy({ personal }: Parts, stream: StreamId): Pick<EntityState, 'erasedBy'> {
  const positions = personal?.erasuresOf(stream) ?? []
  return positions.length === 0 ? {} : { erasedBy: positions }
}

export async function states(
  parts: Parts,
  credentials: Credentials,
  entity: string,
  page: PageRequest,
  at: At,
  signal: AbortSignal,
): Promise<Page<EntityState>> {
  await mayRead(parts, credentials, { kind: 'entity', name: entity }, { entity }, signal)
  checkEntity(parts, entity)
  const place = decodeCursor('states', page, 2)
  const asOf = place === null ? positionOf(parts, at) : positionOf(parts, { position: place[0] as number })
  const streams = parts.reader.streams(entity, (place?.[1] ?? null) as string | null, asOf, page.limit)
  const items: EntityState[] = []
  for (const stream of streams) items.push(await stateAt(parts, entity, streamParts(stream).id, asOf, signal))
  const last = items.at(-1)
  return {
    items,
    next: items.length < page.limit || last === undefined ? null : encodeCursor('states', [asOf, last.id]),
    asOf,
  }
}

export async function rows(
  parts: Parts,
  credentials: Credentials,
  model: string,
  where: JsonObject,
  order: readonly string[],
  page: PageRequest,
  at: At,
  signal: AbortSignal,
): Promise<Page<JsonObject>> {
  await mayRead(parts, credentials, { kind: 'read-model', name: model }, { model, where }, signal)
  const declared = Object.hasOwn(parts.release.manifest.readModels, model)
    ? parts.release.manifest.readModels[model]
    : undefined
  if (declared === undefined) throw problem('not-found', `there is no read model \`${model}\``)
  checkIndexed(declared.indexes, where, order)
  const place = decodeCursor('rows', page, 3)
  const asOf = place === null ? positionOf(parts, at) : positionOf(parts, { position: place[0] as number })
  const after = place === null ? null : { id: String(place[1]), key: String(place[2]) }
  const found = parts.reader.find({ model, where, order, limit: page.limit, after }, asOf)
  const last = found.at(-1)
  return {
    items: found.map(({ id, key, row }) => ({ id, key, row })),
    next: found.length < page.limit || last === undefined ? null : encodeCursor('rows', [asOf, last.id, last.key]),
    asOf,
  }
}

/** Log records from a position on, ascending. */
export async function records(
  parts: Parts,
  credentials: Credentials,
  from: number,
  limit: number,
  signal: AbortSignal,
): Promise<Page<StoredRecord>> {
  await mayRead(parts, credentials, { kind: 'records' }, { from, limit }, signal)
  decodeCursor('records', { after: null, limit }, 0)
  const head = parts.states.visible
  if (!Number.isSafeInteger(from) || from < 0)
    throw problem('invalid-position', 'a record is named by its position, counted from 0')
  const items = from > head ? [] : parts.reader.records(from as Position, Math.min(limit, head - from + 1))
  const end = from + items.length
  return { items, next: end > head ? null : String(end), asOf: head }
}

function checkEntity(parts: Parts, entity: string): void {
  if (!isEngineEntity(entity) && !Object.hasOwn(parts.release.manifest.entities, entity))
    throw problem('no-such-entity', `there is no entity \`${entity}\``)
}

function checkIndexed(indexes: readonly (readonly string[])[], where: JsonObject, order: readonly string[]): void {
  const columns = Object.keys(where)
  const served = indexes.some(
    (index) =>
      columns.every((column) => index.indexOf(column) < columns.length && index.includes(column)) &&
      order.every((column, i) => index[columns.length + i] === column),
  )
  if (!served)
    throw problem(
      'malformed-request',
      `no index serves \`where\` ${JSON.stringify(columns)} with \`order\` ${JSON.stringify(order)}; there are ${JSON.stringify(indexes)}`,
    )
}
