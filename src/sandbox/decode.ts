/** Checks the shape of what a cell answered, after it has been read as JSON. Whether it fits the manifest is for the engine to check. */
import type { CellDecision, CellReading, FindQuery, RowChange } from '../model/decision.ts'
import { FIND_LIMIT_MAX } from '../model/decision.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { readJson } from './cell/read-json.ts'
import type { ReadJson } from './cell/read-json.ts'
import { CellLied, failedBecause } from './task.ts'
import type { CellFailure } from './sandbox.ts'

type Bag = { readonly [name: string]: Json | undefined }

/** Reads one answer: its value, or the failure that it amounts to. */
export function readAnswer(text: string, bytesMax: number, depthMax: number): { readonly value: Json } | CellFailure {
  const bytes = Buffer.byteLength(text)
  if (bytes > bytesMax)
    return failedBecause('limit-exceeded', `an answer of more than ${bytesMax} bytes`, {
      limit: 'output_size',
      observed: `${bytes} bytes`,
    })
  const read = readJson(text, depthMax)
  return read.ok ? { value: read.value } : unreadable(read)
}

function unreadable({ limit, why }: ReadJson & { readonly ok: false }): CellFailure {
  if (limit === null) return failedBecause('application-failed', why)
  return failedBecause('limit-exceeded', why, { limit, observed: 'more levels than that' })
}

export function asDecision(value: Json): CellDecision {
  const answer = bag(value)
  if (answer['kind'] === 'refused') checkRefusal(answer)
  else {
    expect(answer['kind'] === 'accepted', 'an answer of no known kind')
    expect(answer['result'] !== undefined && isFacts(answer['facts']), 'an answer without result or facts')
    for (const event of list(answer['events'])) {
      expectTexts(event, 'entity', 'id', 'type')
      expect(bag(event)['data'] !== undefined, 'an event without data')
    }
    for (const effect of list(answer['effects'])) {
      expectTexts(effect, 'effect')
      expect(bag(effect)['payload'] !== undefined, 'an effect without payload')
      for (const pin of list(bag(effect)['pins'])) expectTexts(pin, 'fact', 'hash')
    }
    for (const state of list(answer['states'])) {
      expectTexts(state, 'entity', 'id')
      expect(bag(state)['state'] !== undefined, 'a state without state')
    }
    checkRows(answer['rows'])
  }
  return value as unknown as CellDecision
}

export function asReading(value: Json): CellReading {
  const answer = bag(value)
  if (answer['kind'] === 'refused') checkRefusal(answer)
  else {
    expect(answer['kind'] === 'answered', 'an answer of no known kind')
    expect(answer['result'] !== undefined && isFacts(answer['facts']), 'an answer without result or facts')
  }
  return value as unknown as CellReading
}

export interface Mapped {
  readonly id: string
  readonly data: Json
  readonly state: Json
  readonly rows: readonly RowChange[]
}
export function asMapped(value: Json, count: number): readonly Mapped[] {
  const mapped = list(value)
  expect(mapped.length === count, 'another number of records than were sent')
  for (const item of mapped) {
    const { data, state, rows } = bag(item)
    expectTexts(item, 'id')
    expect(data !== undefined && state !== undefined, 'a record without data or state')
    checkRows(rows)
  }
  return mapped as unknown as readonly Mapped[]
}

export interface Folded {
  readonly state: string | null
  readonly rows: readonly RowChange[]
}
/** @param states the texts of all states, one behind the other */
export function asFolded(
  value: Json,
  states: string,
  count: number,
  depthMax: number,
): readonly Folded[] | CellFailure {
  const items = list(value)
  expect(items.length === count, 'another number of streams than were sent')
  const folded: Folded[] = []
  let at = 0
  for (const item of items) {
    const [length, rows] = list(item)
    expect(Number.isSafeInteger(length) && Number(length) >= -1, 'a state of no length')
    checkRows(rows)
    const state = length === -1 ? null : states.slice(at, (at += Number(length)))
    if (state !== null) {
      const read = readJson(state, depthMax)
      if (!read.ok) return unreadable(read)
    }
    folded.push({ state, rows: rows as unknown as readonly RowChange[] })
  }
  expect(at === states.length, 'more or fewer states than their lengths say')
  return folded
}

export type Wanted =
  | { readonly ticket: number; readonly entity: string; readonly id: string }
  | { readonly ticket: number; readonly find: FindQuery }

export function asWanted(text: string, depthMax: number): readonly Wanted[] {
  const read = readJson(text, depthMax)
  if (!read.ok) throw new CellLied(read.why)
  return list(read.value).map((item) => {
    const { ticket, find } = bag(item)
    expect(Number.isSafeInteger(ticket), 'a read without its number')
    if (find === undefined) expectTexts(item, 'entity', 'id')
    else checkFind(bag(find))
    return item as unknown as Wanted
  })
}

function checkFind({ model, where, order, limit, after }: Bag): void {
  expect(typeof model === 'string', 'a find without read model')
  bag(where)
  for (const column of list(order)) expect(typeof column === 'string', 'a find ordered by no column')
  expect(Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= FIND_LIMIT_MAX, 'a find without limit')
  if (after !== null) expectTexts(after, 'id', 'key')
}

function checkRefusal({ code, detail, facts }: Bag): void {
  expect(typeof code === 'string' && isFacts(facts), 'a refusal without code')
  bag(detail)
}

function checkRows(rows: Json | undefined): void {
  for (const change of list(rows)) {
    expectTexts(change, 'model', 'id', 'key')
    const { row } = bag(change)
    if (row !== null) bag(row)
  }
}

const isFacts = (facts: Json | undefined): boolean => facts === null || isBag(facts)
const isBag = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function bag(value: Json | undefined): Bag {
  if (!isBag(value)) throw new CellLied('expected an object')
  return value
}
function list(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw new CellLied('expected a list')
  return value as readonly Json[]
}
function expectTexts(value: Json | undefined, ...names: readonly string[]): void {
  const members = bag(value)
  for (const name of names) expect(typeof members[name] === 'string', `expected a text \`${name}\``)
}
function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new CellLied(otherwise)
}
