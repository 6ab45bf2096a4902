/**
 * The release's schemas, as the engine holds data against them: what comes in from callers, and what comes out of application code.
 * No coercion and no defaults: a value passes as it is, or it does not. Formats are annotations; their patterns count.
 * A schema is compiled when it is first needed, and kept as long as the validators are.
 */
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import type { Json, JsonObject, JsonSchema } from '../model/json.ts'
import type { ActionManifest, Manifest } from '../model/manifest.ts'
import { Problem, problem } from '../model/problems.ts'
import type { ProblemCode } from '../model/problems.ts'
import { linearPattern } from './pattern.ts'

/** Each returns what it was given when that fits, typed as an object where the schema is always one, and throws otherwise. */
export interface Validators {
  /** @throws `invalid-input` with `errors`, `no-such-command` */
  commandInput(command: string, input: unknown): JsonObject
  /** @throws `invalid-input` with `errors`, `no-such-query` */
  queryInput(query: string, input: unknown): JsonObject
  /** Facts that a front door attests for a run. @throws `invalid-input` with `errors` */
  attested(facts: unknown): JsonObject
  /** @throws `invalid-input` with `errors` */
  importerRecord(importer: string, record: unknown): void

  // What application code answers. @throws `application-output-invalid` with `errors`
  output(action: string, result: unknown): void
  facts(action: string, facts: unknown): void
  event(entity: string, type: string, data: unknown): void
  state(entity: string, state: unknown): void
  row(model: string, row: unknown): void
  effect(effect: string, payload: unknown): void
}

/** Errors that one problem lists. */
export const VALIDATION_ERRORS_MAX = 10
/** Values whose text is longer get one error instead of a list: finding all errors of a huge value would be work for its sender. */
const THOROUGH_CHARACTERS_MAX = 65_536
const QUOTED_CHARACTERS_MAX = 120

const OPTIONS = {
  strict: false,
  validateFormats: false,
  validateSchema: false,
  meta: false,
  ownProperties: true,
  unicodeRegExp: false,
  code: { regExp: Object.assign((source: string) => linearPattern(source), { code: 'linearPattern' }) },
  messages: true,
} as const

export function createValidators(manifest: Manifest): Validators {
  const check = compiled()
  const input = (
    actions: Readonly<Record<string, ActionManifest>>,
    missing: ProblemCode,
    name: string,
    value: unknown,
  ) => {
    const action = member(actions, name)
    if (action === undefined) throw problem(missing, `there is no \`${quoted(name)}\` here`)
    check(`input ${name}`, action.input, value, 'invalid-input', `the input of \`${name}\``)
    return value as JsonObject
  }
  const answer = (key: string, schema: JsonSchema | undefined, value: unknown, what: string) => {
    if (schema === undefined) throw problem('application-output-invalid', `${what} is not declared`)
    check(key, schema, value, 'application-output-invalid', what)
  }
  const action = (name: string) => member(manifest.commands, name) ?? member(manifest.queries, name)
  return {
    commandInput: (name, value) => input(manifest.commands, 'no-such-command', name, value),
    queryInput: (name, value) => input(manifest.queries, 'no-such-query', name, value),
    attested(facts) {
      check('attested', manifest.attested, facts, 'invalid-input', 'the attested facts')
      return facts as JsonObject
    },
    importerRecord(name, record) {
      const importer = member(manifest.importers, name)
      if (importer === undefined) throw problem('invalid-input', `there is no importer \`${quoted(name)}\``)
      check(`record ${name}`, importer.record, record, 'invalid-input', `the record for \`${name}\``)
    },
    output(name, result) {
      const schema = action(name)?.output
      if (schema !== null) answer(`output ${name}`, schema, result, `the output of \`${quoted(name)}\``)
    },
    facts: (name, facts) =>
      answer(`facts ${name}`, action(name)?.facts ?? undefined, facts, `the facts of \`${quoted(name)}\``),
    event(entity, type, data) {
      const schema = member(member(manifest.entities, entity)?.events ?? {}, type)
      answer(`event ${entity} ${type}`, schema, data, `event \`${quoted(type)}\` of \`${quoted(entity)}\``)
    },
    state: (entity, state) =>
      answer(`state ${entity}`, member(manifest.entities, entity)?.state, state, `the state of \`${quoted(entity)}\``),
    row: (model, row) =>
      answer(`row ${model}`, member(manifest.readModels, model)?.row, row, `a row of \`${quoted(model)}\``),
    effect: (effect, payload) =>
      answer(`effect ${effect}`, member(manifest.effects, effect)?.payload, payload, `effect \`${quoted(effect)}\``),
  }
}

