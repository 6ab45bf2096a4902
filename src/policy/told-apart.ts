/**
 * What of a request a verdict can depend on, read from the policies' structure: two requests with the same text here get the same verdict, so it may
 * be remembered. A value that policies only compare counts by how the comparisons come out, not by what it is: that the order belongs to whoever is
 * served, that the amount lies below a limit. Whatever is not understood counts by its value.
 */
import type { CedarExpression, CedarPolicy } from './cedar.ts'
import { canonicalJson, type Json, type JsonObject } from '../model/json.ts'
import { contextPath, lookThrough, outermost, valueAt } from './visible.ts'

type Path = readonly string[]

export interface ToldApart {
  /** Paths of the context that count by value; the empty path is all of it. */
  readonly seen: readonly Path[]
  /** That count by whether something is there. */
  readonly present: readonly Path[]
  /** That are only compared with each other and with literals. */
  readonly compared: readonly Path[]
  /** What they are compared with, as JSON. */
  readonly literals: ReadonlySet<string>
  /** The numbers among the literals, ascending. */
  readonly numbers: readonly number[]
  /** Whether any policy tells resources of one type apart. */
  readonly resourceId: boolean
}

/** @param names the action's own name and those of the groups it is in */
export function toldApartBy(policies: readonly CedarPolicy[], names: readonly string[]): ToldApart {
  const seen = new Map<string, Path>()
  const present = new Map<string, Path>()
  const compared = new Map<string, Path>()
  const literals = new Set<string>()
  const note = (paths: Map<string, Path>, path: Path): void => void paths.set(canonicalJson(path), path)
  const found = {
    see: (path: Path) => note(seen, path),
    has: (path: Path) => note(present, path),
    compare(operator: string, left: CedarExpression, right: CedarExpression): boolean {
      const operands = operandsOf(operator, left, right)
      if (operands === null) return false
      for (const path of operands.paths) note(compared, path)
      for (const literal of operands.literals) literals.add(JSON.stringify(literal))
      return true
    },
    resourceId: false,
  }
  lookThrough(policies, names, found)
  const numbers = [...literals].map((text) => JSON.parse(text) as Json).filter((value) => typeof value === 'number')
  return {
    seen: outermost([...seen.values()]),
    present: [...present.values()],
    compared: [...compared.values()],
    literals,
    numbers: numbers.sort((one, other) => one - other),
    resourceId: found.resourceId,
  }
}

/** Equal for contexts that get the same verdict, whatever else is the same. */
export function toldApartText(context: JsonObject, apart: ToldApart): string {
  const { seen, present, compared } = apart
  const places = new Map<string, number>() // of values that no literal has, by where they were met first
  return canonicalJson([
    seen.map((path) => valueAt(context, path)),
    present.map((path) => {
      const found = valueAt(context, path)
      return Array.isArray(found) ? true : found
    }),
    compared.map((path, place) => outcomes(valueAt(context, path), place, apart, places)),
  ])
}

/** All that a comparison with a literal or another compared value can tell of this one. @param found as `valueAt` has it */
function outcomes(found: Json, place: number, { literals, numbers }: ToldApart, places: Map<string, number>): Json {
  const value = Array.isArray(found) ? (found as readonly Json[])[0] : null
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return found
  const text = JSON.stringify(value)
  if (literals.has(text)) return text
  const first = places.get(text) ?? place
  places.set(text, first)
  const above = typeof value === 'number' ? numbers.filter((number) => number < value).length : 0
  return { is: typeof value, first, above }
}

const ORDERS = new Set(['<', '<=', '>', '>='])

/** Null for a comparison with anything but literals and values of the context. */
function operandsOf(
  operator: string,
  left: CedarExpression,
  right: CedarExpression,
): { readonly paths: readonly Path[]; readonly literals: readonly Json[] } | null {
  if (operator === 'contains') {
    const member = plainPath(right)
    const literals = 'Set' in left && Array.isArray(left.Set) ? left.Set.map(literalIn) : null
    if (member === null || literals === null) return null
    const known = literals.filter((literal) => literal !== null)
    return known.length < literals.length ? null : { paths: [member], literals: known }
  }
  const isOrder = ORDERS.has(operator)
  if (!isOrder && operator !== '==' && operator !== '!=') return null
  const paths: Path[] = []
  const literals: Json[] = []
  for (const operand of [left, right]) {
    const path = plainPath(operand)
    const literal = literalIn(operand)
    if (path !== null) paths.push(path)
    else if (literal !== null && (!isOrder || typeof literal === 'number')) literals.push(literal)
    else return null
  }
  // Which of two values of the context is the larger one no literal tells.
  return isOrder && paths.length === 2 ? null : { paths, literals }
}

/** A path that names a value, not whether it is there. */
function plainPath(expression: CedarExpression): Path | null {
  const path = 'has' in expression ? null : contextPath(expression)
  return path === null || path.length === 0 ? null : path
}

/** A string, an integer or a boolean; null for anything else. */
function literalIn(expression: CedarExpression): Json {
  const value = 'Value' in expression ? (expression.Value as Json) : null
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
}
