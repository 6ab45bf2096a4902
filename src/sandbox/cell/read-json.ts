/** Reads JSON that a cell wrote: nothing in it may surprise whoever handles it afterwards. */
import type { Json } from '../../model/json.ts'

export type ReadJson =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly limit: 'result_depth' | null; readonly why: string }

const no = (why: string, limit: 'result_depth' | null = null): ReadJson => ({ ok: false, limit, why })

/** Parses, but refuses what is nested deeper than `depthMax`, names a member `__proto__`, or holds a lone surrogate. */
export function readJson(text: string, depthMax: number): ReadJson {
  // On the text, before anything is built: looking through the value instead takes several times as long as parsing it.
  if (depthOf(text) > depthMax) return no(`the answer is nested deeper than ${depthMax} levels`, 'result_depth')
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return no('the answer is not JSON')
  }
  // A name can be written with escapes; a lone surrogate cannot be written without, since UTF-8 has none.
  const suspicious = text.includes('__proto__') || text.includes('\\u')
  const fault = suspicious ? faultIn(value) : null
  return fault === null ? { ok: true, value } : no(fault)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Deepest nesting of brackets outside strings. Exact for JSON; for anything else the parser has the last word. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1
      if (depth > deepest) deepest = depth
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1
  }
  return deepest
}

/** Index of the quote that ends the string which begins at this one. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    at += code === BACKSLASH ? 2 : 1
  }
  return at
}

function faultIn(value: Json): string | null {
  const waiting: Json[] = [value]
  while (waiting.length > 0) {
    const item = waiting.pop() as Json
    if (typeof item === 'string') {
      if (!item.isWellFormed()) return 'the answer holds a lone surrogate'
    } else if (typeof item === 'object' && item !== null) {
      for (const [name, member] of Object.entries(item)) {
        if (name === '__proto__') return 'the answer names a member `__proto__`'
        if (!name.isWellFormed()) return 'the answer holds a lone surrogate'
        waiting.push(member as Json)
      }
    }
  }
  return null
}
