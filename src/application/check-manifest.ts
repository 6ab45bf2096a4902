/**
 * Holds a manifest against what engine and doors rely on. A manifest is made by application code (in the sandbox), so it is input like
 * any other: it is read member by member into a new value, and everything that types could not promise is checked here.
 */
import type {
  ActionManifest,
  CommandManifest,
  EntityManifest,
  Manifest,
  ReadModelManifest,
  Target,
} from '../model/manifest.ts'
import { LEVELS } from '../model/acknowledgement.ts'
import { sha256Hex } from '../model/ids.ts'
import { problem } from '../model/problems.ts'
import { checkPersonal, readPersonal, readPersonalColumns } from './check-personal.ts'
import { checkSchema } from './check-schema.ts'
import type { JsonObject, JsonSchema } from '../model/json.ts'

/** Declarations of one kind, members of one list. */
export const DECLARATIONS_MAX = 1_000
export const DESCRIBE_CHARACTERS_MAX = 4_000
export const CODE_CHARACTERS_MAX = 100_000
export const INDEXES_MAX = 16
export const INDEX_COLUMNS_MAX = 8
const NAME = /^[a-z][a-z0-9_-]{0,63}$/
/** Also names of tools: what every MCP client and model provider takes. */
const ACTION_NAME = /^[a-z][a-z0-9_]{0,63}$/
const COLUMN = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
/** Entities are types in policies, beside those of the engine. */
const POLICY_TYPES = new Set(['Agent', 'Human', 'Service', 'Role', 'Action', 'Application'])

/** @throws `release-invalid` naming the declaration */
export function checkManifest(given: unknown): Manifest {
  const read = object(given, 'the manifest')
  if (read['format'] !== 1) throw invalid('the manifest is of a format that is not known here')
  const manifest: Manifest = {
    format: 1,
    name: named(text(read['name'], 'the name of the application'), NAME, 'application'),
    describe: prose(read['describe'], 'the application'),
    entities: each(read['entities'], 'entity', NAME, readEntity),
    commands: each(read['commands'], 'command', ACTION_NAME, readCommand),
    queries: each(read['queries'], 'query', ACTION_NAME, readAction),
    readModels: each(read['readModels'], 'read model', NAME, readReadModel),
    effects: each(read['effects'], 'effect', NAME, (effect, where) => ({
      describe: prose(effect['describe'], where),
      payload: schema(effect['payload'], `payload of ${where}`),
      risk: oneOf(effect['risk'], ['reversible', 'compensable', 'irreversible'] as const, `risk of ${where}`),
    })),
    invariants: each(read['invariants'], 'invariant', NAME, (invariant, where) => ({
      describe: text(invariant['describe'], where),
      of: text(invariant['of'], where),
      code: sha256Hex(text(invariant['code'], `code of ${where}`, CODE_CHARACTERS_MAX)),
    })),
    importers: each(read['importers'], 'importer', NAME, (importer, where) => ({
      describe: text(importer['describe'], where),
      of: text(importer['of'], where),
      event: text(importer['event'], where),
      record: schema(importer['record'], `record of ${where}`),
    })),
    attested: objectSchema(read['attested'], 'the attested facts'),
  }
  checkNames(manifest)
  checkReferences(manifest)
  checkPersonal(manifest)
  return manifest
}

function readEntity(entity: JsonObject, where: string): EntityManifest {
  const events = each(entity['events'], `event of ${where}:`, NAME, (event, what) => schema(event, what))
  const opens = list(entity['opens'], `opens of ${where}`)
  const hasInitial = entity['hasInitial'] === true
  for (const event of opens) {
    if (!Object.hasOwn(events, event))
      throw invalid(`${where} opens with event \`${event}\`, which it does not declare`)
  }
  if (hasInitial && opens.length > 0) throw invalid(`${where} has both \`initial\` and \`opens\`: keep one`)
  if (!hasInitial && opens.length === 0) {
    throw invalid(`${where} has neither \`initial\` nor \`opens\`: no stream of it could ever begin`)
  }
  const state = schema(entity['state'], `state of ${where}`)
  return {
    describe: text(entity['describe'], where),
    state,
    events,
    opens,
    hasInitial,
    ...readEventLevels(entity['acknowledge'], events, where),
    ...(entity['personal'] === undefined ? {} : { personal: readPersonal(entity['personal'], events, state, where) }),
  }
}

