/** Sealing and opening within a JSON document: values leave their places, stand-ins take them; opening puts them back, to the same text. */
import type { Json, JsonObject, JsonText } from '../model/json.ts'
import { mayBeSealed, SEALED, sealedPartOf } from '../model/personal.ts'
import { seal, unseal, type SubjectKey } from './seal.ts'

/** A member that is personal, by the names on the way to it, and what stands in its place. */
export interface Place {
  readonly path: readonly string[]
  readonly standIn: Json
}

/** What a key is good for now. `erased`: destroyed by the record at this position. `missing`: not there, and nothing says why. */
export type Standing =
  | { readonly kind: 'live'; readonly key: SubjectKey }
  | { readonly kind: 'erased'; readonly position: number }
  | { readonly kind: 'missing' }
export type StandingOf = (kid: string) => Standing

export type Opened =
  | { readonly kind: 'plain' }
  | { readonly kind: 'opened'; readonly text: JsonText }
  /** With the stand-ins. */
  | { readonly kind: 'erased'; readonly text: JsonText; readonly position: number }
  | { readonly kind: 'missing'; readonly kids: readonly string[] }
  | { readonly kind: 'tampered' }

/** Stand-in in the engine's own records: an answer says `erased`, and by which record. */
export const WITHHELD: JsonObject = { sealed: true }

/** The document with every place that it has sealed; as it is when it has none of them. */
export function sealDocument(
  document: JsonObject,
  places: readonly Place[],
  keys: readonly SubjectKey[],
  context: string,
): JsonObject {
  const at: string[] = []
  const values: Json[] = []
  let result = document
  for (const { path, standIn } of places) {
    const value = valueAt(document, path)
    if (value === undefined || value === null) continue
    at.push(pointerOf(path))
    values.push(value)
    result = withValue(result, path, standIn)
  }
  if (at.length === 0) return document
  const { v, kids, ...rest } = seal(values, keys, context)
  return { ...result, [SEALED]: { v, kids, at, ...rest } as unknown as JsonObject }
}

/** The document with stand-ins alone: for what is not kept at all. */
export function withhold(document: JsonObject, places: readonly Place[]): JsonObject {
  let result = document
  for (const { path, standIn } of places)
    if ((valueAt(document, path) ?? null) !== null) result = withValue(result, path, standIn)
  return result
}

export function openDocument(text: JsonText, standingOf: StandingOf, context: string): Opened {
  if (!mayBeSealed(text)) return { kind: 'plain' }
  const document = parsed(text)
  if (document === null) return { kind: 'tampered' }
  const sealed = sealedPartOf(document)
  if (sealed === null) return { kind: 'plain' }
  const { [SEALED]: _, ...rest } = document
  const standings = sealed.kids.map((kid) => standingOf(kid))
  const erased = standings.find((standing) => standing.kind === 'erased')
  if (erased !== undefined) {
    let result: JsonObject = rest
    for (const path of sealed.at.map(pathOf))
      if (isWithheld(valueAt(rest, path))) result = withValue(result, path, { erased: erased.position })
    return { kind: 'erased', text: JSON.stringify(result), position: erased.position }
  }
  const keys = standings.flatMap((standing) => (standing.kind === 'live' ? [standing.key] : []))
  if (keys.length < sealed.kids.length)
    return { kind: 'missing', kids: sealed.kids.filter((_, i) => standings[i]?.kind === 'missing') }
  const values = unseal(sealed, keys, context)
  if (values === null || values.length !== sealed.at.length) return { kind: 'tampered' }
  let result: JsonObject = rest
  for (const [i, pointer] of sealed.at.entries()) result = withValue(result, pathOf(pointer), values[i] as Json)
  return { kind: 'opened', text: JSON.stringify(result) }
}

/** Null for what is no JSON any more. */
function parsed(text: JsonText): JsonObject | null {
  try {
    return JSON.parse(text) as JsonObject
  } catch {
    return null
  }
}

const isWithheld = (value: Json | undefined): boolean =>
  typeof value === 'object' && value !== null && (value as JsonObject)['sealed'] === true

function valueAt(document: Json, path: readonly string[]): Json | undefined {
  let value: Json | undefined = document
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined
    value = (value as JsonObject)[name]
  }
  return value
}

/** A copy in which the member is another; members keep their order. What leads to it is there, or nothing changes. */
function withValue(document: JsonObject, [name, ...rest]: readonly string[], value: Json): JsonObject {
  if (name === undefined || !Object.hasOwn(document, name)) return document
  const inner = document[name]
  if (rest.length === 0) return { ...document, [name]: value }
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return document
  return { ...document, [name]: withValue(inner as JsonObject, rest, value) }
}

const pointerOf = (path: readonly string[]): string =>
  path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
const pathOf = (pointer: string): readonly string[] =>
  pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
