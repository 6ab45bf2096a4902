/** The OpenAPI 3.1 document of this door: every route, and every command and query of one principal's surface with its own schemas. */
import type { ActionManifest, Manifest } from '../../model/manifest.ts'
import type { JsonObject, JsonSchema } from '../../model/json.ts'
import { PROBLEMS } from '../../model/problems.ts'
import type { HeaderParameter, QueryParameter, Route } from './route.ts'
import { allRoutes } from './routes.ts'

export interface Surface {
  readonly commands: readonly string[]
  readonly queries: readonly string[]
}
type Members = Record<string, JsonObject>

export function openApi(manifest: Manifest, surface: Surface): JsonObject {
  const paths: Record<string, Members> = {}
  const add = (path: string, route: Route, operation: JsonObject) => {
    const item = (paths[path] ??= {})
    item[route.method.toLowerCase()] = operation
  }
  for (const route of allRoutes()) {
    add(route.path, route, operationOf(route, route.path, null))
    const names = namesFor(route, surface)
    for (const name of names.sort()) {
      const action = (route.path.startsWith('/v1/commands/') ? manifest.commands : manifest.queries)[name]
      if (action === undefined || route.method === 'GET') continue
      const path = route.path.replace(/\{[a-z]+\}$/, encodeURIComponent(name))
      add(path, route, operationOf(route, path, { name, action }))
    }
  }
  return {
    openapi: '3.1.1',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: { title: manifest.name, description: manifest.describe, version: '1' },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a token of a known issuer.' },
      },
      parameters: {
        OnBehalfOf: {
          name: 'Plinth-On-Behalf-Of',
          in: 'header',
          required: false,
          description: 'For whom the caller acts; checked against its delegations.',
          schema: { type: 'string' },
        },
      },
      responses: {
        Problem: {
          description: 'A fault, as RFC 9457 describes it.',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      schemas: { Problem: PROBLEM },
    },
  }
}

function namesFor(route: Route, surface: Surface): string[] {
  if (route.path.startsWith('/v1/commands/')) return [...surface.commands]
  return route.path.startsWith('/v1/queries/') ? [...surface.queries] : []
}

function operationOf(route: Route, path: string, own: { name: string; action: ActionManifest } | null): JsonObject {
  const described = own === null ? route.describe : own.action.describe
  const refusals = own === null ? '' : refusalText(own.action)
  const success: JsonObject = { description: route.answers['200'] ?? 'The answer.', content: contentOf(route, own) }
  const responses: Members = { '200': success, default: { $ref: '#/components/responses/Problem' } }
  for (const [status, description] of Object.entries(route.answers))
    if (status !== '200')
      responses[status] = { description, content: { 'application/json': { schema: { type: 'object' } } } }
  return {
    operationId: own === null ? route.id : `${route.id}.${own.name}`,
    summary: described.split('. ', 1)[0] as string,
    description: described + refusals,
    ...(route.open === true ? { security: [{}, { bearer: [] }] } : {}),
    parameters: [
      ...pathParameters(path),
      ...route.query.map(queryParameter),
      ...route.headers.map(headerParameter),
      ...(route.open === true ? [] : [{ $ref: '#/components/parameters/OnBehalfOf' }]),
    ],
    ...(route.body === null ? {} : { requestBody: bodyOf(route, own) }),
    responses,
  }
}

const refusalText = (action: ActionManifest): string =>
  Object.entries(action.refusals)
    .map(([code, title]) => `\n- refuses with \`${code}\`: ${title}`)
    .join('')

const bodyOf = (route: Route, own: { name: string; action: ActionManifest } | null): JsonObject => ({
  required: true,
  content: {
    'application/json': {
      schema: own === null ? (route.body as JsonSchema) : embedded(own.action.input, `${route.id}:${own.name}:input`),
    },
  },
})

function contentOf(route: Route, own: { name: string; action: ActionManifest } | null): JsonObject {
  if (route.id === 'getCheckpoint' || route.id === 'getWitnessedCheckpoint')
    return { 'text/plain': { schema: { type: 'string' } } }
  const output = own?.action.output ?? null
  if (own === null || output === null) return { 'application/json': { schema: { type: 'object' } } }
  const result = embedded(output, `${route.id}:${own.name}:output`)
  return { 'application/json': { schema: { type: 'object', properties: { result }, required: ['result'] } } }
}

/** A schema that refers to its own definitions needs an id, because `#` means the whole document here. */
const embedded = (schema: JsonSchema, name: string): JsonSchema =>
  schema['$defs'] === undefined || schema['$id'] !== undefined
    ? schema
    : { ...schema, $id: `urn:plinth:schema:${name}` }

const pathParameters = (path: string): readonly JsonObject[] =>
  [...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => ({
    name: name as string,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1 },
  }))
const queryParameter = ({ name, describe, schema }: QueryParameter): JsonObject => ({
  name,
  in: 'query',
  required: false,
  description: describe,
  schema,
})
const headerParameter = ({ name, describe, required }: HeaderParameter): JsonObject => ({
  name,
  in: 'header',
  required,
  description: describe,
  schema:
    name === 'Idempotency-Key' ? { type: 'string', minLength: 1, maxLength: 255 } : { type: 'string', maxLength: 128 },
})

const PROBLEM: JsonSchema = {
  type: 'object',
  properties: {
    type: { type: 'string', description: '`urn:plinth:problem:` and the code' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'names this one request' },
    code: { enum: Object.keys(PROBLEMS) },
    retry: { enum: ['same-key', 'new-key', 'later', 'never'] },
    next: { type: 'string', description: 'what to do next' },
  },
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'retry', 'next'],
}
