/** An agent at the MCP door: the official client, a bearer token, and the name of its run. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Json, JsonObject } from '../../src/model/json.ts'

/** What a call came to, as its tool result says. */
export interface Called {
  readonly kind: 'committed' | 'answered' | 'held' | 'denied' | 'refused' | 'failed'
  readonly result: Json
  /** Of a refusal or fault. */
  readonly code: string | null
  /** Rules that determined a denial or hold, and the one that a refusal or a schema names. */
  readonly rules: readonly string[]
  readonly elapsedMs: number
}

export class Agent implements AsyncDisposable {
  readonly #client = new Client({ name: 'plinth-tau', version: '1.0.0' })
  #inputs: ReadonlyMap<string, JsonObject> | null = null

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
    const called: Called = {
      kind: content['kind'] as Called['kind'],
      result: content['result'] ?? null,
      code: typeof content['code'] === 'string' ? content['code'] : null,
      rules: rulesOf(content),
      elapsedMs,
    }
    return called.code === 'invalid-input' ? { ...called, rules: await this.#rulesBroken(name, content) } : called
  }

  /** A schema may carry the rule that it enforces, as `x-plinth-rule`: an input that does not fit has broken that rule. */
  async #rulesBroken(name: string, content: JsonObject): Promise<readonly string[]> {
    if (this.#inputs === null) {
      const { tools } = await this.#client.listTools()
      this.#inputs = new Map(tools.map((tool) => [tool.name, tool.inputSchema as JsonObject]))
    }
    const errors = Array.isArray(content['errors']) ? (content['errors'] as readonly JsonObject[]) : []
    return errors.flatMap(({ pointer }) => {
      const schema = typeof pointer === 'string' ? schemaAt(this.#inputs?.get(name), pointer) : undefined
      const rule = schema?.['x-plinth-rule']
      return typeof rule === 'string' ? [rule] : []
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}

function rulesOf(content: JsonObject): readonly string[] {
  if (Array.isArray(content['rules'])) return content['rules'] as readonly string[]
  const rule = (content['detail'] as JsonObject | undefined)?.['rule']
  return typeof rule === 'string' ? [rule] : []
}

/** The schema of a top-level member. */
function schemaAt(input: JsonObject | undefined, pointer: string): JsonObject | undefined {
  const properties = input?.['properties'] as Readonly<Record<string, JsonObject>> | undefined
  return properties?.[pointer.split('/')[1] ?? '']
}
