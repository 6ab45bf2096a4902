/**
 * What `decide` and `read` are handed: reads at one log position, and the words a decision is made of.
 * Types only; the sandbox supplies the object. Nothing here can reach the world: a decision is a proposal until it is admitted.
 */
import type { z } from 'zod'
import type { Json } from '../model/json.ts'
import type { AnyEffect, AnyEntity, AnyReadModel } from './declarations.ts'

/** What an author hands over, and what an author is handed, of a schema. They differ only in brands: schemas never transform. */
export type Given<Schema extends z.ZodType> = z.input<Schema>
export type Held<Schema extends z.ZodType> = z.output<Schema>
export type StateOf<E extends AnyEntity> = Held<E['state']>

declare const refused: unique symbol
/** Made by `tx.refuse` alone, and returned: the decision is "no", with a stable code that callers can act on. */
export interface Refusal<Code extends string = string> {
  readonly [refused]: Code
}

/** Members of a refusal's detail; `undefined` members are left out. */
export type RefusalDetail = { readonly [name: string]: Json | undefined }

/** Identity of the content of an outside fact that a decision relied on; read again just before the effect leaves. */
export interface Pin {
  readonly fact: string
  /** SHA-256 in lower-case hex. */
  readonly hash: string
}

export interface FoundRow<Row> {
  /** Id of the entity that the row comes from. */
  readonly id: string
  /** Tells several rows of one entity apart; '' where there is one. */
  readonly key: string
  readonly row: Row
}

/** Equality on exactly these columns, and on no other. */
type Where<Row, Columns extends readonly string[]> = {
  readonly [C in Columns[number] & keyof Row]: Row[C]
} & { readonly [C in Exclude<keyof Row, Columns[number]>]?: never }

type Beginnings<Columns extends readonly string[]> = Columns extends readonly [
  ...infer Head extends readonly string[],
  string,
]
  ? Readonly<Columns> | Beginnings<Head>
  : readonly []

/** Every find that one index serves: its first columns by equality, then some of the next as order. */
type IndexFinds<Row, Columns extends readonly string[], Equal extends readonly string[] = readonly []> =
  | {
      readonly where: Where<Row, Equal>
      readonly order?: Beginnings<Columns>
      /** 1 to 1000, 50 when left out. */
      readonly limit?: number
      /** Continue behind this row. */
      readonly after?: { readonly id: string; readonly key: string }
    }
  | (Columns extends readonly [infer Next extends string, ...infer Rest extends readonly string[]]
      ? IndexFinds<Row, Rest, readonly [...Equal, Next]>
      : never)

/** Distributes over the declared indexes. */
type AnyIndexFinds<Row, Index> = Index extends readonly string[] ? IndexFinds<Row, Index> : never
export type Find<M extends AnyReadModel> =
  AnyIndexFinds<Held<M['row']>, M['indexes'][number]> | IndexFinds<Held<M['row']>, readonly []>

/** The half that reads: of a query, and of a decision. */
export interface ReadTransaction<Facts, Code extends string, Silent> {
  /** State of one entity. A missing one refuses the whole call by itself, with code `not-found`. */
  get<E extends AnyEntity>(entity: E, id: string): Promise<StateOf<E>>
  /** Like `get`, but answers `undefined` for a missing one. */
  lookup<E extends AnyEntity>(entity: E, id: string): Promise<StateOf<E> | undefined>
  /** Rows in index order. Only what a declared index serves can be asked. */
  find<M extends AnyReadModel>(readModel: M, find: Find<M>): Promise<readonly FoundRow<Held<M['row']>>[]>
  /** `return tx.refuse('code', { … })`. Nothing is written, and the caller can tell why. */
  refuse<const C extends Code | 'not-found'>(code: C, detail?: RefusalDetail): Refusal<C> | Silent
  /** States what admission may know beside the input. Needed before returning when `facts` is declared, refusals included. */
  facts(facts: Facts): void
  /** Milliseconds since the epoch; the only clock there is. */
  readonly nowMs: number
  readonly principal: {
    readonly id: string
    readonly kind: 'human' | 'agent' | 'service'
    readonly onBehalfOf: string | null
  }
  /** Facts that a front door attested for this run; every one may be missing. */
  readonly attested: { readonly [fact: string]: Json | undefined }
}

/** A decision: reads, then events and effects. Reads after `append` see the new state. */
export interface Transaction<
  Facts,
  Code extends string,
  Silent,
  Appends extends AnyEntity,
  Effects extends AnyEffect,
> extends ReadTransaction<Facts, Code, Silent> {
  /**
   * Adds one event to the stream of one entity; the next read sees the state after it. An event that opens a stream which is there refuses the call with
   * `already-exists`, any other of a stream that is not there with `not-found`; data that does not fit its schema fails it (`application-output-invalid`).
   */
  append<E extends Appends, Event extends keyof E['events'] & string>(
    entity: E,
    id: string,
    event: Event,
    data: Given<E['events'][Event]>,
  ): void
  /** Asks for an effect on the world outside; it goes to the outbox of the same commit. */
  effect<E extends Effects>(effect: E, payload: Given<E['payload']>, options?: { readonly pins?: readonly Pin[] }): void
  /** A new id, `<prefix>_…`: the same on every try of one operation, never seen before in another. */
  newId(prefix: string): string
}
