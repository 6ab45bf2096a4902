/** `tx`: what decide and read are handed. Reads wait for the engine; the rest collects the decision. */
import type { GuestEntity } from '../../application/guest.ts'
import { known, Refusal, refuse, streamOf, want } from './execution.ts'
import type { Execution, Stream } from './execution.ts'
import { beginning, entityNamed, evolved, jsonText, purely } from './fold.ts'

interface Asked {
  readonly nowMs: number
  readonly principal: unknown
  readonly attested: unknown
}

export function readTransaction(execution: Execution, { nowMs, principal, attested }: Asked): object {
  return {
    nowMs,
    principal,
    attested,
    get: async (entity: unknown, id: unknown) => {
      const stream = declared(execution, entity, id)
      await (known(execution, stream) ?? undefined)
      const state = stateOf(execution, stream)
      if (state === undefined) {
        refuse(execution, 'not-found', named(stream))
        throw new Error(`\`${stream.entity.name}\` \`${stream.id}\` does not exist`)
      }
      return state
    },
    lookup: async (entity: unknown, id: unknown) => {
      const stream = declared(execution, entity, id)
      await (known(execution, stream) ?? undefined)
      return stateOf(execution, stream)
    },
    find: (readModel: unknown, query: unknown) => find(execution, readModel, query),
    refuse: (code: unknown, detail: unknown) => {
      if (typeof code !== 'string') throw new TypeError('`refuse` takes a code')
      return new Refusal(code, jsonText(detail ?? {}, 'detail of refusal', code))
    },
    facts: (facts: unknown) => {
      open(execution)
      execution.facts = jsonText(facts, 'argument of', 'facts')
    },
  }
}

export function transaction(execution: Execution, asked: Asked): object {
  return {
    ...readTransaction(execution, asked),
    append: (entity: unknown, id: unknown, type: unknown, data: unknown) => {
      const stream = declared(execution, entity, id)
      if (typeof type !== 'string' || !Object.hasOwn(stream.entity.evolve, type))
        throw new TypeError(`\`${stream.entity.name}\` declares no event \`${String(type)}\``)
      if (stream.events.length === 0) execution.written.push(stream)
      execution.appended.push({ stream, index: stream.events.length })
      stream.events.push({ type, data: jsonText(data ?? null, 'data of', stream.entity.name, type) })
    },
    effect: (effect: unknown, payload: unknown, options: unknown) => {
      open(execution)
      const name = (effect as { name?: unknown } | undefined)?.name
      if (typeof name !== 'string' || !Object.hasOwn(execution.application.effects, name))
        throw new TypeError('`effect` takes an effect that the application declares')
      const pins = (options as { pins?: unknown } | undefined)?.pins ?? []
      const text = jsonText(payload ?? null, 'payload of', name)
      execution.effects.push(
        `{"effect":${JSON.stringify(name)},"payload":${text},"pins":${jsonText(pins, 'pins of', name)}}`,
      )
    },
    newId: (prefix: unknown) => {
      open(execution)
      // The seed belongs to one operation alone, so seed and count make an id that no other operation can make.
      const seed = execution.seed.startsWith('op_') ? execution.seed.slice(3) : execution.seed
      execution.ids += 1
      return `${String(prefix)}_${seed}${execution.ids === 1 ? '' : `-${execution.ids}`}`
    },
  }
}

function open(execution: Execution): void {
  if (execution.closed) throw new Error('the decision has ended: nothing more can be added to it')
}

function declared(execution: Execution, entity: unknown, id: unknown): Stream {
  open(execution)
  const name = (entity as { name?: unknown } | undefined)?.name
  if (typeof name !== 'string') throw new TypeError('expected an entity')
  if (typeof id !== 'string' || id === '') throw new TypeError(`an id of \`${name}\` must be a text that is not empty`)
  return streamOf(execution, entityNamed(execution.application, name), id)
}

export const named = (stream: Stream): string =>
  `{"entity":${JSON.stringify(stream.entity.name)},"id":${JSON.stringify(stream.id)}}`

const parsed = (entity: GuestEntity, text: string | null): unknown =>
  text === null ? beginning(entity) : (JSON.parse(text) as unknown)

function stateOf(execution: Execution, stream: Stream): unknown {
  advance(execution, stream)
  return parsed(stream.entity, stream.text)
}

/** Applies the events appended since the last time, and enforces which events may begin a stream. */
export function advance(execution: Execution, stream: Stream): void {
  const { entity, events, id } = stream
  while (stream.applied < events.length) {
    const { type, data } = events[stream.applied] as { type: string; data: string }
    if (entity.initial === undefined) {
      const opens = entity.opens.includes(type)
      if (opens !== (stream.text === null)) {
        refuse(execution, opens ? 'already-exists' : 'not-found', named(stream))
        throw new Error(`\`${entity.name}\` \`${id}\` ${opens ? 'exists already' : 'does not exist'}`)
      }
    }
    stream.text = purely(() => evolved(entity, parsed(entity, stream.text), type, JSON.parse(data) as unknown, id))
    stream.applied += 1
  }
}

async function find(execution: Execution, readModel: unknown, query: unknown): Promise<unknown> {
  open(execution)
  const name = (readModel as { name?: unknown } | undefined)?.name
  if (typeof name !== 'string' || !Object.hasOwn(execution.application.readModels, name))
    throw new TypeError('`find` takes a read model that the application declares')
  const { where = {}, order = [], limit = 50, after = null } = (query ?? {}) as Record<string, unknown>
  checkFind(where, order, limit, after)
  const text = jsonText({ model: name, where, order, limit, after }, 'query of', name)
  want(execution, `{"ticket":${execution.tickets.length},"find":${text}}`)
  const rows = await new Promise<string>((resolve) => execution.tickets.push({ stream: null, found: resolve }))
  return JSON.parse(rows) as unknown
}

const FIND_LIMIT_MAX = 1_000

function checkFind(where: unknown, order: unknown, limit: unknown, after: unknown): void {
  if (typeof where !== 'object' || where === null || Array.isArray(where)) throw new TypeError('`where` names columns')
  if (!Array.isArray(order) || order.some((column) => typeof column !== 'string'))
    throw new TypeError('`order` lists columns')
  if (!Number.isInteger(limit) || Number(limit) < 1 || Number(limit) > FIND_LIMIT_MAX)
    throw new TypeError(`\`limit\` is a whole number from 1 to ${FIND_LIMIT_MAX}`)
  const { id, key } = (after ?? { id: '', key: '' }) as { id?: unknown; key?: unknown }
  if (typeof id !== 'string' || typeof key !== 'string') throw new TypeError('`after` is the id and key of a row')
}
