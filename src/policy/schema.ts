/**
 * The Cedar schema of an application, made from its manifest: what policies may speak of, so that a policy that names something else is refused
 * before it is published, and a request that does not fit is denied.
 */
import { sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { declaresFlow, type ActionManifest, type Manifest } from '../model/manifest.ts'
import { problem } from '../model/problems.ts'
import type { PrincipalKind } from '../model/principal.ts'
import type { CedarSchema } from './cedar.ts'
import type { Limit } from './limits.ts'
import {
  BOOLEAN,
  cedarTypeOf,
  EMPTY,
  LONG,
  optional,
  record,
  required,
  STRING,
  STRINGS,
  typeOfSchema,
  type ContextMember,
  type ContextType,
} from './context-type.ts'

export const PRINCIPAL_TYPES = { agent: 'Agent', human: 'Human', service: 'Service' } as const satisfies Record<
  PrincipalKind,
  string
>
export const ACTION_GROUPS = ['commands', 'queries', 'engine'] as const
export type ActionGroup = (typeof ACTION_GROUPS)[number]

export interface ActionSchema {
  readonly group: ActionGroup
  readonly context: ContextType
}
export interface PolicySchema {
  /** Over the schema that admission is evaluated with, in canonical JSON. */
  readonly hash: Hash
  readonly application: string
  readonly actions: ReadonlyMap<string, ActionSchema>
  /** Cedar entity type by entity name. */
  readonly entityTypes: ReadonlyMap<string, string>
  readonly admission: CedarSchema
  /** The same actions without any context: at the time of scope there is none. */
  readonly scope: CedarSchema
  /** Paths of what has no form in Cedar, e.g. `pay.input.rate`: policies cannot see these. */
  readonly leftOut: readonly string[]
  /** The same with what these limits show to policies; it is the same one when there are none. */
  withLimits(limits: readonly Limit[]): SchemaWithLimits
}
export interface SchemaWithLimits extends PolicySchema {
  /** What the limits count and the application does not have. */
  readonly misfits: readonly string[]
}

// Names that mean something else in every schema.
const TAKEN_TYPES = ['Agent', 'Human', 'Service', 'Role', 'Application', 'Action', 'Entity', 'Extension', 'Record']
const CEDAR_TYPES = ['Bool', 'Boolean', 'Long', 'Set', 'String']

const impact = record({
  events: required(STRINGS),
  streams: required(LONG),
  effects: required(STRINGS),
  irreversible: required(BOOLEAN),
})

const flow = record({
  tainted: required(BOOLEAN),
  reaches: required(STRINGS),
  requested: required(BOOLEAN),
  askedWords: required(LONG),
  repeated: required(BOOLEAN),
  externalWords: required(LONG),
  composedWords: required(LONG),
  foreignAddresses: required(LONG),
  unexplainedFigures: required(LONG),
  risk: required(STRING),
})

/** @throws `release-invalid` when an action has a name that the engine uses itself, or a command and a query share one */
export function schemaOf(manifest: Manifest): PolicySchema {
  return schemaWith(manifest, [])
}

function schemaWith(manifest: Manifest, limits: readonly Limit[]): SchemaWithLimits {
  const leftOut: string[] = []
  const actions = new Map<string, ActionSchema>()
  const resources = new Map<string, readonly string[]>()
  const entityTypes = entityTypesOf(Object.keys(manifest.entities))
  const attested = required(shown(manifest.attested, 'attested', leftOut))
  const every = [...entityTypes.values(), 'Application']

  function declare(name: string, group: ActionGroup, context: ContextType, about: readonly string[]): void {
    if (actions.has(name) || ACTION_GROUPS.some((taken) => taken === name))
      throw problem('release-invalid', `\`${name}\` cannot name a command or query: the name is taken`)
    actions.set(name, { group, context })
    resources.set(name, about)
  }
  const aboutOf = ({ targets }: ActionManifest): readonly string[] => {
    const type = targets[0] === undefined ? undefined : entityTypes.get(targets[0].entity)
    return type === undefined ? ['Application'] : [type, 'Application']
  }
  const contextOf = (name: string, action: ActionManifest): Record<string, ContextMember> => ({
    input: required(shown(action.input, `${name}.input`, leftOut)),
    ...(action.facts === null ? {} : { facts: required(shown(action.facts, `${name}.facts`, leftOut)) }),
    attested,
    approvals: required(STRINGS),
  })

  const counted = required(record(Object.fromEntries(limits.map(({ name }) => [name, required(LONG)]))))
  const ofHistory: Record<string, ContextMember> = limits.length === 0 ? {} : { history: counted, adding: counted }
  const whereFrom: Record<string, ContextMember> = declaresFlow(manifest) ? { flow: required(flow) } : {}
  for (const [name, command] of Object.entries(manifest.commands)) {
    const context = record({ ...contextOf(name, command), impact: required(impact), ...ofHistory, ...whereFrom })
    declare(name, 'commands', context, aboutOf(command))
  }
  for (const [name, query] of Object.entries(manifest.queries))
    declare(name, 'queries', record(contextOf(name, query)), aboutOf(query))
  const engineContext = (input: ContextType) =>
    record({ input: required(input), attested, approvals: required(STRINGS) })
  declare('plinth.attest', 'engine', engineContext(attested.type), ['Application'])
  declare('plinth.import', 'engine', engineContext(record({ importer: optional(STRING) })), ['Application'])
  const place = record({ kind: optional(STRING), name: optional(STRING) })
  declare('plinth.read-records', 'engine', engineContext(place), every)
  const request = record({ action: optional(STRING), verdict: optional(STRING) })
  declare('plinth.approve', 'engine', engineContext(request), ['Application'])
  const erasure = record({ subject: optional(STRING), tenant: optional(STRING) })
  declare('plinth.erase', 'engine', engineContext(erasure), ['Application'])

  const admission = cedarSchema(actions, resources, entityTypes, (action) => action.context)
  return {
    hash: sha256Hex(canonicalJson(admission)),
    application: manifest.name,
    actions,
    entityTypes,
    admission,
    scope: cedarSchema(actions, new Map(), entityTypes, () => EMPTY),
    leftOut,
    withLimits: (more) => schemaWith(manifest, more),
    misfits: limits.flatMap((limit) => misfitsOf(limit, manifest, actions)),
  }
}

/** Commands that are not there, and amounts that a command does not always state. */
function misfitsOf(
  { name, of, sum }: Limit,
  manifest: Manifest,
  actions: ReadonlyMap<string, ActionSchema>,
): readonly string[] {
  const commands = of ?? Object.keys(manifest.commands)
  return commands.flatMap((command) => {
    if (!Object.hasOwn(manifest.commands, command)) return [`limit \`${name}\`: there is no command \`${command}\``]
    if (sum === null) return []
    let type = actions.get(command)?.context
    for (const step of sum) {
      const member: ContextMember | undefined = type?.kind === 'Record' ? type.members.get(step) : undefined
      type = member?.required === true ? member.type : undefined
    }
    return type?.kind === 'Long'
      ? []
      : [`limit \`${name}\`: \`${command}\` does not always state \`${sum.join('.')}\` as an integer`]
  })
}

/** A schema that is no object, or has no form, shows nothing. */
function shown(schema: ActionManifest['input'], path: string, leftOut: string[]): ContextType {
  const type = typeOfSchema(schema, path, leftOut)
  if (type?.kind === 'Record') return type
  leftOut.push(path)
  return EMPTY
}

function cedarSchema(
  actions: ReadonlyMap<string, ActionSchema>,
  resources: ReadonlyMap<string, readonly string[]>,
  entityTypes: ReadonlyMap<string, string>,
  contextOf: (action: ActionSchema) => ContextType,
): CedarSchema {
  const principalShape = record({
    id: required(STRING),
    tenant: required(STRING),
    owner: optional(STRING),
    onBehalfOf: optional(STRING),
  })
  const principal = { memberOfTypes: ['Role'], shape: cedarTypeOf(principalShape) }
  const resource = { shape: cedarTypeOf(record({ id: required(STRING) })) }
  return {
    '': {
      entityTypes: {
        Role: {},
        ...Object.fromEntries(Object.values(PRINCIPAL_TYPES).map((type) => [type, principal])),
        Application: resource,
        ...Object.fromEntries([...entityTypes.values()].map((type) => [type, resource])),
      },
      actions: {
        ...Object.fromEntries(ACTION_GROUPS.map((group) => [group, {}])),
        ...Object.fromEntries(
          [...actions].map(([name, action]) => [
            name,
            {
              memberOf: [{ id: action.group }],
              appliesTo: {
                principalTypes: Object.values(PRINCIPAL_TYPES),
                resourceTypes: [...(resources.get(name) ?? ['Application'])],
                context: cedarTypeOf(contextOf(action)),
              },
            },
          ]),
        ),
      },
    },
  }
}

/** `order_item` → `OrderItem`. Names that are taken, by Cedar or by an entity before, get `Entity` behind them. */
export function entityTypesOf(entities: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set([...TAKEN_TYPES, ...CEDAR_TYPES])
  const types = new Map<string, string>()
  for (const entity of [...entities].sort()) {
    const words = entity.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
    let type = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
    if (!/^[A-Z]/.test(type)) type = `Entity${type}`
    while (taken.has(type)) type += 'Entity'
    taken.add(type)
    types.set(entity, type)
  }
  return types
}
