/**
 * What each run has taken in, while it goes on. Kept in memory: after a restart, or when a run was forgotten for others, nobody can say what it
 * has read, and it counts as tainted. Applications that declare neither what their commands reach nor text from outside pay nothing.
 */
import { LruMap } from './lru-map.ts'
import { runStream } from './engine-streams.ts'
import { flowFacts } from '../data-flow/flow-facts.ts'
import { RunSources } from '../data-flow/run-sources.ts'
import { loadEvents } from '../event-log/load.ts'
import type { FlowFacts } from '../model/flow.ts'
import type { Position, RunId } from '../model/ids.ts'
import type { Json, JsonObject, JsonSchema } from '../model/json.ts'
import { declaresFlow, wordsMembers, type Manifest } from '../model/manifest.ts'
import type { Intent } from '../model/operation.ts'
import type { StorageReader } from '../storage/storage.ts'

/** Runs kept at once; each has at most half a megabyte, usually some kilobytes. */
const RUNS_KEPT = 1_000
const RISKS = ['none', 'reversible', 'compensable', 'irreversible'] as const

export class Flows {
  readonly #manifest: Manifest
  readonly #reader: StorageReader
  readonly #runs = new LruMap<RunId, RunSources>(RUNS_KEPT)
  readonly #declared: boolean
  readonly #words: readonly string[]
  /** Runs that were attested for up to here may have been forgotten. */
  #forgottenUpTo: Position

  constructor(manifest: Manifest, reader: StorageReader) {
    this.#manifest = manifest
    this.#reader = reader
    this.#declared = declaresFlow(manifest)
    this.#words = wordsMembers(manifest)
    this.#forgottenUpTo = reader.head().position
  }

  /** Null for an application that declares nothing of it. */
  facts(
    run: RunId | null,
    command: string,
    input: JsonObject,
    attested: JsonObject,
    effects: readonly string[],
  ): FlowFacts | null {
    if (!this.#declared) return null
    const { reaches = [], requestedBy = [], input: schema } = this.#manifest.commands[command] ?? {}
    const enumerated = enumeratedOf(schema)
    const called = { name: command, reaches, enumerated, requestedBy, risk: this.#riskOf(effects) }
    return flowFacts(this.#sourcesOf(run), this.#said(attested), called, input)
  }

  /** To be called before the answer leaves, so that no later call of the run can be judged without it. */
  answered(run: RunId | null, action: string, input: JsonObject, value: Json, attested: JsonObject): void {
    if (!this.#declared || run === null) return
    this.#sourcesOf(run).answered(value, this.#returns(action), input, this.#said(attested))
  }

  /** The result of a command that was committed for this run. */
  made({ run, command, input }: Pick<Intent, 'run' | 'command' | 'input'>, result: Json, attested: JsonObject): void {
    if (!this.#declared || run === null) return
    this.#sourcesOf(run).made(result, this.#returns(command), input as JsonObject, this.#said(attested))
  }

  #returns(action: string): 'state' | 'external' {
    const { commands, queries } = this.#manifest
    return (commands[action] ?? queries[action])?.returns ?? 'state'
  }

  #said(attested: JsonObject): readonly string[] {
    return this.#words.map((member) => attested[member]).filter((text) => typeof text === 'string')
  }

  #riskOf(effects: readonly string[]): FlowFacts['risk'] {
    const risks = effects.map((effect) => RISKS.indexOf(this.#manifest.effects[effect]?.risk ?? 'irreversible'))
    return RISKS[Math.max(0, ...risks)] ?? 'irreversible'
  }

  #sourcesOf(run: RunId | null): RunSources {
    if (run === null) return new RunSources(false)
    let sources = this.#runs.get(run)
    if (sources === undefined) {
      sources = new RunSources(this.#isYoung(run))
      if (this.#runs.size >= RUNS_KEPT) this.#forgottenUpTo = this.#reader.head().position
      this.#runs.set(run, sources)
    }
    return sources
  }

  /** Did a front door begin this run after all that may have been forgotten? Then whatever it has read is here. */
  #isYoung(run: RunId): boolean {
    const [first] = loadEvents(this.#reader, runStream(run), 0, Number.MAX_SAFE_INTEGER as Position, 1)
    return first !== undefined && first.position > this.#forgottenUpTo
  }
}

/** Members of an input that take one of a few given values. */
const enumeratedOf = (schema: JsonSchema | undefined): readonly string[] =>
  Object.entries((schema?.['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>)
    .filter(([, member]) => member['enum'] !== undefined || member['const'] !== undefined)
    .map(([name]) => name)