function readEventLevels(
  given: unknown,
  events: EntityManifest['events'],
  where: string,
): Pick<EntityManifest, 'acknowledge'> {
  if (given === undefined) return {}
  const levels = Object.entries(object(given, `acknowledge of ${where}`)).map(([event, level]) => {
    if (!Object.hasOwn(events, event))
      throw invalid(`${where} acknowledges event \`${event}\`, which it does not declare`)
    return [event, oneOf(level, LEVELS, `acknowledge of event \`${event}\` of ${where}`)] as const
  })
  return { acknowledge: Object.fromEntries(levels) }
}

function readAction(action: JsonObject, where: string): ActionManifest {
  const input = objectSchema(action['input'], `input of ${where}`)
  const properties = input['properties'] as JsonObject
  return {
    describe: prose(action['describe'], where),
    input,
    output: action['output'] === null ? null : schema(action['output'], `output of ${where}`),
    facts: action['facts'] === null ? null : objectSchema(action['facts'], `facts of ${where}`),
    refusals: eachText(action['refusals'], `refusal of ${where}:`),
    targets: array(action['targets'], `targets of ${where}`).map((target): Target => {
      const { entity, member } = object(target, `targets of ${where}`)
      const read = { entity: text(entity, where), member: text(member, where) }
      if (!Object.hasOwn(properties, read.member)) throw invalid(`${where} has a target that its input has not`)
      return read
    }),
    ...(action['returns'] === 'external' ? { returns: 'external' } : {}),
    ...(action['personal'] === undefined ? {} : { personal: list(action['personal'], `personal input of ${where}`) }),
  }
}

function readCommand(command: JsonObject, where: string): CommandManifest {
  const action = readAction(command, where)
  const reaches = list(command['reaches'] ?? [], `reaches of ${where}`)
  for (const member of reaches)
    if (!Object.hasOwn(action.input['properties'] as JsonObject, member))
      throw invalid(`${where} reaches by \`${member}\`, which its input has not`)
  const requestedBy = list(command['requestedBy'] ?? [], `requestedBy of ${where}`)
  return {
    ...action,
    ...(reaches.length === 0 ? {} : { reaches }),
    ...(requestedBy.length === 0 ? {} : { requestedBy }),
    appends: list(command['appends'], `appends of ${where}`),
    effects: list(command['effects'], `effects of ${where}`),
    destructive: command['destructive'] === true,
    hasUndo: command['hasUndo'] === true,
    ...(command['acknowledge'] === undefined
      ? {}
      : { acknowledge: oneOf(command['acknowledge'], LEVELS, `acknowledge of ${where}`) }),
  }
}

function readReadModel(model: JsonObject, where: string): ReadModelManifest {
  const row = objectSchema(model['row'], `row of ${where}`)
  const properties = row['properties'] as Readonly<Record<string, JsonObject>>
  const required = new Set((row['required'] ?? []) as readonly string[])
  for (const column of Object.keys(properties)) named(column, COLUMN, `column of ${where}:`)
  const indexes = array(model['indexes'], `indexes of ${where}`).map((index) => list(index, `index of ${where}`))
  if (indexes.length > INDEXES_MAX) throw invalid(`${where} has more than ${INDEXES_MAX} indexes`)
  for (const index of indexes) {
    const what = `index [${index.join(', ')}] of ${where}`
    if (index.length === 0 || index.length > INDEX_COLUMNS_MAX)
      throw invalid(`${what} needs 1 to ${INDEX_COLUMNS_MAX} columns`)
    if (new Set(index).size < index.length) throw invalid(`${what} names a column twice`)
    for (const column of index) {
      if (!Object.hasOwn(properties, column)) throw invalid(`${what} names column \`${column}\`, which the row has not`)
      if (!required.has(column))
        throw invalid(`${what} names column \`${column}\`, which a row may lack: make it required`)
      if (!['string', 'integer', 'boolean'].some((type) => type === properties[column]?.['type'])) {
        throw invalid(`${what} names column \`${column}\`, which is not a string, an integer or a boolean`)
      }
    }
  }
  const personal = readPersonalColumns(model['personal'], { properties, indexes }, where)
  return {
    describe: text(model['describe'], where),
    of: text(model['of'], where),
    row,
    indexes,
    ...(personal.length === 0 ? {} : { personal }),
  }
}

function checkNames({ entities, commands, queries }: Manifest): void {
  const types = new Map<string, string>()
  for (const name of Object.keys(entities)) {
    const type = pascalCase(name)
    if (POLICY_TYPES.has(type))
      throw invalid(`entity \`${name}\` would be type \`${type}\` in policies, which the engine uses itself`)
    const other = types.get(type)
    if (other !== undefined)
      throw invalid(`entities \`${other}\` and \`${name}\` would both be type \`${type}\` in policies`)
    types.set(type, name)
  }
  for (const name of Object.keys(commands)) {
    if (Object.hasOwn(queries, name)) throw invalid(`\`${name}\` is both a command and a query`)
  }
}

