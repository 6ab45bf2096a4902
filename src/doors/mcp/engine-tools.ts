/** Tools of the engine itself. They read and wait; none decides. */
import type { CallToolResult, Tool } from '@modelcontextprotocol/server'
import type { Engine } from '../../engine/engine.ts'
import type { Level } from '../../model/acknowledgement.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { problem } from '../../model/problems.ts'
import { WAIT_MS_MAX } from '../http/limits.ts'
import { checkedOperation } from '../http/parameters.ts'
import { outcomeResult } from './results.ts'
import type { Caller } from './tools.ts'

interface Surface {
  readonly commands: readonly string[]
  readonly engine?: readonly string[]
}

export interface EngineTool {
  readonly tool: Tool
  visible(surface: Surface): boolean
  /** @param acknowledge level that the answer is asked for; null when `_meta` names none */
  call(caller: Caller, input: Json, acknowledge: Level | null): Promise<CallToolResult>
}

const READS = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }
const OPERATION = { type: 'string', pattern: '^op_[a-z2-7]{26}$', description: 'As the call returned it.' }

/** By name. Names that begin with `plinth_` belong to the engine. */
export function engineTools(engine: Engine): ReadonlyMap<string, EngineTool> {
  const outcome: EngineTool = {
    tool: {
      name: 'plinth_outcome',
      description:
        'The outcome of an operation you asked for. While it is held or running, waits up to `waitMs` and then says so again. Waiting decides nothing.',
      inputSchema: {
        type: 'object',
        properties: { operation: OPERATION, waitMs: { type: 'integer', minimum: 0, maximum: WAIT_MS_MAX, default: 0 } },
        required: ['operation'],
        additionalProperties: false,
      },
      annotations: READS,
    },
    visible: ({ commands }) => commands.length > 0,
    async call({ credentials, exchange }, input, acknowledge) {
      const { operation, waitMs = 0 } = members(input, ['operation', 'waitMs'])
      if (typeof waitMs !== 'number' || !Number.isInteger(waitMs) || waitMs < 0 || waitMs > WAIT_MS_MAX)
        throw problem('invalid-input', `\`waitMs\` must be a whole number from 0 to ${WAIT_MS_MAX}`)
      const asked = operationOf(operation)
      return outcomeResult(await engine.outcome(credentials, asked, waitMs, exchange.signal, acknowledge))
    },
  }
  const why: EngineTool = {
    tool: {
      name: 'plinth_why',
      description:
        'What an operation read and wrote, and why it was allowed. Each line says whether it is recorded, derived or unknown.',
      inputSchema: {
        type: 'object',
        properties: { operation: OPERATION },
        required: ['operation'],
        additionalProperties: false,
      },
      annotations: READS,
    },
    visible: ({ engine: actions }) => actions?.includes('plinth.read-records') === true,
    async call({ credentials, exchange }, input) {
      const { operation } = members(input, ['operation'])
      const answer = await engine.why(credentials, operationOf(operation), exchange.signal)
      return { content: [{ type: 'text', text: JSON.stringify(answer) }], structuredContent: { ...answer } }
    },
  }
  return new Map([outcome, why].map((each) => [each.tool.name, each]))
}

function members(input: Json, names: readonly string[]): JsonObject {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw problem('invalid-input', 'the arguments must be an object')
  for (const name of Object.keys(input))
    if (!names.includes(name)) throw problem('invalid-input', `there is no argument \`${name.slice(0, 64)}\``)
  return input as JsonObject
}

const operationOf = (value: Json | undefined) => checkedOperation(typeof value === 'string' ? value : '')
