/**
 * What each run has taken in, while it goes on. Kept in memory: after a restart, or when a run was forgotten for others, nobody can say what it
 * has read, and it counts as tainted. Applications that declare neither what their commands reach nor text from outside pay nothing.
 */
import { LruMap } from './lru-map.ts'
import { runStream } from './engine-streams.ts'
import { callOf, flowFacts } from '../data-flow/flow-facts.ts'
import { RunSources } from '../data-flow/run-sources.ts'
import { loadEvents } from '../event-log/load.ts'
import type { FlowFacts } from '../model/flow.ts'
import type { Position, PrincipalId, RunId } from '../model/ids.ts'
import type { Json, JsonObject, JsonSchema } from '../model/json.ts'
import { declaresFlow, wordsMembers, type Manifest } from '../model/manifest.ts'
import { teamOf } from '../model/principal.ts'
import type { Proposal } from './proposal.ts'
import type { StorageReader } from '../storage/storage.ts'

/** Teams of which it is known when they last read outside a run. */
const READERS_KEPT = 10_000
/** Runs kept at once; each has at most half a megabyte, usually some kilobytes. */
const RUNS_KEPT = 1_000
const RISKS = ['none', 'reversible', 'compensable', 'irreversible'] as const

/** What was asked, by whom, in which run. */
export interface FlowCall {
  readonly run: RunId | null
  /** What one agent of it reads, another may say. */
  readonly team: PrincipalId
  readonly action: string
  readonly input: JsonObject
  readonly attested: JsonObject
}
export const flowCall = ({ intent, principal, input }: Proposal, attested: JsonObject): FlowCall => ({
  run: intent.run,
  team: teamOf(principal),
  action: intent.command,
  input,
  attested,
})
interface Kept {
  readonly sources: RunSources
  /** Position of the run's first attestation; 0 without any. */
  readonly began: number
}

export class Flows {
  readonly #manifest: Manifest
  readonly #reader: StorageReader
  readonly #runs = new LruMap<RunId, Kept>(RUNS_KEPT)
  /** Position of the log when one of a team last read text that cannot be laid to one of its runs: all that went on then may hold it. */
  readonly #elsewhere = new Map<PrincipalId, Position>()
  /** The same of those that were forgotten, for everybody. */
  #elsewhereForgotten = -1
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
    team: PrincipalId,
    command: string,
    input: JsonObject,
    attested: JsonObject,
    effects: readonly string[],
  ): FlowFacts | null {
    if (!this.#declared) return null
    const { reaches = [], requestedBy = [], input: schema } = this.#manifest.commands[command] ?? {}
    const enumerated = enumeratedOf(schema)
    const required = (schema?.['required'] ?? []) as readonly string[]
    const called = { name: command, reaches, enumerated, required, requestedBy, risk: this.#riskOf(effects) }
    const { sources, began } = this.#keptOf(run)
    if (began <= Math.max(this.#elsewhere.get(team) ?? -1, this.#elsewhereForgotten)) sources.taint()
    return flowFacts(sources, this.#said(attested), called, input)
  }

  /** To be called before the answer leaves, so that no later call of the run can be judged without it. */
  answered({ run, team, action, input, attested }: FlowCall, value: Json): void {
    if (!this.#declared) return
    const source = this.#returns(action)
    if (run !== null) this.#keptOf(run).sources.answered(value, source, input, this.#said(attested))
    else if (source === 'external') this.readElsewhere(team)
  }

  /** The result of a command that was committed for this run. */
  made({ run, team, action, input, attested }: FlowCall, result: Json): void {
    if (!this.#declared) return
    const source = this.#returns(action)
    const sources = run === null ? null : this.#keptOf(run).sources
    sources?.made(result, source, input, this.#said(attested))
    sources?.called(callOf(action, input))
    if (run === null && source === 'external') this.readElsewhere(team)
  }

  /** The outcome of an operation, asked for later: by whichever run. */
  toldOutcome(team: PrincipalId, action: string): void {
    if (this.#declared && this.#returns(action) === 'external') this.readElsewhere(team)
  }

  /** Text from outside a run: records, in which anybody may have written, or an answer without a run. Taints every run of its team that goes on. */
  readElsewhere(team: PrincipalId): void {
    if (!this.#declared) return
    this.#elsewhere.delete(team)
    this.#elsewhere.set(team, this.#reader.head().position)
    if (this.#elsewhere.size <= READERS_KEPT) return
    const [oldest] = this.#elsewhere as Iterable<[PrincipalId, Position]>
    if (oldest === undefined) return
    this.#elsewhere.delete(oldest[0])
    this.#elsewhereForgotten = Math.max(this.#elsewhereForgotten, oldest[1])
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

  #keptOf(run: RunId | null): Kept {
    if (run === null) return { sources: new RunSources(false), began: 0 }
    let kept = this.#runs.get(run)
    if (kept === undefined) {
      // When a front door began it after all that may have been forgotten, whatever it has read is here.
      const [first] = loadEvents(this.#reader, runStream(run), 0, Number.MAX_SAFE_INTEGER as Position, 1)
      kept = {
        sources: new RunSources(first !== undefined && first.position > this.#forgottenUpTo),
        began: first?.position ?? 0,
      }
      if (this.#runs.size >= RUNS_KEPT) this.#forgottenUpTo = this.#reader.head().position
      this.#runs.set(run, kept)
    }
    return kept
  }
}

/** Members of an input that take one of a few given values. */
const enumeratedOf = (schema: JsonSchema | undefined): readonly string[] =>
  Object.entries((schema?.['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>)
    .filter(([, member]) => member['enum'] !== undefined || member['const'] !== undefined)
    .map(([name]) => name)
