/**
 * What of a JSON value policies can see: JSON Schema → a type that Cedar has, and a value → exactly what that type allows.
 * Cedar knows strings, 64-bit integers, booleans, sets and records. What has no such form (fractions, unions, open maps, tuples) is left out of
 * the schema, and by the same type out of every request, so a request always fits its schema or is an error here.
 */
import type { Json, JsonObject, JsonSchema } from '../model/json.ts'
import type { CedarSchema } from './cedar.ts'

export type ContextType =
  | { readonly kind: 'String' | 'Long' | 'Boolean' }
  | { readonly kind: 'Set'; readonly element: ContextType }
  | { readonly kind: 'Record'; readonly members: ReadonlyMap<string, ContextMember> }
export interface ContextMember {
  readonly type: ContextType
  readonly required: boolean
}

const DEPTH_MAX = 16 // of schemas: deeper members are left out; ends recursive schemas too
const STRING_LENGTH_MAX = 65_536 // UTF-16 code units in one string
const TEXT_LENGTH_MAX = 262_144 // in all strings of one context
const NODES_MAX = 10_000 // values in one context
// Cedar's JSON form gives these a meaning of their own; __proto__ has one in JavaScript.
const RESERVED_MEMBERS = new Set(['__entity', '__extn', '__expr', '__proto__'])

export const STRING: ContextType = { kind: 'String' }
export const LONG: ContextType = { kind: 'Long' }
export const BOOLEAN: ContextType = { kind: 'Boolean' }
export const STRINGS: ContextType = { kind: 'Set', element: STRING }
export const EMPTY: ContextType = { kind: 'Record', members: new Map() }

export const record = (members: Readonly<Record<string, ContextMember>>): ContextType => ({
  kind: 'Record',
  members: new Map(Object.entries(members)),
})
export const required = (type: ContextType): ContextMember => ({ type, required: true })
export const optional = (type: ContextType): ContextMember => ({ type, required: false })

/**
 * The type of a schema; null when it has none. A nullable one has the type of what it is when not null (see `isNullable`).
 * @param leftOut collects what was left out below this schema, as paths
 */
export function typeOfSchema(schema: JsonSchema, path: string, leftOut: string[]): ContextType | null {
  return typeOf(schema, schema, path, leftOut, 0)
}

function typeOf(schema: Json, root: JsonSchema, path: string, leftOut: string[], depth: number): ContextType | null {
  if (depth > DEPTH_MAX) return null
  const resolved = resolve(schema, root)
  if (resolved === null) return null
  const branches = alternatives(resolved)
  if (branches !== null) {
    const [first, ...others] = branches
    if (first === undefined) return null
    const type = typeOf(first, root, path, leftOut, depth + 1)
    // Alternatives of one and the same plain type are that type; others have no form in Cedar.
    const isSame = (other: Json) => typeOf(other, root, path, [], depth + 1)?.kind === type?.kind
    const isPlain = type?.kind === 'String' || type?.kind === 'Long' || type?.kind === 'Boolean'
    return others.length === 0 || (isPlain && others.every(isSame)) ? type : null
  }
  switch (typeName(resolved)) {
    case 'string':
      return STRING
    case 'integer':
      return LONG
    case 'boolean':
      return BOOLEAN
    case 'array': {
      const items = resolved['items']
      if (items === undefined || resolved['prefixItems'] !== undefined || isNullable(items, root)) return null
      const element = typeOf(items, root, `${path}[]`, leftOut, depth + 1)
      return element === null ? null : { kind: 'Set', element }
    }
    case 'object':
      return recordType(resolved, root, path, leftOut, depth)
    default:
      return null
  }
}

function recordType(
  schema: JsonSchema,
  root: JsonSchema,
  path: string,
  leftOut: string[],
  depth: number,
): ContextType | null {
  const properties = schema['properties']
  if (!isObject(properties)) return schema['additionalProperties'] === false ? EMPTY : null
  const always = Array.isArray(schema['required']) ? schema['required'] : []
  const members = new Map<string, ContextMember>()
  for (const [name, member] of Object.entries(properties)) {
    const memberPath = `${path}.${name}`
    const type = RESERVED_MEMBERS.has(name) ? null : typeOf(member, root, memberPath, leftOut, depth + 1)
    if (type === null) leftOut.push(memberPath)
    else members.set(name, { type, required: always.includes(name) && !isNullable(member, root) })
  }
  return { kind: 'Record', members }
}

/** `$ref` into the same document, one step at a time and boundedly many. */
function resolve(schema: Json, root: JsonSchema): JsonSchema | null {
  let current = schema
  for (let steps = 0; steps < DEPTH_MAX; steps++) {
    if (!isObject(current)) return null
    const reference = current['$ref']
    if (reference === undefined) return current
    if (typeof reference !== 'string' || !reference.startsWith('#')) return null
    current = reference
      .slice(1)
      .split('/')
      .slice(1)
      .reduce<Json>((node, token) => {
        const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
        return isObject(node) && Object.hasOwn(node, name) ? (node[name] ?? null) : null
      }, root)
  }
  return null
}