/** Says why a schema cannot become a validator, or null: asked once, when a release is built, so that it never happens later. */
export function whyNotCompiled(schema: JsonSchema): string | null {
  try {
    new Ajv2020({ ...OPTIONS, allErrors: false }).compile(schema)
    return null
  } catch (error) {
    return `is not a usable schema: ${quoted(error instanceof Error ? error.message : 'it does not compile')}`
  }
}

/** Why a value does not fit a schema; null when it does. For what is checked once, when a release is built. */
export function whyNotFitting(schema: JsonSchema, value: unknown): string | null {
  try {
    compiled()('once', schema, value, 'release-invalid', 'it')
    return null
  } catch (error) {
    return error instanceof Problem ? error.detail : 'its schema does not compile'
  }
}

/** Names come from outside: only what was declared is found, never what every object has. */
const member = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

const quoted = (text: string): string =>
  text.length > QUOTED_CHARACTERS_MAX ? `${text.slice(0, QUOTED_CHARACTERS_MAX)}…` : text

function compiled() {
  const quick = new Ajv2020({ ...OPTIONS, allErrors: false })
  const thorough = new Ajv2020({ ...OPTIONS, allErrors: true })
  const validators = new Map<string, { readonly first: ValidateFunction; all: ValidateFunction | null }>()
  return function check(key: string, schema: JsonSchema, value: unknown, code: ProblemCode, what: string): void {
    let validator = validators.get(key)
    if (validator === undefined) {
      const first = (asksForNameless(schema) ? thorough : quick).compile(schema)
      validators.set(key, (validator = { first, all: null }))
    }
    let errors: readonly ErrorObject[]
    try {
      if (validator.first(value)) return
      errors = validator.first.errors ?? []
      if (isSmall(value)) {
        validator.all ??= thorough.compile(schema)
        validator.all(value)
        errors = validator.all.errors ?? errors
      }
    } catch (error) {
      // Only a recursive schema recurses, and only as deep as the value.
      if (!(error instanceof RangeError)) throw error
      throw problem(code, `${what} is nested too deep`, { errors: [{ pointer: '', message: 'is nested too deep' }] })
    }
    throw invalid(code, what, errors)
  }
}

/** Ajv that stops at the first error takes a missing member whose name is the empty text for no error at all; when it looks for all errors it does not. */
function asksForNameless(schema: Json): boolean {
  if (typeof schema !== 'object' || schema === null) return false
  return Object.entries(schema).some(
    ([keyword, part]) =>
      ((keyword === 'required' || keyword === 'dependentRequired') && namesNothing(part)) || asksForNameless(part),
  )
}
const namesNothing = (names: Json | undefined): boolean =>
  typeof names === 'object' &&
  names !== null &&
  (Array.isArray(names) ? names.includes('') : Object.values(names).some((list) => namesNothing(list)))

const isSmall = (value: unknown): boolean => (JSON.stringify(value)?.length ?? 0) <= THOROUGH_CHARACTERS_MAX

function invalid(code: ProblemCode, what: string, errors: readonly ErrorObject[]): Problem {
  const listed = errors
    .filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'oneOf' && keyword !== 'if')
    .concat(errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf'))
    .slice(0, VALIDATION_ERRORS_MAX)
    .map((error) => ({ pointer: quoted(error.instancePath), message: messageOf(error) }))
  const [first] = listed
  const where = first === undefined || first.pointer === '' ? '' : ` at \`${first.pointer}\``
  return problem(code, `${what} does not fit its schema${where}: ${first?.message ?? 'it is not valid'}`, {
    errors: listed,
  })
}

/** Lower case, says what was expected, quotes names only: never the value, which may be secret. */
function messageOf({ keyword, params, message }: ErrorObject): string {
  const given = params as Readonly<Record<string, unknown>>
  switch (keyword) {
    case 'required':
      return `\`${quoted(String(given['missingProperty']))}\` is missing`
    case 'additionalProperties':
      return `\`${quoted(String(given['additionalProperty']))}\` is not known here`
    case 'enum':
      return `must be one of ${quoted(JSON.stringify(given['allowedValues']))}`
    case 'const':
      return `must be ${quoted(JSON.stringify(given['allowedValue']))}`
    case 'false schema':
      return 'nothing is allowed here'
    case 'anyOf':
    case 'oneOf':
      return 'fits none of the forms that are allowed here'
    default:
      return quoted(message?.replaceAll('NOT', 'not') ?? `does not satisfy \`${keyword}\``)
  }
}
