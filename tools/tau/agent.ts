/** An agent at the MCP door: the official client, a bearer token, and the name of its run. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Json, JsonObject } from '../../src/model/json.ts'

/** What a call came to, as its tool result says. */
export interface Called {
  readonly kind: 'committed' | 'answered' | 'held' | 'denied' | 'refused' | 'failed'
  readonly result: Json
  /** Log position of what was committed. */
  readonly position: number | null
  /** Of a refusal or fault. */
  readonly code: string | null
  /** Rules that determined a denial or hold, and the one that a refusal names. */
  readonly rules: readonly string[]
  readonly operation: string | null
  /** Of what is held. */
  readonly approval: string | null
  readonly elapsedMs: number
}

export class Agent implements AsyncDisposable {
  readonly #client = new Client({ name: 'plinth-tau', version: '1.0.0' })

  static async connect(mcpUrl: string, apiKey: string, run: string): Promise<Agent> {
    const agent = new Agent()
    const headers = { authorization: `Bearer ${apiKey}`, 'plinth-run': run }
    await agent.#client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl), { requestInit: { headers } }))
    return agent
  }

  async call(name: string, input: JsonObject): Promise<Called> {
    const startedMs = performance.now()
    const answer = await this.#client.callTool({ name, arguments: { ...input } }).catch((error: unknown) => ({
      structuredContent: { kind: 'failed', code: error instanceof Error ? error.message : String(error) },
    }))
    const elapsedMs = performance.now() - startedMs
    const content = (answer.structuredContent ?? {}) as JsonObject
    return {
      kind: content['kind'] as Called['kind'],
      result: content['result'] ?? null,
      position: typeof content['position'] === 'number' ? content['position'] : null,
      code: textOf(content['code']),
      rules: rulesOf(content),
      operation: textOf(content['operation']),
      approval: textOf(content['approval']),
      elapsedMs,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

const textOf = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null)

function rulesOf(content: JsonObject): readonly string[] {
  if (Array.isArray(content['rules'])) return content['rules'] as readonly string[]
  const rule = (content['detail'] as JsonObject | undefined)?.['rule']
  return typeof rule === 'string' ? [rule] : []
}
