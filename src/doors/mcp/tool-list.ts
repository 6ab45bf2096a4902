/** The manifest's commands and queries as MCP tools: names, texts, schemas and hints are computed, never written by hand. */
import type { Tool } from '@modelcontextprotocol/server'
import type { Json, JsonObject, JsonSchema } from '../../model/json.ts'
import type { ActionManifest, CommandManifest, Manifest } from '../../model/manifest.ts'

/** Tools by name, made once for a release. */
export function toolsOf(manifest: Manifest): ReadonlyMap<string, Tool> {
  const tools = new Map<string, Tool>()
  for (const [name, query] of Object.entries(manifest.queries)) tools.set(name, queryTool(name, query))
  for (const [name, command] of Object.entries(manifest.commands)) tools.set(name, commandTool(name, command))
  return tools
}

/**
 * All four hints are stated, because two of them default to the dangerous side. Not idempotent: the same arguments asked for twice are two
 * intents, unless the caller names them as one with an idempotency key.
 */
function commandTool(name: string, command: CommandManifest): Tool {
  const notes = ['A command: it may be refused, denied by a policy, or held until somebody else approves it.']
  return tool(name, command, notes, outcomeSchema(command.output), {
    readOnlyHint: false,
    destructiveHint: command.destructive,
    idempotentHint: false,
    openWorldHint: command.effects.length > 0,
  })
}

const queryTool = (name: string, query: ActionManifest): Tool =>
  tool(name, query, ['A query: it changes nothing.'], answerSchema(query.output), {
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  })

function tool(
  name: string,
  action: ActionManifest,
  notes: readonly string[],
  output: JsonSchema | null,
  annotations: NonNullable<Tool['annotations']>,
): Tool {
  const refusals = Object.entries(action.refusals).map(([code, title]) => `\`${code}\` (${title})`)
  const refuses = refusals.length === 0 ? [] : [`Refuses with ${refusals.join(', ')}.`]
  return {
    name,
    description: [action.describe, ...notes, ...refuses].join('\n'),
    inputSchema: rootObject(action.input),
    ...(output === null ? {} : { outputSchema: rootObject(output) }),
    annotations,
  }
}

/** MCP wants `type: object` at the root, which a union of objects does not say. */
const rootObject = (schema: JsonSchema): Tool['inputSchema'] => ({ ...schema, type: 'object' }) as Tool['inputSchema']

/** What `structuredContent` holds when the call is no error: the result of a commit, or that it is held. */
function outcomeSchema(output: JsonSchema | null): JsonSchema | null {
  return embedding(output, (result) => ({
    type: 'object',
    properties: {
      kind: { enum: ['committed', 'held'] },
      operation: {
        type: 'string',
        description: 'Names this operation: for `plinth_outcome`, and for whoever asks why.',
      },
      position: { type: 'integer', description: 'Place of its record in the log.' },
      result,
      replayed: { type: 'boolean', description: 'True when this outcome was recorded before, under the same key.' },
      approval: { type: 'string' },
      rules: { type: 'array', items: { type: 'string' } },
      requires: { type: 'array', items: { type: 'string' }, description: 'Roles of whom one must approve.' },
      expiresAt: { type: 'string', description: 'RFC 3339 time after which nobody can approve it any more.' },
      next: { type: 'string' },
    },
    required: ['kind', 'operation'],
  }))
}

function answerSchema(output: JsonSchema | null): JsonSchema | null {
  return embedding(output, (result) => ({
    type: 'object',
    properties: {
      kind: { const: 'answered' },
      operation: { type: 'string' },
      asOf: { type: 'integer', description: 'Position of the log that was read.' },
      result,
    },
    required: ['kind', 'operation', 'asOf', 'result'],
  }))
}

/** Puts a schema inside another. Its definitions move to the new root; a schema that refers to its own root cannot move, so it is left out. */
function embedding(schema: JsonSchema | null, around: (inner: JsonSchema) => JsonSchema): JsonSchema | null {
  if (schema === null || refersToRoot(schema)) return null
  const { $defs, $schema: _dialect, ...inner } = schema
  return $defs === undefined ? around(inner) : { ...around(inner), $defs }
}

const refersToRoot = (value: Json): boolean =>
  Array.isArray(value)
    ? value.some(refersToRoot)
    : typeof value === 'object' && value !== null
      ? (value as JsonObject)['$ref'] === '#' || Object.values(value).some(refersToRoot)
      : false
