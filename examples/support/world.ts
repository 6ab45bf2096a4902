/**
 * Given-when-then for an application's rules: its declarations run in memory, without a sandbox, a log or a door. `decide` answers as
 * the application alone would; who may do it is admission's to say, and `judge` may be given to stand in for it.
 * Only for tests: it validates nothing and keeps nothing.
 */
import type { AnyApplication, AnyEntity, AnyReadModel } from '../../src/application/declarations.ts'

type State = Readonly<Record<string, unknown>>
interface Change {
  readonly entity: string
  readonly id: string
  readonly event: string
}
export interface Decided {
  readonly kind: 'accepted' | 'refused'
  readonly result: unknown
  readonly code: string | null
  readonly detail: Readonly<Record<string, unknown>>
  readonly facts: Readonly<Record<string, unknown>> | null
  readonly events: readonly Change[]
  readonly effects: readonly { readonly effect: string; readonly payload: unknown }[]
}
export interface Asked {
  readonly nowMs?: number
  readonly attested?: Readonly<Record<string, unknown>>
}

class Refused {
  readonly code: string
  readonly detail: Readonly<Record<string, unknown>>
  constructor(code: string, detail: Readonly<Record<string, unknown>> = {}) {
    this.code = code
    this.detail = detail
  }
}

export class World {
  readonly #application: AnyApplication
  readonly #states: Map<string, Map<string, State>>
  readonly #rows = new Map<string, { id: string; key: string; row: Record<string, unknown> }[]>()

  constructor(application: AnyApplication) {
    this.#application = application
    this.#states = new Map(Object.keys(application.entities).map((name) => [name, new Map<string, State>()]))
  }

  /** Records in the outside form, through the application's own importer. */
  import(importer: string, records: readonly unknown[]): this {
    const { map, of, event } = this.#application.importers[importer] ?? missing(`importer ${importer}`)
    const states = this.#states.get(of) ?? missing(of)
    records.forEach((record, ordinal) => {
      const { id, data } = map(record as never, ordinal)
      states.set(id, this.#evolve(of, undefined, event, data, id))
    })
    this.#rows.clear()
    return this
  }

  state(entity: string, id: string): State | undefined {
    return this.#states.get(entity)?.get(id)
  }
  ids(entity: string): readonly string[] {
    return [...(this.#states.get(entity)?.keys() ?? [])]
  }

  /** Runs a command or query. What a command decided is kept when it was accepted and `judge` lets it. */
  async run(
    name: string,
    input: unknown,
    asked: Asked = {},
    judge: (decided: Decided) => boolean = () => true,
  ): Promise<Decided> {
    const command = this.#application.commands[name]
    const call = command?.decide ?? this.#application.queries[name]?.read ?? missing(name)
    const { decided, written } = await this.#execute(call, input, asked)
    if (decided.kind === 'accepted' && written.size > 0 && judge(decided)) this.#keep(written)
    return decided
  }

  /** Runs a command's undo, given what it was asked and what it answered. */
  async undo(name: string, done: { readonly input: unknown; readonly result: unknown }): Promise<Decided> {
    const { decided, written } = await this.#execute(
      this.#application.commands[name]?.undo ?? missing(`undo of ${name}`),
      done,
      {},
    )
    if (decided.kind === 'accepted') this.#keep(written)
    return decided
  }

  #keep(written: ReadonlyMap<string, readonly [string, string, State]>): void {
    for (const [entity, id, state] of written.values()) this.#states.get(entity)?.set(id, state)
    this.#rows.clear()
  }

  async #execute(call: (tx: never, input: never) => unknown, input: unknown, { nowMs = 0, attested = {} }: Asked) {
    const written = new Map<string, readonly [string, string, State]>()
    const events: Change[] = []
    const effects: { effect: string; payload: unknown }[] = []
    let facts: Decided['facts'] = null
    const stateOf = (entity: AnyEntity, id: string) =>
      written.get(`${entity.name}/${id}`)?.[2] ?? this.state(entity.name, id)
    const tx = {
      nowMs,
      attested,
      principal: { id: 'agent', kind: 'agent', onBehalfOf: null },
      get: (entity: AnyEntity, id: string) => {
        const state = stateOf(entity, id)
        return state === undefined
          ? Promise.reject(new Refused('not-found', { entity: entity.name, id }))
          : settle(state)
      },
      lookup: (entity: AnyEntity, id: string) => settle(stateOf(entity, id)),
      find: (model: AnyReadModel, find: { where: State; order?: readonly string[]; limit?: number }) =>
        settle(this.#find(model, find.where, find.order ?? [], find.limit ?? 50)),
      append: (entity: AnyEntity, id: string, event: string, data: unknown) => {
        const state = this.#evolve(entity.name, stateOf(entity, id), event, data, id)
        written.set(`${entity.name}/${id}`, [entity.name, id, state])
        events.push({ entity: entity.name, id, event })
      },
      effect: (effect: { name: string }, payload: unknown) => effects.push({ effect: effect.name, payload }),
      refuse: (code: string, detail?: Record<string, unknown>) => new Refused(code, detail),
      facts: (stated: Record<string, unknown>) => (facts = stated),
      newId: (prefix: string) => `${prefix}_${events.length}`,
    }
    const result = await Promise.resolve()
      .then(() => call(tx as never, structuredClone(input) as never))
      .catch((error: unknown) => {
        if (error instanceof Refused) return error
        throw error
      })
    const refused = result instanceof Refused ? result : null
    const decided: Decided = {
      kind: refused === null ? 'accepted' : 'refused',
      result: refused === null ? result : null,
      code: refused?.code ?? null,
      detail: refused?.detail ?? {},
      facts,
      events: refused === null ? events : [],
      effects: refused === null ? effects : [],
    }
    return { decided, written }
  }

  #evolve(entity: string, state: State | undefined, event: string, data: unknown, id: string): State {
    const declared = this.#application.entities[entity] ?? missing(entity)
    const evolve = declared.evolve[event] ?? missing(`event ${event}`)
    return structuredClone(evolve((state ?? declared.initial) as never, data as never, id)) as State
  }

  #find(model: AnyReadModel, where: State, order: readonly string[], limit: number) {
    return this.#rowsOf(model)
      .filter(({ row }) => Object.entries(where).every(([column, value]) => row[column] === value))
      .sort((a, b) =>
        compare([...order.map((c) => a.row[c]), a.id, a.key], [...order.map((c) => b.row[c]), b.id, b.key]),
      )
      .slice(0, limit)
  }

  #rowsOf(model: AnyReadModel) {
    let rows = this.#rows.get(model.name)
    if (rows === undefined) {
      rows = [...(this.#states.get(model.of) ?? [])].flatMap(([id, state]) =>
        model.rows(state as never, id).map(({ key, row }) => ({ id, key, row: row as Record<string, unknown> })),
      )
      this.#rows.set(model.name, rows)
    }
    return rows
  }
}

/** A copy, so that no decision can change what another will read. */
const settle = <T>(value: T): Promise<T> => Promise.resolve(structuredClone(value))

function compare(left: readonly unknown[], right: readonly unknown[]): number {
  for (const [index, a] of left.entries()) {
    const b = right[index]
    if (a === b) continue
    return typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1
  }
  return 0
}

function missing(what: string): never {
  throw new Error(`the application declares no ${what}`)
}
