/** JSON values, and the one canonical text (RFC 8785) that hashes are taken over where bytes are not already stored. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [name: string]: Json }

/** A JSON Schema 2020-12 document. Plain JSON; `x-plinth-entity` on a string schema marks an entity id. */
export type JsonSchema = JsonObject

/** Text of one JSON value, exactly as it is stored and hashed. */
export type JsonText = string

/**
 * RFC 8785 text: members sorted by UTF-16 code units, numbers as ECMAScript prints them.
 * The value must be I-JSON: finite numbers, no lone surrogates; `undefined` members are left out.
 */
export function canonicalJson(value: unknown): JsonText {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('a number that is not finite has no JSON form')
      return String(value === 0 ? 0 : value) // as JSON.stringify prints it, minus zero included
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Record<string, unknown>)
    default:
      throw new TypeError(`a ${typeof value} has no JSON form`)
  }
}

function canonicalArray(items: readonly unknown[]): JsonText {
  let text = '['
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ','
    text += canonicalJson(items[i] ?? null)
  }
  return `${text}]`
}

// Most objects come with their members in order already: looking costs less than sorting, and this runs several times an operation.
function canonicalObject(object: Readonly<Record<string, unknown>>): JsonText {
  const members = Object.keys(object)
  for (let i = 1; i < members.length; i++) {
    if ((members[i - 1] as string) > (members[i] as string)) {
      members.sort()
      break
    }
  }
  let text = '{'
  for (const name of members) {
    const member = object[name]
    if (member === undefined) continue
    if (text.length > 1) text += ','
    text += nameText(name)
    text += canonicalJson(member)
  }
  return `${text}}`
}

const NAMES_KEPT = 4_096 // member names repeat, and quoting one costs as much as the rest of its member
const NAME_LENGTH_KEPT = 64
const names = new Map<string, string>()

function nameText(name: string): string {
  const known = names.get(name)
  if (known !== undefined) return known
  const text = `${JSON.stringify(name)}:`
  if (names.size < NAMES_KEPT && name.length <= NAME_LENGTH_KEPT) names.set(name, text)
  return text
}
