import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ActionManifest, Manifest } from '../../model/manifest.ts'
import { openApi } from './openapi.ts'
import { allRoutes } from './routes.ts'

const action = (more: Partial<ActionManifest> = {}): ActionManifest => ({
  describe: 'Does it. At once.',
  input: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
  output: null,
  facts: null,
  refusals: { 'too-late': 'it is too late' },
  targets: [],
  ...more,
})
const tree = { type: 'object', properties: { node: { $ref: '#/$defs/node' } }, $defs: { node: { type: 'string' } } }
const manifest: Manifest = {
  format: 1,
  name: 'shop',
  describe: 'A shop.',
  entities: {},
  commands: {
    sell: { ...action(), appends: [], effects: [], destructive: true, hasUndo: false },
    hidden: { ...action(), appends: [], effects: [], destructive: true, hasUndo: false },
  },
  queries: { find: action({ input: tree, output: tree }) },
  readModels: {},
  effects: {},
  invariants: {},
  importers: {},
  attested: {},
}
const document = openApi(manifest, { commands: ['sell'], queries: ['find'] })
const paths = document['paths'] as Record<string, Record<string, Record<string, unknown>>>

/** The shape of OpenAPI 3.1 as far as this door uses it; closed, so that a misspelt member is seen. */
const reference = {
  type: 'object',
  properties: { $ref: { type: 'string' } },
  required: ['$ref'],
  additionalProperties: false,
}
const schema = { type: 'object' }
const content = {
  type: 'object',
  minProperties: 1,
  additionalProperties: { type: 'object', properties: { schema }, required: ['schema'], additionalProperties: false },
}
const parameter = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    in: { enum: ['path', 'query', 'header'] },
    required: { type: 'boolean' },
    description: { type: 'string' },
    schema,
  },
  required: ['name', 'in', 'required', 'schema'],
  if: { properties: { in: { const: 'path' } } },
  then: { properties: { required: { const: true } } },
  additionalProperties: false,
}
const response = {
  type: 'object',
  properties: { description: { type: 'string' }, content },
  required: ['description'],
  additionalProperties: false,
}
const security = { type: 'array', items: { type: 'object', additionalProperties: { type: 'array' } } }
const operation = {
  type: 'object',
  properties: {
    operationId: { type: 'string' },
    summary: { type: 'string' },
    description: { type: 'string' },
    security,
    parameters: { type: 'array', items: { anyOf: [reference, parameter] } },
    requestBody: {
      type: 'object',
      properties: { required: { type: 'boolean' }, content },
      required: ['content'],
      additionalProperties: false,
    },
    responses: {
      type: 'object',
      patternProperties: { '^([1-5][0-9]{2}|default)$': { anyOf: [reference, response] } },
      additionalProperties: false,
      minProperties: 1,
    },
  },
  required: ['operationId', 'responses', 'parameters'],
  additionalProperties: false,
}
const openApi31 = {
  type: 'object',
  properties: {
    openapi: { type: 'string', pattern: '^3\\.1\\.[0-9]+$' },
    jsonSchemaDialect: { type: 'string' },
    info: {
      type: 'object',
      properties: { title: { type: 'string' }, description: { type: 'string' }, version: { type: 'string' } },
      required: ['title', 'version'],
      additionalProperties: false,
    },
    security,
    paths: {
      type: 'object',
      patternProperties: {
        '^/': {
          type: 'object',
          properties: { get: operation, put: operation, post: operation },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
    components: {
      type: 'object',
      properties: {
        securitySchemes: { type: 'object' },
        parameters: { type: 'object', additionalProperties: parameter },
        responses: { type: 'object', additionalProperties: response },
        schemas: { type: 'object', additionalProperties: schema },
      },
      additionalProperties: false,
    },
  },
  required: ['openapi', 'info', 'paths'],
  additionalProperties: false,
}

test('has the structure of OpenAPI 3.1', () => {
  const validate = new Ajv2020({ strict: false, allErrors: true }).compile(openApi31)
  assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 5)))
})

test('lists every route, and only routes', () => {
  const listed = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const routes = allRoutes().map(({ method, path }) => `${method} ${path}`)
  const own = ['POST /v1/commands/sell', 'POST /v1/queries/find']
  assert.deepEqual(listed.sort(), [...routes, ...own].sort())
})

test('shows the surface of one principal: what is not in it is not there', () => {
  assert.ok(!JSON.stringify(document).includes('hidden'))
  const none = openApi(manifest, { commands: [], queries: [] })
  assert.ok(!JSON.stringify(none).includes('sell'))
})

test('names each operation once, and each path parameter where it stands', () => {
  const operations = Object.values(paths).flatMap((item) => Object.values(item))
  const ids = operations.map((each) => each['operationId'])
  assert.equal(new Set(ids).size, ids.length)
  for (const [path, item] of Object.entries(paths))
    for (const each of Object.values(item)) {
      const parameters = each['parameters'] as { in?: string; name?: string }[]
      const named = parameters.filter((one) => one.in === 'path').map((one) => `{${one.name}}`)
      assert.deepEqual(named, path.match(/\{[a-z]+\}/g) ?? [], path)
    }
})

test('every reference inside the document leads somewhere', () => {
  const at = (pointer: string): unknown =>
    pointer
      .slice(2)
      .split('/')
      .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], document)
  for (const [, pointer] of JSON.stringify(paths).matchAll(/"\$ref":"(#\/components[^"]*)"/g))
    assert.notEqual(at(pointer as string), undefined, pointer)
})

test('a schema with definitions of its own keeps them: it has an id', () => {
  const find = paths['/v1/queries/find']?.['post'] ?? assert.fail()
  const body = find['requestBody'] as { content: Record<string, { schema: Record<string, unknown> }> }
  const input = body.content['application/json']?.schema ?? assert.fail()
  const validate = new Ajv2020({ strict: false }).compile({ $ref: input['$id'], $defs: { input } })
  assert.ok(validate({ node: 'x' }))
  assert.ok(!validate({ node: 1 }))
})

test('says what a command refuses with', () => {
  const sell = paths['/v1/commands/sell']?.['post'] ?? assert.fail()
  assert.match(String(sell['description']), /`too-late`: it is too late/)
  assert.equal(sell['summary'], 'Does it')
})