function checkReferences({
  entities,
  commands,
  queries,
  readModels,
  effects,
  invariants,
  importers,
  attested,
}: Manifest): void {
  const needs = (record: object, name: string, where: string, what: string) => {
    if (!Object.hasOwn(record, name))
      throw invalid(`${where} names ${what} \`${name}\`, which the application does not list`)
  }
  for (const [name, action] of Object.entries({ ...commands, ...queries })) {
    for (const { entity } of action.targets) needs(entities, entity, `\`${name}\``, 'entity')
  }
  for (const [name, command] of Object.entries(commands)) {
    for (const entity of command.appends) needs(entities, entity, `command \`${name}\``, 'entity')
    for (const effect of command.effects) needs(effects, effect, `command \`${name}\``, 'effect')
  }
  for (const [name, { of }] of Object.entries(readModels)) needs(entities, of, `read model \`${name}\``, 'entity')
  for (const [name, { of }] of Object.entries(invariants)) needs(entities, of, `invariant \`${name}\``, 'entity')
  for (const [name, { of, event }] of Object.entries(importers)) {
    needs(entities, of, `importer \`${name}\``, 'entity')
    needs(entities[of]?.events ?? {}, event, `importer \`${name}\``, 'event')
    if (entities[of]?.opens.includes(event) === false) {
      throw invalid(`importer \`${name}\` makes event \`${event}\`, which does not open a stream of \`${of}\``)
    }
  }
  const [required] = (attested['required'] ?? []) as readonly string[]
  if (required !== undefined) throw invalid(`attested fact \`${required}\` must be optional: a run begins without any`)
}

const pascalCase = (name: string): string =>
  name.replace(/(?:^|[-_]+)([a-z0-9]?)/g, (_, letter: string) => letter.toUpperCase())

// Reading unknown JSON

const invalid = (detail: string) => problem('release-invalid', detail)

function object(value: unknown, where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${where} is not an object`)
  return value as JsonObject
}
function array(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > DECLARATIONS_MAX)
    throw invalid(`${where} is not a list of at most ${DECLARATIONS_MAX}`)
  return value as readonly unknown[]
}
const list = (value: unknown, where: string): readonly string[] => array(value, where).map((item) => text(item, where))

function text(value: unknown, where: string, charactersMax = DESCRIBE_CHARACTERS_MAX): string {
  if (typeof value !== 'string') throw invalid(`${where} lacks a text`)
  if (value.length > charactersMax) throw invalid(`${where} has a text of more than ${charactersMax} characters`)
  return value
}
/** Text that people and models choose by: it must say something. */
function prose(value: unknown, where: string): string {
  const read = text(value, where)
  if (read.trim() === '') throw invalid(`${where} has no \`describe\`: people and models choose by it`)
  return read
}
function named(name: string, form: RegExp, what: string): string {
  if (!form.test(name)) throw invalid(`${what} \`${name.slice(0, 80)}\` must be named like \`${form.source}\``)
  return name
}
function oneOf<const T extends string>(value: unknown, allowed: readonly T[], where: string): T {
  const found = allowed.find((item) => item === value)
  if (found === undefined) throw invalid(`${where} must be one of ${allowed.join(', ')}`)
  return found
}
function schema(value: unknown, where: string): JsonSchema {
  return checkSchema(object(value, where), where)
}
function objectSchema(value: unknown, where: string): JsonSchema {
  const read = schema(value, where)
  if (read['type'] !== 'object' || typeof read['properties'] !== 'object')
    throw invalid(`${where} must be a \`z.object\``)
  return read
}
function each<Made>(
  value: unknown,
  what: string,
  form: RegExp,
  make: (item: JsonObject, where: string) => Made,
): Record<string, Made> {
  const items = Object.entries(object(value, what))
  if (items.length > DECLARATIONS_MAX)
    throw invalid(`there are more than ${DECLARATIONS_MAX} declarations of kind ${what}`)
  return Object.fromEntries(
    items.map(([name, item]) => {
      const where = `${what} \`${named(name, form, what)}\``
      return [name, make(object(item, where), where)]
    }),
  )
}
function eachText(value: unknown, what: string): Record<string, string> {
  const items = Object.entries(object(value, what))
  if (items.length > DECLARATIONS_MAX) throw invalid(`there are more than ${DECLARATIONS_MAX} of ${what}`)
  return Object.fromEntries(items.map(([name, item]) => [named(name, NAME, what), text(item, `${what} \`${name}\``)]))
}
