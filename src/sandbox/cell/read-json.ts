/** Reads JSON that a cell wrote: nothing in it may surprise whoever handles it afterwards. */
import type { Json } from '../../model/json.ts'

export type ReadJson =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly limit: 'result_depth' | null; readonly why: string }

/** Parses, then refuses what is nested deeper than `depthMax`, names a member `__proto__`, or holds a lone surrogate. */
export function readJson(text: string, depthMax: number): ReadJson {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch {
    return { ok: false, limit: null, why: 'the answer is not JSON' }
  }
  // UTF-8 cannot carry a lone surrogate, so one can only come from an escape.
  const escapes = text.includes('\\u')
  let level: Json[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax)
      return { ok: false, limit: 'result_depth', why: `the answer is nested deeper than ${depthMax} levels` }
    const next: Json[] = []
    for (const item of level) {
      if (typeof item === 'string') {
        if (escapes && !item.isWellFormed()) return { ok: false, limit: null, why: 'the answer holds a lone surrogate' }
      } else if (Array.isArray(item)) {
        for (const member of item)
          if (typeof member === 'string' || typeof member === 'object') next.push(member as Json)
      } else if (typeof item === 'object' && item !== null) {
        for (const name of Object.keys(item)) {
          if (name === '__proto__') return { ok: false, limit: null, why: 'the answer names a member `__proto__`' }
          if (escapes && !name.isWellFormed())
            return { ok: false, limit: null, why: 'the answer holds a lone surrogate' }
          const member = (item as Record<string, Json>)[name]
          if (typeof member === 'string' || typeof member === 'object') next.push(member)
        }
      }
    }
    level = next
  }
  return { ok: true, value }
}
