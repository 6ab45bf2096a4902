/**
 * Turns declarations into the manifest. Runs once for a release, inside the sandbox, in the describing bundle: beside the author's
 * code and with the real zod. What it says is checked on the other side (check-manifest.ts); here, messages name the declaration.
 */
import { z } from 'zod'
import type { JsonObject, JsonSchema } from '../model/json.ts'
import type { ActionManifest, CommandManifest, Manifest, Target } from '../model/manifest.ts'
import type { PersonalManifest } from '../model/personal.ts'
import type { AnyAction, AnyApplication, AnyCommand, AnyEntity, Invariant } from './declarations.ts'
import { refuseUnstatable } from './statable.ts'

z.config({ jitless: true })

/** Taken before the author's code runs, which could put another in its place. */
const textOf = Function.prototype.toString
const NATIVE = /\{\s*\[native code\]\s*\}\s*$/

/** The manifest but for the hashes of code, which are made outside: `code` is its text. */
type Described = Omit<Manifest, 'invariants'> & {
  readonly invariants: Readonly<
    Record<string, { readonly describe: string; readonly of: string; readonly code: string }>
  >
}

/** JSON text of the manifest. @throws Error with a message for the author */
export function describeApplication(application: AnyApplication): string {
  if (application?.kind !== 'application') throw new Error('the default export is not made by `application(…)`')
  const manifest: Described = {
    format: 1,
    name: application.name,
    describe: application.describe,
    entities: mapped(application.entities, (entity) => ({
      describe: entity.describe,
      state: jsonSchema(entity.state, `state of entity \`${entity.name}\``),
      events: mapped(entity.events, (event, name) =>
        jsonSchema(event, `event \`${name}\` of entity \`${entity.name}\``),
      ),
      opens: entity.opens,
      hasInitial: entity.initial !== undefined,
      ...(Object.keys(entity.acknowledge).length === 0 ? {} : { acknowledge: entity.acknowledge }),
      ...describePersonal(entity),
    })),
    commands: mapped(application.commands, (command) => describeCommand(application, command)),
    queries: mapped(application.queries, describeAction),
    readModels: mapped(application.readModels, (model) => ({
      describe: model.describe,
      of: model.of,
      row: jsonSchema(model.row, `row of read model \`${model.name}\``),
      indexes: model.indexes,
      ...(model.personal.length === 0 ? {} : { personal: model.personal }),
    })),
    effects: mapped(application.effects, (effect) => ({
      describe: effect.describe,
      payload: jsonSchema(effect.payload, `payload of effect \`${effect.name}\``),
      risk: effect.risk,
    })),
    invariants: mapped(application.invariants, (one) => ({ describe: one.describe, of: one.of, code: codeOf(one) })),
    importers: mapped(application.importers, (importer) => ({
      describe: importer.describe,
      of: importer.of,
      event: importer.event,
      record: jsonSchema(importer.record, `record of importer \`${importer.name}\``),
    })),
    attested: jsonSchema(application.attested ?? z.object({}), 'attested facts'),
  }
  checkEvolve(application)
  return JSON.stringify(manifest)
}

function describeAction(action: AnyAction): ActionManifest {
  const input = jsonSchema(action.input, `input of \`${action.name}\``)
  return {
    describe: action.describe,
    input,
    output: action.output === null ? null : jsonSchema(action.output, `output of \`${action.name}\``),
    facts: action.facts === null ? null : jsonSchema(action.facts, `facts of \`${action.name}\``),
    refusals: { ...action.refusals, 'not-found': 'something that it needs does not exist' },
    targets: targetsOf(input),
    ...(action.returns === 'external' ? { returns: action.returns } : {}),
    ...(action.personal.length === 0 ? {} : { personal: action.personal }),
  }
}

/** Whose data it is follows from the state's schema: the member that names the subject is marked with its entity. */
function describePersonal({ name, state, personal }: AnyEntity): { personal?: PersonalManifest } {
  if (personal === null) return {}
  const { subject } = personal
  const properties = (jsonSchema(state, `state of entity \`${name}\``)['properties'] ?? {}) as Record<
    string,
    JsonObject
  >
  const entity = subject === null ? name : properties[subject]?.['x-plinth-entity']
  if (typeof entity !== 'string')
    throw new Error(
      `entity \`${name}\` names \`${subject}\` as the subject of its personal data: declare that member by the subject's \`id()\``,
    )
  const events = JSON.parse(JSON.stringify(personal.events)) as PersonalManifest['events']
  return { personal: { subject: { entity, member: subject }, events } }
}

function describeCommand(application: AnyApplication, command: AnyCommand): CommandManifest {
  const action = describeAction(command)
  const appends = [...new Set(command.appends ?? action.targets.map(({ entity }) => entity))]
  const { effects } = command
  const irreversible = effects.some((name) => application.effects[name]?.risk === 'irreversible')
  const hasUndo = command.undo !== null
  return {
    ...action,
    appends,
    effects,
    ...(command.reaches.length === 0 ? {} : { reaches: command.reaches }),
    ...(command.requestedBy.length === 0 ? {} : { requestedBy: command.requestedBy }),
    destructive: irreversible || (!hasUndo && appends.length + effects.length > 0),
    hasUndo,
    ...(command.acknowledge === null ? {} : { acknowledge: command.acknowledge }),
  }
}

/** The members at the top of an input that hold an entity's id, as declared. */
function targetsOf(input: JsonSchema): Target[] {
  return Object.entries((input['properties'] ?? {}) as Record<string, JsonObject>).flatMap(([member, schema]) => {
    const entity = schema['x-plinth-entity']
    return typeof entity === 'string' ? [{ entity, member }] : []
  })
}

function jsonSchema(schema: z.ZodType, where: string): JsonSchema {
  if (typeof (schema as Partial<z.ZodType> | undefined)?._zod !== 'object')
    throw new Error(`${where} is not a zod schema`)
  try {
    refuseUnstatable(schema)
    // As output: then unknown members are refused, unless the schema is declared loose. Nothing transforms, so both sides are alike.
    const { $schema: _dialect, ...stated } = z.toJSONSchema(schema, {
      io: 'output',
      target: 'draft-2020-12',
      unrepresentable: 'throw',
    })
    return JSON.parse(JSON.stringify(stated)) as JsonSchema
  } catch (error) {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** A release that changes it says so in its manifest. @throws for code that shows no text, a bound function for one */
function codeOf({ name, holds }: Invariant): string {
  const code = typeof holds === 'function' ? Reflect.apply(textOf, holds, []) : ''
  if (code === '' || NATIVE.test(code))
    throw new Error(`invariant \`${name}\`: write \`holds\` as a function of its own`)
  return code
}

/** Types ask for one `evolve` for each event; code that was not type-checked is asked here. */
function checkEvolve(application: AnyApplication): void {
  for (const { name, events, evolve } of Object.values(application.entities)) {
    for (const event of Object.keys(events)) {
      if (typeof evolve[event] !== 'function')
        throw new Error(`entity \`${name}\` has no evolve for event \`${event}\``)
    }
    for (const event of Object.keys(evolve)) {
      if (!Object.hasOwn(events, event))
        throw new Error(`entity \`${name}\` evolves event \`${event}\`, which it does not declare`)
    }
  }
}

function mapped<Item, Made>(
  items: Readonly<Record<string, Item>>,
  make: (item: Item, name: string) => Made,
): Record<string, Made> {
  return Object.fromEntries(Object.entries(items).map(([name, item]) => [name, make(item, name)]))
}
