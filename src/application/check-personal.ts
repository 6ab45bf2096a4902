/** What a manifest says of personal data, held against what the engine relies on: every stand-in is a value that its member may have. */
import type { JsonObject, JsonSchema } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import { SEALED, type PersonalManifest } from '../model/personal.ts'
import { problem } from '../model/problems.ts'
import { whyNotFitting } from './validate.ts'

const invalid = (detail: string) => problem('release-invalid', detail)

/** @throws `release-invalid` naming the declaration */
export function readPersonal(
  given: unknown,
  events: Readonly<Record<string, JsonSchema>>,
  state: JsonSchema,
  where: string,
): PersonalManifest {
  const what = `personal data of ${where}`
  const { subject, events: declared } = object(given, what)
  const { entity, member } = object(subject, `subject of the ${what}`)
  if (typeof entity !== 'string' || (member !== null && typeof member !== 'string'))
    throw invalid(`${what} names no subject`)
  if (member !== null && propertiesOf(state)[member]?.['x-plinth-entity'] !== entity)
    throw invalid(
      `${what} names \`${member}\` as its subject, which the state does not declare as an id of \`${entity}\``,
    )
  const read: Record<string, JsonObject> = {}
  for (const [event, standIns] of Object.entries(object(declared, `events of the ${what}`))) {
    if (!Object.hasOwn(events, event)) throw invalid(`${what} names event \`${event}\`, which is not declared`)
    read[event] = readStandIns(object(standIns, what), events[event] as JsonSchema, `event \`${event}\` of ${where}`)
  }
  return { subject: { entity, member }, events: read }
}

function readStandIns(standIns: JsonObject, schema: JsonSchema, where: string): JsonObject {
  const properties = propertiesOf(schema)
  for (const member of Object.keys(standIns)) {
    if (!Object.hasOwn(properties, member) || member === SEALED)
      throw invalid(`${where} has no member \`${member}\` that could be personal`)
  }
  const why = whyNotFitting({ ...schema, required: [] }, standIns)
  if (why !== null) throw invalid(`the stand-ins for personal members of ${where}: ${why}`)
  return standIns
}

/** @throws `release-invalid` for columns that are no indexed texts, and for an index that shows what is personal elsewhere */
export function readPersonalColumns(
  given: unknown,
  {
    properties,
    indexes,
  }: { readonly properties: Readonly<Record<string, JsonObject>>; readonly indexes: readonly (readonly string[])[] },
  where: string,
): readonly string[] {
  if (given === undefined) return []
  if (!Array.isArray(given)) throw invalid(`personal columns of ${where} are not a list`)
  for (const column of given as readonly unknown[]) {
    if (typeof column !== 'string' || !indexes.flat().includes(column))
      throw invalid(`${where} declares a personal column that none of its indexes has: others need no declaration`)
    if (properties[column]?.['type'] !== 'string')
      throw invalid(`personal column \`${column}\` of ${where} is not a string`)
  }
  return given as readonly string[]
}

/** @throws `release-invalid` for a subject that is no entity, or an input member that is not there */
export function checkPersonal({ entities, commands, queries, readModels }: Manifest): void {
  for (const [name, { personal }] of Object.entries(entities))
    if (personal !== undefined && !Object.hasOwn(entities, personal.subject.entity))
      throw invalid(
        `entity \`${name}\` names \`${personal.subject.entity}\` as the subject of its data, which the application does not list`,
      )
  for (const [name, { personal, of }] of Object.entries(readModels))
    if (personal !== undefined && entities[of]?.personal === undefined)
      throw invalid(`read model \`${name}\` has personal columns, but \`${of}\` declares no personal data`)
  for (const [name, { of, indexes, personal = [] }] of Object.entries(readModels)) {
    const members = new Set(Object.values(entities[of]?.personal?.events ?? {}).flatMap((event) => Object.keys(event)))
    const shown = indexes.flat().find((column) => members.has(column) && !personal.includes(column))
    if (shown !== undefined)
      throw invalid(
        `read model \`${name}\` would show \`${shown}\` in an index, which is personal in \`${of}\`: declare it in \`personal\``,
      )
  }
  for (const [name, { personal, input }] of Object.entries({ ...commands, ...queries }))
    for (const member of personal ?? [])
      if (!Object.hasOwn(propertiesOf(input), member))
        throw invalid(`\`${name}\` declares \`${member}\` personal, which its input has not`)
}

const propertiesOf = (schema: JsonSchema): Readonly<Record<string, JsonObject>> =>
  (schema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>

function object(value: unknown, where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${where} is not an object`)
  return value as JsonObject
}
