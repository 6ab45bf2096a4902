/**
 * The part of JSON Schema 2020-12 that a release may use: what the describing side makes, and nothing that could make a validator
 * fetch, run or take long (foreign references, unique items, patterns without a linear form).
 */
import type { JsonObject, JsonSchema } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import { whyNotLinear } from './pattern.ts'
import { whyNotCompiled } from './validate.ts'

export const SCHEMA_DEPTH_MAX = 32
/** Schemas within one schema. */
export const SCHEMA_NODES_MAX = 5_000

const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'null', 'object', 'array'])
const NUMBERS = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
])
const ANNOTATIONS = new Set([
  'title',
  'description',
  'examples',
  'format',
  'deprecated',
  'readOnly',
  'writeOnly',
  'contentEncoding',
])
const REFERENCE = /^#(?:\/\$defs\/[A-Za-z0-9_-]{1,64})?$/
const DEFINITION = /^[A-Za-z0-9_-]{1,64}$/

/** @throws `release-invalid` naming `where` and the keyword */
export function checkSchema(schema: JsonObject, where: string): JsonSchema {
  let nodes = 0
  const root = schema
  const refuse = (why: string) => problem('release-invalid', `${where}: ${why}`)

  function visit(value: unknown, depth: number): void {
    if (typeof value === 'boolean') return
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('a schema must be an object')
    if (depth > SCHEMA_DEPTH_MAX) throw refuse(`is nested more than ${SCHEMA_DEPTH_MAX} deep`)
    if (++nodes > SCHEMA_NODES_MAX) throw refuse(`has more than ${SCHEMA_NODES_MAX} parts`)
    for (const [keyword, given] of Object.entries(value)) visitKeyword(keyword, given, depth)
  }

  function visitKeyword(keyword: string, given: unknown, depth: number): void {
    if (ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) return
    if (NUMBERS.has(keyword)) {
      if (typeof given !== 'number') throw refuse(`\`${keyword}\` must be a number`)
      return
    }
    switch (keyword) {
      case 'type':
        for (const type of Array.isArray(given) ? (given as unknown[]) : [given]) {
          if (typeof type !== 'string' || !TYPES.has(type)) throw refuse(`there is no type \`${shown(type)}\``)
        }
        return
      case 'const':
      case 'enum':
        if (keyword === 'enum' && !Array.isArray(given)) throw refuse('`enum` must be a list')
        return
      case 'required':
        if (!Array.isArray(given) || given.some((name) => typeof name !== 'string'))
          throw refuse('`required` must list names')
        return
      case 'pattern': {
        const why = typeof given === 'string' ? whyNotLinear(given) : 'is not a text'
        if (why !== null) throw refuse(`the pattern \`${shown(given)}\` ${why}`)
        return
      }
      case '$ref':
        checkReference(given)
        return
      case 'properties':
      case '$defs':
        if (typeof given !== 'object' || given === null || Array.isArray(given))
          throw refuse(`\`${keyword}\` must name schemas`)
        for (const [name, part] of Object.entries(given)) {
          if (keyword === '$defs' && !DEFINITION.test(name))
            throw refuse('the id of a schema must be letters, digits, `_` or `-`')
          if (name === '__proto__') throw refuse('no member may be named `__proto__`')
          visit(part, depth + 1)
        }
        return
      case 'prefixItems':
      case 'anyOf':
      case 'oneOf':
      case 'allOf':
        if (!Array.isArray(given)) throw refuse(`\`${keyword}\` must be a list`)
        for (const part of given as unknown[]) visit(part, depth + 1)
        return
      case 'items':
      case 'additionalProperties':
      case 'propertyNames':
      case 'not':
        visit(given, depth + 1)
        return
      default:
        throw refuse(`\`${keyword.slice(0, 80)}\` is not a keyword that a release may use`)
    }
  }

  function checkReference(given: unknown): void {
    if (typeof given !== 'string' || !REFERENCE.test(given)) throw refuse('a reference must stay inside its schema')
    const name = given.slice('#/$defs/'.length)
    if (name !== '' && !Object.hasOwn((root['$defs'] ?? {}) as object, name))
      throw refuse(`\`${given}\` refers to nothing`)
  }

  visit(schema, 0)
  const why = whyNotCompiled(schema)
  if (why !== null) throw refuse(why)
  return schema
}

/** Untrusted: even what looks like text may be anything. */
const shown = (value: unknown): string =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).slice(0, 80)
