/**
 * What the guest bundle's function returns, as the cell uses it: the declared values with everything taken away that only types know.
 * A cell casts once, from `unknown` to this, and treats every answer as untrusted. Schemas in a guest are stubs: only whether
 * `facts` and `output` are null says something.
 */
export interface GuestApplication {
  readonly kind: 'application'
  readonly name: string
  readonly entities: Readonly<Record<string, GuestEntity>>
  readonly commands: Readonly<Record<string, GuestCommand>>
  readonly queries: Readonly<Record<string, GuestQuery>>
  readonly readModels: Readonly<Record<string, GuestReadModel>>
  readonly effects: Readonly<Record<string, { readonly name: string }>>
  readonly invariants: Readonly<Record<string, GuestInvariant>>
  readonly importers: Readonly<Record<string, GuestImporter>>
}

export interface GuestEntity {
  readonly kind: 'entity'
  readonly name: string
  /** `undefined`: a stream begins with one of `opens`, and with nothing else; an opening event on a stream that is there is an error. */
  readonly initial: unknown
  readonly opens: readonly string[]
  /** Own members only: look up with Object.hasOwn. */
  readonly evolve: Readonly<Record<string, (state: unknown, data: unknown, id: string) => unknown>>
}
interface GuestAction {
  readonly name: string
  /** null: none declared. Otherwise `tx.facts` must have been called before an answer counts. */
  readonly facts: unknown
  readonly output: unknown
  /** Declared codes; empty: the cell passes any, and the engine then takes only a kebab-case word. `not-found` always is one. */
  readonly refusals: Readonly<Record<string, string>>
}
export interface GuestCommand extends GuestAction {
  readonly kind: 'command'
  readonly decide: (tx: unknown, input: unknown) => unknown
  readonly undo: ((tx: unknown, done: { readonly input: unknown; readonly result: unknown }) => unknown) | null
}
export interface GuestQuery extends GuestAction {
  readonly kind: 'query'
  readonly read: (tx: unknown, input: unknown) => unknown
}
export interface GuestReadModel {
  readonly kind: 'read-model'
  readonly name: string
  readonly of: string
  readonly rows: (state: unknown, id: string) => readonly { readonly key: string; readonly row: unknown }[]
}
export interface GuestInvariant {
  readonly name: string
  readonly of: string
  readonly holds: (state: unknown, id: string) => unknown
}
export interface GuestImporter {
  readonly name: string
  readonly of: string
  readonly event: string
  readonly map: (record: unknown, ordinal: number) => { readonly id: string; readonly data: unknown }
}
