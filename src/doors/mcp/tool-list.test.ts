import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { JsonSchema } from '../../model/json.ts'
import type { CommandManifest, Manifest } from '../../model/manifest.ts'
import { toolsOf } from './tool-list.ts'

const command = (more: Partial<CommandManifest> = {}): CommandManifest => ({
  describe: 'Sells.',
  input: { type: 'object', properties: {} },
  output: null,
  facts: null,
  refusals: {},
  targets: [],
  appends: [],
  effects: [],
  destructive: false,
  hasUndo: false,
  ...more,
})
function toolOf(sell: CommandManifest) {
  const manifest = { commands: { sell }, queries: {} } as unknown as Manifest
  return toolsOf(manifest).get('sell') ?? assert.fail()
}
const validates = (schema: unknown, value: unknown): boolean =>
  new Ajv2020({ strict: false }).compile(schema as JsonSchema)(value) as boolean

test('hints follow the declaration', () => {
  assert.deepEqual(toolOf(command()).annotations, {
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: false,
  })
  assert.equal(toolOf(command({ destructive: true })).annotations?.destructiveHint, true)
  assert.equal(toolOf(command({ effects: ['letter'] })).annotations?.openWorldHint, true)
})

test('the text names what the command does and how it refuses', () => {
  const { description } = toolOf(command({ refusals: { 'too-late': 'it is too late' } }))
  assert.match(description ?? '', /^Sells\.\n/)
  assert.match(description ?? '', /`too-late` \(it is too late\)/)
})

test('an input of several shapes still says that it is an object', () => {
  const either = {
    anyOf: [
      { type: 'object', required: ['a'] },
      { type: 'object', required: ['b'] },
    ],
  }
  const { inputSchema } = toolOf(command({ input: either }))
  assert.equal(inputSchema.type, 'object')
  assert.deepEqual(
    [validates(inputSchema, { b: 1 }), validates(inputSchema, {}), validates(inputSchema, 'a')],
    [true, false, false],
  )
})

test('the output schema takes what a committed and a held call answer', () => {
  const output = {
    type: 'object',
    properties: { left: { $ref: '#/$defs/count' } },
    required: ['left'],
    $defs: { count: { type: 'integer' } },
  }
  const { outputSchema } = toolOf(command({ output }))
  const committed = (result: unknown) => ({
    kind: 'committed',
    operation: 'op_x',
    position: 1,
    result,
    replayed: false,
  })
  assert.ok(validates(outputSchema, committed({ left: 1 })))
  assert.ok(!validates(outputSchema, committed({ left: 'one' })))
  assert.ok(
    validates(outputSchema, { kind: 'held', operation: 'op_x', approval: 'apr_x', requires: ['operator'], rules: [] }),
  )
})

test('a schema that refers to its own root is left out rather than changed', () => {
  const tree = { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } }
  assert.equal(toolOf(command({ output: tree })).outputSchema, undefined)
})
