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
  const fault = faultIn(value, depthMax, text.includes('\\u'))
  if (fault === null) return { ok: true, value }
  const deep = fault === 'depth'
  const why = deep ? `the answer is nested deeper than ${depthMax} levels` : `the answer holds a ${fault}`
  return { ok: false, limit: deep ? 'result_depth' : null, why }
}

type Fault = 'depth' | 'member `__proto__`' | 'lone surrogate' | null

/** Calls itself at most `depth` times deep. */
function faultIn(value: Json, depth: number, escapes: boolean): Fault {
  if (typeof value === 'string') return escapes && !value.isWellFormed() ? 'lone surrogate' : null
  if (typeof value !== 'object' || value === null) return null
  if (depth === 0) return 'depth'
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) {
      const fault = faultIn(item, depth - 1, escapes)
      if (fault !== null) return fault
    }
    return null
  }
  const members = value as Readonly<Record<string, Json>>
  for (const name of Object.keys(members)) {
    if (name === '__proto__') return 'member `__proto__`'
    if (escapes && !name.isWellFormed()) return 'lone surrogate'
    const fault = faultIn(members[name] as Json, depth - 1, escapes)
    if (fault !== null) return fault
  }
  return null
}
