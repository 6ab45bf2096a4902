/**
 * The only file that touches the Cedar engine. It turns the engine's fail-open answers into closed ones: whatever is not a clean allow or a
 * clean deny is an error, and the caller denies on errors.
 *
 * The engine keeps what it has parsed under ids, for ever; so ids are few and used again (invariant: ids made = the most ever in use at once).
 */
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs'
import { createRequire } from 'node:module'
import type { JsonObject } from '../model/json.ts'

const ERRORS_MAX = 8 // errors kept from one evaluation
const ERROR_LENGTH_MAX = 300

export interface EntityUid {
  readonly type: string
  readonly id: string
}
export interface Entity {
  readonly uid: EntityUid
  readonly attrs: JsonObject
  readonly parents: readonly EntityUid[]
}
export interface CedarRequest {
  readonly principal: EntityUid
  readonly action: EntityUid
  readonly resource: EntityUid
  readonly context: JsonObject
  readonly entities: readonly Entity[]
}
/** `rules`: ids of the determining policies, sorted. */
export type CedarVerdict =
  | { readonly kind: 'allow' | 'deny'; readonly rules: readonly string[] }
  | { readonly kind: 'error'; readonly errors: readonly string[] }

export type CedarSchema = Cedar.SchemaJson<string>
export type CedarPolicy = Cedar.PolicyJson
export type CedarExpression = Cedar.Expr
/** Cedar source by policy id. */
export type PolicyTexts = Readonly<Record<string, string>>

let loaded: typeof Cedar | undefined
/** At its first use: a warden seldom looks at policies, and does without the engine's 20 MB until then. */
const cedar = (): typeof Cedar =>
  (loaded ??= createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Cedar)

/** Name and version, as authority records carry it. */
export const evaluator = (): string => (version ??= `cedar ${cedar().getCedarVersion()}`)
let version: string | undefined

/** A thing the engine has parsed. Released exactly once. */
export interface Parsed {
  readonly id: string
  release(): void
}

const freeIds: string[] = []
let idsMade = 0

/** How many ids the engine has ever been given; each costs memory for ever. */
export const parsedIdsMade = (): number => idsMade

/** @throws Error naming what does not parse */
export function parsePolicySet(texts: PolicyTexts): Parsed {
  return parseUnderId(
    (id) => cedar().preparsePolicySet(id, { staticPolicies: { ...texts } }),
    (id) => cedar().preparsePolicySet(id, { staticPolicies: {} }),
  )
}

/** @throws Error naming what does not parse */
export function parseSchema(schema: CedarSchema | string): Parsed {
  return parseUnderId(
    (id) => cedar().preparseSchema(id, schema),
    (id) => cedar().preparseSchema(id, { '': { entityTypes: {}, actions: {} } }),
  )
}

function parseUnderId(parse: (id: string) => Cedar.CheckParseAnswer, empty: (id: string) => unknown): Parsed {
  const id = freeIds.pop() ?? `plinth-${++idsMade}`
  const answer = parse(id)
  if (answer.type !== 'success') {
    freeIds.push(id)
    throw new Error(messagesOf(answer.errors).join('; '))
  }
  let released = false
  return {
    id,
    release() {
      if (released) return
      released = true
      empty(id)
      freeIds.push(id)
    },
  }
}

/**
 * One evaluation, the request checked against the schema. Never throws for a request's or a policy's sake.
 * The engine itself skips a policy that fails, also a forbid, and then may answer "allow"; here that is an error.
 */
export function evaluate(policies: Parsed, schema: Parsed | null, request: CedarRequest): CedarVerdict {
  let answer: Cedar.AuthorizationAnswer
  try {
    answer = cedar().statefulIsAuthorized({
      principal: { ...request.principal },
      action: { ...request.action },
      resource: { ...request.resource },
      context: request.context as Cedar.Context,
      preparsedPolicySetId: policies.id,
      ...(schema === null ? {} : { preparsedSchemaName: schema.id, validateRequest: true }),
      entities: request.entities as unknown as Cedar.Entities,
    })
  } catch (error) {
    return { kind: 'error', errors: [bounded(error instanceof Error ? error.message : String(error))] }
  }
  if (answer.type !== 'success') return { kind: 'error', errors: messagesOf(answer.errors) }
  const { decision, diagnostics } = answer.response
  if (diagnostics.errors.length > 0) {
    const errors = diagnostics.errors.map(({ policyId, error }) => bounded(`\`${policyId}\`: ${error.message}`))
    return { kind: 'error', errors: errors.sort().slice(0, ERRORS_MAX) }
  }
  return { kind: decision === 'allow' ? 'allow' : 'deny', rules: [...diagnostics.reason].sort() }
}

/** The policies of one source text, each as text and structure. @throws Error naming what does not parse, templates included */
export function splitPolicies(source: string): readonly { readonly text: string; readonly policy: CedarPolicy }[] {
  const parts = cedar().policySetTextToParts(source)
  if (parts.type !== 'success') throw new Error(messagesOf(parts.errors).join('; '))
  if (parts.policy_templates.length > 0) throw new Error('templates are not taken: write the principal or resource out')
  return parts.policies.map((text) => {
    const answer = cedar().policyToJson(text)
    if (answer.type !== 'success') throw new Error(messagesOf(answer.errors).join('; '))
    return { text, policy: answer.json }
  })
}

/** What a schema finds wrong with policies, in words; empty when they fit. */
export function validatePolicies(texts: PolicyTexts, schema: CedarSchema | string): readonly string[] {
  const answer = cedar().validate({
    validationSettings: { mode: 'strict' },
    schema,
    policies: { staticPolicies: { ...texts } },
  })
  if (answer.type !== 'success') return messagesOf(answer.errors)
  return answer.validationErrors.map(({ error }) => bounded(error.message))
}

const messagesOf = (errors: readonly Cedar.DetailedError[]): string[] =>
  errors.slice(0, ERRORS_MAX).map(({ message }) => bounded(message))

const bounded = (message: string): string =>
  message.length <= ERROR_LENGTH_MAX ? message : `${message.slice(0, ERROR_LENGTH_MAX)}…`

/** `Order::"#W1"`, in Cedar's own syntax. */
export const formatUid = ({ type, id }: EntityUid): string => `${type}::"${escapeId(id)}"`

// Cedar's escapes; what needs none stays readable.
const escapeId = (id: string): string =>
  id.replace(/["\\\p{Cc}]/gu, (character) =>
    character === '"' || character === '\\' ? `\\${character}` : `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  )

/** Back from what `formatUid` prints; null for anything else. */
export function parseUid(text: string): EntityUid | null {
  const [, type, escaped] =
    /^([A-Za-z_][A-Za-z0-9_]*)::"((?:[^"\\\p{Cc}]|\\["\\]|\\u\{[0-9a-f]{1,6}\})*)"$/u.exec(text) ?? []
  if (type === undefined || escaped === undefined) return null
  const id = escaped.replace(
    /\\(?:(["\\])|u\{([0-9a-f]+)\})/g,
    (_, plain: string | undefined, hex: string | undefined) =>
      plain === undefined ? String.fromCodePoint(Number.parseInt(hex ?? '0', 16)) : plain,
  )
  const uid = { type, id }
  return formatUid(uid) === text ? uid : null
}
