/** One run of an assistant without doors and storage: what it has read, and how the default policies judge its next call. For tests that try many. */
import { describeApplication } from '../../src/application/describe.ts'
import { checkManifest } from '../../src/application/check-manifest.ts'
import { callOf, flowFacts } from '../../src/data-flow/flow-facts.ts'
import { RunSources } from '../../src/data-flow/run-sources.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { defaultPolicies } from '../../src/policy/default-policies.ts'
import { openPolicy, type OpenPolicy } from '../../src/policy/open.ts'
import { memorySource, principal } from '../../src/policy/testing/fixture.ts'
import { assistant, type Tool } from './application.ts'

export interface Judgement {
  readonly verdict: 'admitted' | 'held' | 'denied'
  readonly rules: readonly string[]
}

export class Desk implements Disposable {
  readonly #tools: ReadonlyMap<string, Tool>
  readonly #policy: OpenPolicy

  constructor(tools: readonly Tool[]) {
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]))
    const manifest = checkManifest(JSON.parse(describeApplication(assistant(tools))))
    this.#policy = openPolicy({ source: memorySource(defaultPolicies(manifest)), manifest })
  }

  /** A run in which the principal has said this, and nothing was read yet. */
  run(...said: readonly string[]): Scene {
    return new Scene(said, this.#tools, this.#policy)
  }

  [Symbol.dispose](): void {
    this.#policy.close()
  }
}

export class Scene {
  readonly #said: readonly string[]
  readonly #tools: ReadonlyMap<string, Tool>
  readonly #policy: OpenPolicy
  readonly #sources = new RunSources(true)

  constructor(said: readonly string[], tools: ReadonlyMap<string, Tool>, policy: OpenPolicy) {
    this.#said = said
    this.#tools = tools
    this.#policy = policy
  }

  read(name: string, args: JsonObject, answer: Json): this {
    this.#sources.answered({ answer }, this.#sourceOf(name), args, this.#said)
    return this
  }

  /** A call of this run that was committed. */
  did(name: string, args: JsonObject, answer: Json): this {
    this.#sources.called(callOf(name, args))
    this.#sources.made({ answer }, this.#sourceOf(name), args, this.#said)
    return this
  }

  judge(name: string, args: JsonObject): Judgement {
    const { targets, requestedBy, risk, inputSchema } = this.#tool(name)
    const properties = (inputSchema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>
    const enumerated = Object.keys(properties).filter((member) => properties[member]?.['enum'] !== undefined)
    const required = (inputSchema['required'] ?? []) as readonly string[]
    const called = { name, reaches: targets, enumerated, required, requestedBy, risk }
    const admission = this.#policy.admit({
      principal: principal({ roles: ['agent'] }),
      action: name,
      resource: null,
      input: args,
      facts: null,
      impact: {
        events: ['episode.acted'],
        streams: [],
        effects: [`did_${name}`],
        irreversible: risk === 'irreversible',
      },
      flow: flowFacts(this.#sources, this.#said, called, args),
      attested: { prompt: this.#said.join('\n') },
      approvals: [],
    })
    return { verdict: admission.kind, rules: admission.authority.rules }
  }

  #sourceOf(name: string): 'state' | 'external' {
    return this.#tool(name).untrusted_output ? 'external' : 'state'
  }

  #tool(name: string): Tool {
    const tool = this.#tools.get(name)
    if (tool === undefined) throw new Error(`there is no tool \`${name}\``)
    return tool
  }
}
