/**
 * What an application author writes, as plain values. This module is the `plinth` that application code imports: it is bundled into
 * the release and runs in the sandbox, so it imports nothing but zod (in the guest: a stub that does nothing) and keeps no state.
 * The functions give the values their types and one normal form; src/application/build.ts checks what types cannot.
 */
import { z } from 'zod'
import type { Level } from '../model/acknowledgement.ts'
import type { Risk } from '../model/manifest.ts'
import type { Given, Held, ReadTransaction, Refusal, Transaction } from './transaction.ts'

declare const inferred: unique symbol

// Entities

export interface AnyEntity {
  readonly kind: 'entity'
  readonly name: string
  readonly describe: string
  readonly state: z.ZodType
  readonly events: Readonly<Record<string, z.ZodType>>
  /** `undefined`: a stream begins with one of `opens`. */
  readonly initial: unknown
  readonly opens: readonly string[]
  readonly acknowledge: Readonly<Record<string, Level>>
  readonly evolve: Readonly<Record<string, (state: never, data: never, id: string) => unknown>>
  readonly personal: AnyPersonal | null
}

export interface AnyPersonal {
  /** State member that holds the data subject's id; null: the entity is the subject. */
  readonly subject: string | null
  readonly events: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

type TextMember<Type> = { readonly [Member in keyof Type]: Type[Member] extends string ? Member : never }[keyof Type] &
  string
/** Personal data of an entity: which members of its events, and what `evolve` is given in their place once they are erased. */
export interface Personal<State extends z.ZodType, Events extends Readonly<Record<string, z.ZodType>>> {
  /**
   * Member of the state that names whom the data is about, declared by that entity's `id()`. Left out: the entity itself is the data subject. Ids are
   * never erased: they must not say who somebody is.
   */
  readonly subject?: TextMember<Held<State>>
  /** Event → member → its stand-in: a value of the member's own type. */
  readonly events: {
    readonly [Event in keyof Events]?: {
      readonly [Member in keyof Held<Events[Event]>]?: Exclude<Held<Events[Event]>[Member], undefined>
    }
  }
}

export interface Entity<
  Name extends string,
  State extends z.ZodType,
  Events extends Readonly<Record<string, z.ZodType>>,
> extends AnyEntity {
  readonly name: Name
  readonly state: State
  readonly events: Events
  /** Schema of this entity's id, for inputs and states: the engine and doors know by it which entity a member names. */
  id(): EntityId<Name>
}

declare const names: unique symbol
/** A string schema that says which entity it names; of its values it says nothing, so that ids stay plain strings. */
export type EntityId<Name extends string> = z.ZodString & { readonly [names]: Name }

/** Conditional, although it always holds: only so does the compiler know the state while it reads what an `evolve` returns. */
type Evolve<State extends z.ZodType, Events extends Readonly<Record<string, z.ZodType>>, Opening> = [State] extends [
  z.ZodType,
]
  ? {
      readonly [Event in keyof Events]: (
        state: Event extends Opening ? undefined : Held<State>,
        data: Held<Events[Event]>,
        id: string,
      ) => Given<State>
    }
  : never

/**
 * Event-sourced state. With `initial` every stream exists from the start and every event folds over that state; without it,
 * `opens` names the events that begin a stream, and only those: their `evolve` gets `undefined`, and a stream that exists
 * cannot be opened again.
 */
export function entity<
  const Name extends string,
  State extends z.ZodType,
  Events extends Readonly<Record<string, z.ZodType>>,
  const Opening extends keyof Events & string = never,
>(
  name: Name,
  declaration: {
    readonly describe?: string
    readonly state: State
    readonly events: Events
    readonly initial?: Given<State>
    readonly opens?: readonly Opening[]
    /** Events whose commit is acknowledged only at this level, e.g. `{ paid: 'witnessed' }`; a caller may ask for more. */
    readonly acknowledge?: { readonly [Event in keyof Events & string]?: Level }
    /** One pure function for each event: the state after it. No clock, no reads, no refusals. */
    readonly evolve: Evolve<State, Events, Opening>
    /** Encrypted for each data subject, and erased by `plinth erase`. */
    readonly personal?: Personal<State, Events>
  },
): Entity<Name, State, Events> {
  return {
    kind: 'entity',
    name,
    describe: declaration.describe ?? '',
    state: declaration.state,
    events: declaration.events,
    initial: declaration.initial,
    opens: declaration.opens ?? [],
    acknowledge: (declaration.acknowledge ?? {}) as AnyEntity['acknowledge'],
    evolve: declaration.evolve as AnyEntity['evolve'],
    personal:
      declaration.personal === undefined
        ? null
        : {
            subject: declaration.personal.subject ?? null,
            events: declaration.personal.events as AnyPersonal['events'],
          },
    id: () => z.string().min(1).meta({ 'x-plinth-entity': name }) as EntityId<Name>,
  }
}

/** An amount of money: a whole number of the currency's smallest unit, so that sums are exact. */
export const money = (): z.ZodInt => z.int().meta({ 'x-plinth-money': 'minor-units' })

/** An attested fact: what the principal itself said in this run, word for word. A call that stays within it was asked for. */
export const words = (): z.ZodString => z.string().meta({ 'x-plinth-words': true })

// Commands and queries

export interface AnyAction {
  readonly name: string
  readonly describe: string
  readonly input: z.ZodType
  readonly output: z.ZodType | null
  readonly facts: z.ZodType | null
  readonly refusals: Readonly<Record<string, string>>
  readonly returns: 'state' | 'external'
  readonly personal: readonly string[]
  /** Exists in types only: what the client knows. */
  readonly [inferred]?: { readonly result: unknown; readonly code: string }
}

export interface AnyCommand extends AnyAction {
  readonly kind: 'command'
  /** Names; null: the entities that the input names (its members made by `id()`). */
  readonly appends: readonly string[] | null
  readonly effects: readonly string[]
  /** Null: no more than the default. */
  readonly acknowledge: Level | null
  readonly reaches: readonly string[]
  readonly requestedBy: readonly string[]
  readonly decide: (tx: never, input: never) => unknown
  readonly undo: ((tx: never, done: never) => unknown) | null
}
export interface AnyQuery extends AnyAction {
  readonly kind: 'query'
  readonly read: (tx: never, input: never) => unknown
}

export interface Command<Name extends string, Input extends z.ZodType, Result, Code extends string> extends AnyCommand {
  readonly name: Name
  readonly input: Input
  readonly [inferred]?: { readonly result: Result; readonly code: Code }
}
export interface Query<Name extends string, Input extends z.ZodType, Result, Code extends string> extends AnyQuery {
  readonly name: Name
  readonly input: Input
  readonly [inferred]?: { readonly result: Result; readonly code: Code }
}

/** What a caller gets of an action: its result when it says yes, the codes when it says no. */
export type ResultOfAction<Action extends AnyAction> = NonNullable<Action[typeof inferred]>['result']
export type CodeOfAction<Action extends AnyAction> = NonNullable<Action[typeof inferred]>['code']

type Codes = Readonly<Record<string, string>>
/** The codes that `refuse` takes: the declared ones, or any when none are declared. */
type CodeOf<Refusals> = Refusals extends Codes ? keyof Refusals & string : string
/** Without a declared output, `refuse` may be the only thing returned: this keeps falling off the end legal. */
type SilentOf<Output> = Output extends z.ZodType ? never : void
type ReturnOf<Output, Code extends string> = Output extends z.ZodType ? Given<Output> | Refusal<Code> : unknown
type ResultOf<Output, Returned> = Output extends z.ZodType
  ? Held<Output>
  : [Exclude<Returned, Refusal | void>] extends [never]
    ? null
    : Exclude<Returned, Refusal | void>
type RefusedOf<Returned> = Returned extends Refusal<infer Code> ? Code : never
type FactsOf<Facts> = Facts extends z.ZodType ? Given<Facts> : never

/** Names of the entities that an input's members hold the ids of. */
type NamedBy<Input> = Input extends { readonly shape: infer Shape } ? NameOf<Shape[keyof Shape]> : string
type NameOf<Member> = Member extends { readonly [names]: infer Name }
  ? Name
  : Member extends z.ZodOptional<infer Inner> | z.ZodNullable<infer Inner>
    ? NameOf<Inner>
    : never
type AppendsOf<Appends, Input> = Appends extends readonly AnyEntity[]
  ? Appends[number]
  : AnyEntity & { readonly name: NamedBy<Input> }

interface ActionDeclaration<Input, Output, Facts, Refusals> {
  /** For people and models: what it does, when to use it. */
  readonly describe: string
  readonly input: Input
  /** What a caller gets back. */
  readonly output?: Output
  /** What admission may know beside the input, stated by `tx.facts`. */
  readonly facts?: Facts
  /** Stable refusal codes, each with what it means. When given, no other code is accepted. */
  readonly refusals?: Refusals
  /**
   * `external` when the answer carries text that somebody else wrote: mail, pages, documents, reviews. A run that has read it is tainted, and policy
   * may ask for more. Left out: `state`.
   */
  readonly returns?: 'state' | 'external'
  /**
   * Input members that are personal data. The record of an action is sealed under the keys of those whose data it read or wrote; where there is
   * nobody, these members are left out of it.
   */
  readonly personal?: readonly (Input extends z.ZodType ? keyof Held<Input> & string : string)[]
}

/** Something that can be done. `decide` is a pure transaction function: it reads, and answers with events and effects, or refuses. */
export function command<
  const Name extends string,
  Input extends z.ZodType,
  Returned extends ReturnOf<Output, CodeOf<Refusals> | 'not-found'>,
  Output extends z.ZodType | undefined = undefined,
  Facts extends z.ZodType | undefined = undefined,
  const Refusals extends Codes | undefined = undefined,
  const Appends extends readonly AnyEntity[] | undefined = undefined,
  const Effects extends readonly AnyEffect[] = readonly [],
>(
  name: Name,
  declaration: ActionDeclaration<Input, Output, Facts, Refusals> & {
    /** Entities that it may append to. Left out: those that the input names by `id()`. */
    readonly appends?: Appends
    /** Effects that it may ask for. Left out: none. */
    readonly effects?: Effects
    /** Answered with `committed` only at this level; a caller may ask for more. Left out: `signed`. */
    readonly acknowledge?: Level
    /** Members of the input that choose who or what is reached: a recipient, an account, an address, a file. */
    readonly reaches?: readonly (keyof Held<Input> & string)[]
    /**
     * Words by which a principal asks for it: `['delete', 'remove']`. All forms of a word count; of `'change password'` both must be said, and the
     * first as an instruction. Policy may hold a call that nobody asked for. Left out: nobody can say.
     */
    readonly requestedBy?: readonly string[]
    decide(
      tx: Transaction<FactsOf<Facts>, CodeOf<Refusals>, SilentOf<Output>, AppendsOf<Appends, Input>, Effects[number]>,
      input: Held<Input>,
    ): Returned | Promise<Returned>
    /** Takes back what it did, by new events: never by editing. */
    undo?(
      tx: Transaction<FactsOf<Facts>, CodeOf<Refusals>, void, AppendsOf<Appends, Input>, Effects[number]>,
      done: { readonly input: Held<Input>; readonly result: ResultOf<Output, Awaited<Returned>> },
    ): unknown
  },
): Command<Name, Input, ResultOf<Output, Awaited<Returned>>, RefusedOf<Awaited<Returned>> | 'not-found'> {
  return {
    kind: 'command',
    ...action(name, declaration),
    appends: declaration.appends?.map((entity) => entity.name) ?? null,
    effects: declaration.effects?.map((effect) => effect.name) ?? [],
    acknowledge: declaration.acknowledge ?? null,
    reaches: declaration.reaches ?? [],
    requestedBy: declaration.requestedBy ?? [],
    decide: declaration.decide as AnyCommand['decide'],
    undo: (declaration.undo as AnyCommand['undo'] | undefined) ?? null,
  }
}

/** Something that can be asked. Writes nothing, and reads all of it at one log position. */
export function query<
  const Name extends string,
  Input extends z.ZodType,
  Returned extends ReturnOf<Output, CodeOf<Refusals> | 'not-found'>,
  Output extends z.ZodType | undefined = undefined,
  Facts extends z.ZodType | undefined = undefined,
  const Refusals extends Codes | undefined = undefined,
>(
  name: Name,
  declaration: ActionDeclaration<Input, Output, Facts, Refusals> & {
    read(
      tx: ReadTransaction<FactsOf<Facts>, CodeOf<Refusals>, SilentOf<Output>>,
      input: Held<Input>,
    ): Returned | Promise<Returned>
  },
): Query<Name, Input, ResultOf<Output, Awaited<Returned>>, RefusedOf<Awaited<Returned>> | 'not-found'> {
  return { kind: 'query', ...action(name, declaration), read: declaration.read as AnyQuery['read'] }
}

function action<const Name extends string, Input extends z.ZodType>(
  name: Name,
  declaration: Omit<
    ActionDeclaration<Input, z.ZodType | undefined, z.ZodType | undefined, Codes | undefined>,
    'personal'
  > & { readonly personal?: readonly string[] | undefined },
) {
  return {
    name,
    describe: declaration.describe,
    input: declaration.input,
    output: declaration.output ?? null,
    facts: declaration.facts ?? null,
    refusals: { ...declaration.refusals },
    returns: declaration.returns ?? 'state',
    personal: declaration.personal ?? [],
  } as const
}

// Read models, invariants, effects, importers

export interface AnyReadModel {
  readonly kind: 'read-model'
  readonly name: string
  readonly describe: string
  /** Entity name. */
  readonly of: string
  readonly row: z.ZodType
  readonly indexes: readonly (readonly string[])[]
  readonly personal: readonly string[]
  /** All rows of one entity, in any order, each key at most once. */
  readonly rows: (state: never, id: string) => readonly { readonly key: string; readonly row: unknown }[]
}
export interface ReadModel<
  Row extends z.ZodObject,
  Indexes extends readonly (readonly string[])[],
> extends AnyReadModel {
  readonly row: Row
  readonly indexes: Indexes
}

/** Rows to search entities by: a pure function of one entity's state, kept in the same commit. */
export function readModel<
  E extends AnyEntity,
  Row extends z.ZodObject,
  const Indexes extends readonly (readonly (keyof Held<Row> & string)[])[],
>(
  name: string,
  declaration: {
    readonly describe?: string
    readonly of: E
    readonly row: Row
    /** Column lists: a `find` names the first columns of one of them. */
    readonly indexes: Indexes
    /** Indexed columns that are personal: a `find` may name their value, but not order by them. */
    readonly personal?: readonly (Indexes[number][number] & keyof Held<Row> & string)[]
  } & (
    | {
        /** At most one row for each entity; null for none. */
        readonly from: (state: Held<E['state']>, id: string) => Given<Row> | null
        readonly rows?: never
      }
    | {
        /** Several rows for one entity, told apart by `key`. */
        readonly rows: (
          state: Held<E['state']>,
          id: string,
        ) => readonly { readonly key: string; readonly row: Given<Row> }[]
        readonly from?: never
      }
  ),
): ReadModel<Row, Indexes> {
  const { from, rows } = declaration
  const oneRow = (state: Held<E['state']>, id: string) => {
    const row = from?.(state, id) ?? null
    return row === null ? [] : [{ key: '', row }]
  }
  return {
    kind: 'read-model',
    name,
    describe: declaration.describe ?? '',
    of: declaration.of.name,
    row: declaration.row,
    indexes: declaration.indexes,
    personal: declaration.personal ?? [],
    rows: (rows ?? oneRow) as AnyReadModel['rows'],
  }
}

export interface Invariant {
  readonly kind: 'invariant'
  readonly name: string
  readonly describe: string
  readonly of: string
  readonly holds: (state: never, id: string) => boolean
}

/** What must be true of every state of an entity; a command that would break it is refused with `invariant-violated`. */
export function invariant<E extends AnyEntity>(
  name: string,
  declaration: {
    readonly describe?: string
    readonly of: E
    readonly holds: (state: Held<E['state']>, id: string) => boolean
  },
): Invariant {
  return {
    kind: 'invariant',
    name,
    describe: declaration.describe ?? '',
    of: declaration.of.name,
    holds: declaration.holds as Invariant['holds'],
  }
}

export interface AnyEffect {
  readonly kind: 'effect'
  readonly name: string
  readonly describe: string
  readonly payload: z.ZodType
  readonly risk: Risk
}
export interface Effect<Name extends string, Payload extends z.ZodType> extends AnyEffect {
  readonly name: Name
  readonly payload: Payload
}

/** Something to be done outside: a payment, a mail. Asked for in a decision, recorded in its commit, to be delivered afterwards. */
export function effect<const Name extends string, Payload extends z.ZodType>(
  name: Name,
  declaration: { readonly describe: string; readonly payload: Payload; readonly risk: Risk },
): Effect<Name, Payload> {
  return { kind: 'effect', name, ...declaration }
}

export interface Importer {
  readonly kind: 'importer'
  readonly name: string
  readonly describe: string
  readonly of: string
  readonly event: string
  readonly record: z.ZodType
  readonly map: (record: never, ordinal: number) => { readonly id: string; readonly data: unknown }
}

/** How records of an outside form become the opening events of an entity: those that a first start is given (`plinth start --data`). */
export function importer<E extends AnyEntity, const Event extends keyof E['events'] & string, Form extends z.ZodType>(
  name: string,
  declaration: {
    readonly describe?: string
    readonly of: E
    readonly event: Event
    /** One record, as the outside has it. */
    readonly record: Form
    /** `ordinal` counts the records of one import from 0. */
    readonly map: (
      record: Held<Form>,
      ordinal: number,
    ) => { readonly id: string; readonly data: Given<E['events'][Event]> }
  },
): Importer {
  return {
    kind: 'importer',
    name,
    describe: declaration.describe ?? '',
    of: declaration.of.name,
    event: declaration.event,
    record: declaration.record,
    map: declaration.map as Importer['map'],
  }
}

// The application

export interface AnyApplication {
  readonly kind: 'application'
  readonly name: string
  readonly describe: string
  readonly entities: Readonly<Record<string, AnyEntity>>
  readonly commands: Readonly<Record<string, AnyCommand>>
  readonly queries: Readonly<Record<string, AnyQuery>>
  readonly readModels: Readonly<Record<string, AnyReadModel>>
  readonly effects: Readonly<Record<string, AnyEffect>>
  readonly invariants: Readonly<Record<string, Invariant>>
  readonly importers: Readonly<Record<string, Importer>>
  readonly attested: z.ZodObject | null
}

/** Keyed by name, as the client and the cell look things up. */
export interface Application<
  Commands extends readonly AnyCommand[],
  Queries extends readonly AnyQuery[],
> extends AnyApplication {
  readonly commands: Named<Commands>
  readonly queries: Named<Queries>
}
type Named<List extends readonly { readonly name: string }[]> = {
  readonly [Item in List[number] as Item['name']]: Item
}

/** The whole application: the default export of its entry module. */
export function application<
  const Commands extends readonly AnyCommand[],
  const Queries extends readonly AnyQuery[] = readonly [],
>(
  name: string,
  declaration: {
    readonly describe: string
    readonly entities: readonly AnyEntity[]
    readonly commands: Commands
    readonly queries?: Queries
    readonly readModels?: readonly AnyReadModel[]
    readonly effects?: readonly AnyEffect[]
    readonly invariants?: readonly Invariant[]
    readonly importers?: readonly Importer[]
    /** Facts that a front door may attest for a run; every member optional. */
    readonly attested?: z.ZodObject
  },
): Application<Commands, Queries> {
  return {
    kind: 'application',
    name,
    describe: declaration.describe,
    entities: byName('entity', declaration.entities),
    commands: byName('command', declaration.commands) as Named<Commands>,
    queries: byName('query', declaration.queries ?? []) as Named<Queries>,
    readModels: byName('read model', declaration.readModels ?? []),
    effects: byName('effect', declaration.effects ?? []),
    invariants: byName('invariant', declaration.invariants ?? []),
    importers: byName('importer', declaration.importers ?? []),
    attested: declaration.attested ?? null,
  }
}

/** Without a prototype, so that no name finds something that was not declared. */
function byName<Item extends { readonly name: string }>(what: string, items: readonly Item[]): Record<string, Item> {
  const named = Object.create(null) as Record<string, Item>
  for (const item of items) {
    if (named[item.name] !== undefined) {
      throw new Error(`${what} \`${item.name}\` is declared twice`)
    }
    named[item.name] = item
  }
  return named
}
