/** Folding and importing many streams in one call. Answers are `d` + JSON, or `f` + JSON. */
import type { GuestApplication, GuestEntity, GuestInvariant } from '../../application/guest.ts'
import { failure, limitFailure, textOf } from './execution.ts'
import { beginning, entityNamed, evolved, jsonText, modelsOf, purely, rowChange, rowTexts } from './fold.ts'

/** As composed by the engine: entity, id, state or null, events. */
type FoldItem = readonly [string, string, unknown, readonly (readonly [string, unknown])[]]

/** The answer's first line is JSON: for each stream the characters of its state, -1 for none, and its rows. The states follow as texts. */
export function foldAll(application: GuestApplication, text: string, maxOutput: number): string {
  return bounded(maxOutput, () => {
    const { withRows, items } = JSON.parse(text) as { withRows: boolean; items: readonly FoldItem[] }
    let states = ''
    const heads = items.map(([name, id, state, events]) => {
      const entity = entityNamed(application, name)
      const folded = foldOne(entity, id, state, events)
      if (folded === null) return '[-1,[]]'
      states += folded
      return `[${folded.length},[${withRows ? allRows(application, entity, id, folded) : ''}]]`
    })
    return `[${heads.join(',')}]\n${states}`
  })
}

function foldOne(entity: GuestEntity, id: string, start: unknown, events: FoldItem[3]): string | null {
  let text = start === null ? null : JSON.stringify(start)
  for (const [type, data] of events) {
    const state: unknown = text === null ? beginning(entity) : JSON.parse(text)
    text = evolved(entity, state, type, data, id)
  }
  return text
}

function allRows(application: GuestApplication, entity: GuestEntity, id: string, text: string): string {
  const models = modelsOf(application, entity.name)
  if (models.length === 0) return ''
  const state: unknown = JSON.parse(text)
  const changes: string[] = []
  for (const model of models)
    for (const [key, row] of rowTexts(model, state, id)) changes.push(rowChange(model.name, id, key, row))
  return changes.join(',')
}

export function mapAll(application: GuestApplication, text: string, maxOutput: number): string {
  return bounded(maxOutput, () => {
    const {
      importer: name,
      first,
      records,
    } = JSON.parse(text) as { importer: string; first: number; records: unknown[] }
    const importer = Object.hasOwn(application.importers, name) ? application.importers[name] : undefined
    if (importer === undefined) throw new TypeError(`the application declares no importer \`${name}\``)
    const entity = entityNamed(application, importer.of)
    const invariants = Object.values(application.invariants).filter(({ of }) => of === entity.name)
    const mapped = records.map((record, index) => {
      const { id, data } = importer.map(record, first + index)
      if (typeof id !== 'string' || id === '')
        throw new TypeError(`importer \`${name}\` gave record ${first + index} no id`)
      const dataText = jsonText(data ?? null, 'data of record', String(first + index))
      const state = evolved(entity, beginning(entity), importer.event, JSON.parse(dataText), id)
      const broken = invariants.length === 0 ? undefined : brokenBy(invariants, JSON.parse(state), id)
      if (broken !== undefined) throw new TypeError(`record ${first + index} would break invariant \`${broken}\``)
      const rows = allRows(application, entity, id, state)
      return `{"id":${JSON.stringify(id)},"data":${dataText},"state":${state},"rows":[${rows}]}`
    })
    return `[${mapped.join(',')}]`
  })
}

const brokenBy = (invariants: readonly GuestInvariant[], state: unknown, id: string): string | undefined =>
  invariants.find((invariant) => invariant.holds(state, id) !== true)?.name

function bounded(maxOutput: number, run: () => string): string {
  try {
    const text = purely(run)
    if (text.length > maxOutput)
      return limitFailure('output_size', `${text.length} characters`, `an answer of more than ${maxOutput} bytes`)
    return `d${text}`
  } catch (thrown) {
    return failure(textOf(thrown))
  }
}
