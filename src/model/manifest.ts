/** A release as plain JSON: all that engine and doors know of an application. Built by src/application/, never by hand. */
import type { Level } from './acknowledgement.ts'
import type { Hash, ReleaseId } from './ids.ts'
import type { JsonSchema } from './json.ts'
import type { PersonalManifest } from './personal.ts'

export interface Manifest {
  readonly format: 1
  readonly name: string
  readonly describe: string
  readonly entities: Readonly<Record<string, EntityManifest>>
  readonly commands: Readonly<Record<string, CommandManifest>>
  readonly queries: Readonly<Record<string, QueryManifest>>
  readonly readModels: Readonly<Record<string, ReadModelManifest>>
  readonly effects: Readonly<Record<string, EffectManifest>>
  readonly invariants: Readonly<Record<string, InvariantManifest>>
  readonly importers: Readonly<Record<string, ImporterManifest>>
  /** Object schema, every member optional: the facts that a front door may attest for a run. */
  readonly attested: JsonSchema
}

export interface EntityManifest {
  readonly describe: string
  readonly state: JsonSchema
  readonly events: Readonly<Record<string, JsonSchema>>
  /** Events that may be a stream's first; empty when the entity has an initial state. */
  readonly opens: readonly string[]
  readonly hasInitial: boolean
  /** Level at which a commit with this event is acknowledged, by event; left out when none asks for more than the default. */
  readonly acknowledge?: Readonly<Record<string, Level>>
  /** Absent: it holds no personal data. */
  readonly personal?: PersonalManifest
}

/** Which entity an action is about: the input member, at the top level, that holds its id. */
export interface Target {
  readonly entity: string
  readonly member: string
}

export interface ActionManifest {
  readonly describe: string
  readonly input: JsonSchema
  readonly output: JsonSchema | null
  /** Facts that decide or read states for admission to see; null when it states none. */
  readonly facts: JsonSchema | null
  /** Stable refusal codes, each with what it means. `not-found` is always there. */
  readonly refusals: Readonly<Record<string, string>>
  /** Every input member marked as an entity id, in order; the first is the Cedar resource. Also what the engine prefetches. */
  readonly targets: readonly Target[]
  /** The answer carries text from outside that passes through the application; left out: it is the application's own state. */
  readonly returns?: 'external'
  /** Input members that are personal: not kept where the record of the action belongs to no data subject. */
  readonly personal?: readonly string[]
}
export interface CommandManifest extends ActionManifest {
  /** Entities whose events it may append, and effects it may ask for: declared, checked on every decision. */
  readonly appends: readonly string[]
  readonly effects: readonly string[]
  /** Input members that choose who or what is reached; left out when none are declared. */
  readonly reaches?: readonly string[]
  /** Words by which a principal asks for it, each one or more that must all be said; left out when none are declared. */
  readonly requestedBy?: readonly string[]
  /** MCP hints, computed from the declaration. */
  readonly destructive: boolean
  readonly hasUndo: boolean
  /** Level at which it is acknowledged; left out when it asks for no more than the default. */
  readonly acknowledge?: Level
}
export type QueryManifest = ActionManifest

export interface ReadModelManifest {
  readonly describe: string
  /** Rows are a pure function of one state of this entity. */
  readonly of: string
  /** Object schema of a row; indexed columns are string, integer or boolean and required. */
  readonly row: JsonSchema
  /** Column lists. A find's equality columns and then its order must be a prefix of one of them. */
  readonly indexes: readonly (readonly string[])[]
  /** Indexed columns that are personal: asked for by equality, and stored so that the index does not show them. */
  readonly personal?: readonly string[]
}

export type Risk = 'reversible' | 'compensable' | 'irreversible'
export interface EffectManifest {
  readonly describe: string
  readonly payload: JsonSchema
  readonly risk: Risk
}
export interface InvariantManifest {
  readonly describe: string
  readonly of: string
  /** SHA-256 of the text of `holds`, as bundled: what it calls elsewhere is not part of it. */
  readonly code: Hash
}
export interface ImporterManifest {
  readonly describe: string
  readonly of: string
  readonly event: string
  /** One record of the outside form. */
  readonly record: JsonSchema
}

export interface Release {
  readonly id: ReleaseId
  readonly manifest: Manifest
  /** JavaScript that runs only in the sandbox: docs/architecture.md, "The bundle". */
  readonly bundle: string
}

/** Does the application say anything about where values come from and whom they reach? */
export const declaresFlow = ({ commands, queries }: Manifest): boolean =>
  [...Object.values(commands), ...Object.values(queries)].some(({ returns }) => returns === 'external') ||
  Object.values(commands).some(({ reaches }) => reaches !== undefined)

/** Attested facts that are the principal's own words. */
export const wordsMembers = ({ attested }: Manifest): readonly string[] =>
  Object.entries((attested['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>)
    .filter(([, schema]) => schema['x-plinth-words'] === true)
    .map(([member]) => member)
