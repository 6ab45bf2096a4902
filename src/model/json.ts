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
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number that is not finite has no JSON form')
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (typeof value === 'object') {
    const record = value as Record<string, unknown>
    const members = Object.keys(record)
      .filter((name) => record[name] !== undefined)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonicalJson(record[name])}`)
    return `{${members.join(',')}}`
  }
  throw new TypeError(`a ${typeof value} has no JSON form`)
}