/** The branches of anyOf or oneOf without null; null when there is no choice in this schema. */
function alternatives(schema: JsonSchema): readonly Json[] | null {
  if (schema['allOf'] !== undefined || schema['not'] !== undefined || schema['if'] !== undefined) return []
  const choice = schema['anyOf'] ?? schema['oneOf']
  return Array.isArray(choice) ? choice.filter((branch) => !isNull(branch)) : null
}

const isNull = (schema: Json): boolean => isObject(schema) && (schema['type'] === 'null' || schema['const'] === null)

/** Whether null is among what it allows. A null member is absent for policies. */
function isNullable(schema: Json, root: JsonSchema): boolean {
  const resolved = resolve(schema, root)
  if (resolved === null) return true
  if (isNull(resolved)) return true
  const { type, enum: values } = resolved
  if (Array.isArray(type) && type.includes('null')) return true
  if (Array.isArray(values) && values.includes(null)) return true
  const choice = resolved['anyOf'] ?? resolved['oneOf']
  return Array.isArray(choice) && choice.some((branch) => isNullable(branch, root))
}

/** The one JSON type that a schema without choices allows beside null; undefined when there is none or several. */
function typeName(schema: JsonSchema): string | undefined {
  const { type } = schema
  if (typeof type === 'string') return type
  if (Array.isArray(type)) {
    const others = type.filter((one) => one !== 'null')
    return others.length === 1 && typeof others[0] === 'string' ? others[0] : undefined
  }
  const values = Array.isArray(schema['enum']) ? schema['enum'] : schema['const'] === undefined ? [] : [schema['const']]
  const names = new Set(values.filter((value) => value !== null).map(jsonTypeOf))
  return names.size === 1 ? [...names][0] : undefined
}

function jsonTypeOf(value: Json): string {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'integer' : 'number'
  return typeof value
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Why a value has no form in its type. The request it belongs to is denied. */
export class ContextError extends Error {}

/** The part of a value that its type shows. @throws ContextError for what is missing, of another type, or beyond a bound */
export function contextValue(type: ContextType, value: Json, path: string): Json {
  return convert(type, value, path, { nodes: 0, text: 0 })
}

function convert(
  type: ContextType,
  value: Json | undefined,
  path: string,
  used: { nodes: number; text: number },
): Json {
  if (++used.nodes > NODES_MAX) throw new ContextError(`\`${path}\`: more than ${NODES_MAX} values`)
  switch (type.kind) {
    case 'String':
      if (typeof value !== 'string') throw new ContextError(`\`${path}\`: a string was expected`)
      used.text += value.length
      if (value.length > STRING_LENGTH_MAX || used.text > TEXT_LENGTH_MAX)
        throw new ContextError(`\`${path}\`: more text than policies take`)
      if (!value.isWellFormed()) throw new ContextError(`\`${path}\`: not well-formed Unicode`)
      return value
    case 'Long':
      if (typeof value !== 'number' || !Number.isSafeInteger(value))
        throw new ContextError(`\`${path}\`: an integer below 2^53 was expected`)
      return value === 0 ? 0 : value // -0 has no form
    case 'Boolean':
      if (typeof value !== 'boolean') throw new ContextError(`\`${path}\`: a boolean was expected`)
      return value
    case 'Set':
      if (!Array.isArray(value)) throw new ContextError(`\`${path}\`: an array was expected`)
      return value.map((item: Json) => convert(type.element, item, `${path}[]`, used))
    case 'Record': {
      if (!isObject(value)) throw new ContextError(`\`${path}\`: an object was expected`)
      const shown: Record<string, Json> = {}
      for (const [name, member] of type.members) {
        const given = Object.hasOwn(value, name) ? value[name] : undefined
        if (given === undefined || (given === null && !member.required)) {
          if (member.required) throw new ContextError(`\`${path}.${name}\`: missing`)
          continue
        }
        shown[name] = convert(member.type, given, `${path}.${name}`, used)
      }
      return shown
    }
    default:
      return type satisfies never
  }
}

/** The same type as Cedar's own schema form writes it. */
export function cedarTypeOf(type: ContextType): CedarAttributeType {
  switch (type.kind) {
    case 'String':
    case 'Long':
    case 'Boolean':
      return { type: type.kind }
    case 'Set':
      return { type: 'Set', element: cedarTypeOf(type.element) }
    case 'Record': {
      const members = [...type.members].map(([name, member]) => [
        name,
        { ...cedarTypeOf(member.type), required: member.required },
      ])
      return { type: 'Record', attributes: Object.fromEntries(members) as Record<string, CedarAttributeType> }
    }
    default:
      return type satisfies never
  }
}
type CedarAttributeType = NonNullable<NonNullable<CedarSchema['']>['commonTypes']>[string]
