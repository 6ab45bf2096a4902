/** The pure half: folding events over a state, the rows of a state, and what must hold of it. No clock and no randomness here. */
import type { GuestApplication, GuestEntity, GuestReadModel } from '../../application/guest.ts'
import { enter } from './harden.ts'

/** Runs with neither clock nor randomness: the answer depends on the arguments alone. */
export function purely<T>(run: () => T): T {
  const before = enter(null)
  try {
    return run()
  } finally {
    enter(before)
  }
}

export function entityNamed(application: GuestApplication, name: string): GuestEntity {
  const entity = Object.hasOwn(application.entities, name) ? application.entities[name] : undefined
  if (entity === undefined) throw new TypeError(`the application declares no entity \`${name}\``)
  return entity
}

/** The state before a stream's first event, as `evolve` sees it. */
export function beginning(entity: GuestEntity): unknown {
  return entity.initial === undefined ? undefined : JSON.parse(jsonText(entity.initial, 'initial state', entity.name))
}

/** The state after one event, as text. */
export function evolved(entity: GuestEntity, state: unknown, type: string, data: unknown, id: string): string {
  const evolve = Object.hasOwn(entity.evolve, type) ? entity.evolve[type] : undefined
  if (evolve === undefined) throw new TypeError(`\`${entity.name}\` declares no event \`${type}\``)
  return jsonText(evolve(state, data, id), 'state after an event', entity.name, type)
}

/** @param what and the names say where it comes from, for the error alone: they are put together only then */
export function jsonText(value: unknown, what: string, ...names: readonly string[]): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`the ${what} \`${names.join('.')}\` is not JSON`)
  return text
}

export function modelsOf(application: GuestApplication, entity: string): readonly GuestReadModel[] {
  return Object.values(application.readModels).filter((model) => model.of === entity)
}

/** Rows of one model for one state, as texts by key. */
export function rowTexts(model: GuestReadModel, state: unknown, id: string): Map<string, string> {
  const texts = new Map<string, string>()
  for (const { key, row } of model.rows(state, id)) {
    if (typeof key !== 'string') throw new TypeError(`read model \`${model.name}\` gave a row whose key is no text`)
    if (texts.has(key)) throw new TypeError(`read model \`${model.name}\` gave two rows with key \`${key}\``)
    texts.set(key, jsonText(row, 'row', model.name))
  }
  return texts
}

export const rowChange = (model: string, id: string, key: string, row: string): string =>
  `{"model":${JSON.stringify(model)},"id":${JSON.stringify(id)},"key":${JSON.stringify(key)},"row":${row}}`

/** What has to change so that the rows before become the rows after. */
export function rowChanges(models: readonly GuestReadModel[], id: string, before: unknown, after: unknown): string[] {
  const changes: string[] = []
  for (const model of models) {
    const old = before === undefined ? new Map<string, string>() : rowTexts(model, before, id)
    for (const [key, row] of rowTexts(model, after, id)) {
      if (old.get(key) !== row) changes.push(rowChange(model.name, id, key, row))
      old.delete(key)
    }
    for (const key of old.keys()) changes.push(rowChange(model.name, id, key, 'null'))
  }
  return changes
}
