/** A conversation with a started system, for end-to-end tests: an agent at the MCP door, and the front door that says whom it serves. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { TestSystem } from '../../src/main/testing.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'

/** What a tool answered. */
export interface Said {
  readonly kind: string
  readonly result: Json
  readonly code: string | null
  readonly rules: readonly string[]
  readonly position: number | null
}

export class Conversation implements AsyncDisposable {
  readonly #system: TestSystem
  readonly #run: string
  readonly #client = new Client({ name: 'examples', version: '1.0.0' })

  private constructor(system: TestSystem, run: string) {
    this.#system = system
    this.#run = run
  }

  static async begin(system: TestSystem, run: string): Promise<Conversation> {
    const conversation = new Conversation(system, run)
    const headers = { authorization: `Bearer ${system.agentKey}`, 'plinth-run': run }
    const transport = new StreamableHTTPClientTransport(new URL(system.mcpUrl), { requestInit: { headers } })
    await conversation.#client.connect(transport)
    return conversation
  }

  /** The front door, with a credential that the agent does not have, states facts about this run. */
  async attest(facts: JsonObject): Promise<void> {
    const file = JSON.parse(await readFile(join(this.#system.dir, 'front-door.json'), 'utf8')) as { apiKey: string }
    const response = await fetch(`${this.#system.url}/v1/runs/${this.#run}/attested`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${file.apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
      },
      body: JSON.stringify(facts),
    })
    if (!response.ok) throw new Error(await response.text())
  }

  async tools(): Promise<readonly string[]> {
    return (await this.#client.listTools()).tools.map(({ name }) => name)
  }

  async call(name: string, input: JsonObject): Promise<Said> {
    const answer = await this.#client.callTool({ name, arguments: { ...input } })
    const { kind, result, code, rules, position } = answer.structuredContent as Partial<Said>
    return {
      kind: kind ?? '',
      result: result ?? null,
      code: code ?? null,
      rules: rules ?? [],
      position: position ?? null,
    }
  }

  /** The state of an entity as of a log position, as an operator reads it. */
  async stateAt(entity: string, id: string, position: number): Promise<JsonObject> {
    const url = `${this.#system.url}/v1/entities/${entity}/${encodeURIComponent(id)}?at=${position}`
    const response = await fetch(url, { headers: { authorization: `Bearer ${this.#system.operatorKey}` } })
    if (!response.ok) throw new Error(await response.text())
    return ((await response.json()) as { state: JsonObject }).state
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close()
  }
}
