/**
 * `breakers.json` of a policy folder: when the calls of one principal, of one command, or of one release, go so wrong that nobody should wait for a person to notice.
 * A breaker that trips refuses what it covers, for a while; then it lets a few calls through, and closes when they go well.
 */
import type { Json, JsonObject } from '../model/json.ts'
import { durationMs } from './duration.ts'

export const BREAKERS_FILE = 'breakers.json'
export const BREAKERS_MAX = 32
const LAST_MAX = 1_000
const WITHIN_MAX_MS = 86_400_000

export const BREAKER_DIMENSIONS = ['principal', 'command', 'release'] as const
export type BreakerDimension = (typeof BREAKER_DIMENSIONS)[number]

export type Trip =
  /** A share of the last calls that ended in faults of the application or its limits. */
  | { readonly kind: 'errors'; readonly share: number; readonly ofLast: number }
  /** A share of the last calls that were refused or denied. */
  | { readonly kind: 'refusals'; readonly share: number; readonly ofLast: number }
  /** More changes within the time. */
  | { readonly kind: 'changes'; readonly max: number; readonly withinMs: number }
  /** More than this sum of an amount, from `input` or `result`, moved within the time. */
  | { readonly kind: 'sum'; readonly path: readonly string[]; readonly max: number; readonly withinMs: number }

export interface BreakerRule {
  readonly name: string
  /** Commands that are watched; null for every command. */
  readonly of: readonly string[] | null
  readonly per: readonly BreakerDimension[]
  readonly trip: Trip
  readonly openMs: number
  /** Calls that must go well, once it is half open, before it closes. */
  readonly probes: number
}

/** What could be read, by name, and what could not, in words. */
export function readBreakers(files: Readonly<Record<string, string>>): {
  readonly breakers: readonly BreakerRule[]
  readonly faults: readonly string[]
} {
  const text = Object.hasOwn(files, BREAKERS_FILE) ? files[BREAKERS_FILE] : undefined
  if (text === undefined) return { breakers: [], faults: [] }
  const faults: string[] = []
  const file = jsonOf(text)
  if (!isObject(file) || file['format'] !== 1 || !isObject(file['breakers']) || Object.keys(file).length > 2)
    return { breakers: [], faults: [`\`${BREAKERS_FILE}\`: is \`{"format": 1, "breakers": {…}}\``] }
  const entries = Object.entries(file['breakers'])
  if (entries.length > BREAKERS_MAX) faults.push(`\`${BREAKERS_FILE}\`: at most ${BREAKERS_MAX} breakers are taken`)
  const breakers = entries.slice(0, BREAKERS_MAX).flatMap(([name, entry]) => {
    const read = breakerOf(name, entry, (what) => void faults.push(`\`${BREAKERS_FILE}\`: \`${name}\`: ${what}`))
    return read === null ? [] : [read]
  })
  return { breakers, faults: faults.slice(0, 8) }
}

const MEMBERS = ['of', 'per', 'when', 'open', 'probes']

function breakerOf(name: string, entry: Json, fault: (what: string) => void): BreakerRule | null {
  if (!/^[a-z][a-z0-9_-]{0,63}$/.test(name)) return (fault('names are lower case words with `_` or `-`'), null)
  if (!isObject(entry) || Object.keys(entry).some((member) => !MEMBERS.includes(member)))
    return (fault(`has the members ${MEMBERS.join(', ')} and no others`), null)
  const { of = null, per = [], when, open, probes = 1 } = entry
  const openMs = typeof open === 'string' ? durationMs(open) : null
  const trip = isObject(when) ? tripOf(when) : null
  if (of !== null && !isStrings(of)) fault('`of` names the commands that are watched; left out, it is all of them')
  else if (!isStrings(per) || !per.every(isDimension))
    fault(`\`per\` is a list out of ${BREAKER_DIMENSIONS.join(', ')}`)
  else if (trip === null) fault(`\`when\` is one of ${TRIPS}`)
  else if (openMs === null || openMs > WITHIN_MAX_MS) fault('`open` is a time such as `15m`, up to 1d')
  else if (!isWhole(probes) || probes < 1 || probes > 100) fault('`probes` is a number of calls from 1 to 100')
  else return { name, of, per, trip, openMs, probes }
  return null
}

const TRIPS =
  '`{"errors": 0.5, "ofLast": 20}`, `{"refusals": 0.8, "ofLast": 30}`, `{"changes": 100, "within": "1m"}`, `{"sum": "input.amount", "over": 50000, "within": "1h"}`'
const SUM = /^(?:input|result)(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){1,8}$/

function tripOf(when: JsonObject): Trip | null {
  const { errors, refusals, ofLast, changes, sum, over, within } = when
  const members = Object.keys(when).sort().join()
  const withinMs = typeof within === 'string' ? durationMs(within) : null
  const timed = withinMs !== null && withinMs <= WITHIN_MAX_MS
  if (members === 'errors,ofLast' && isShare(errors) && isLast(ofLast)) return { kind: 'errors', share: errors, ofLast }
  if (members === 'ofLast,refusals' && isShare(refusals) && isLast(ofLast))
    return { kind: 'refusals', share: refusals, ofLast }
  if (members === 'changes,within' && isWhole(changes) && changes >= 1 && timed)
    return { kind: 'changes', max: changes, withinMs }
  if (members === 'over,sum,within' && typeof sum === 'string' && SUM.test(sum) && isWhole(over) && over >= 0 && timed)
    return { kind: 'sum', path: sum.split('.'), max: over, withinMs }
  return null
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isStrings = (value: Json): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')
const isDimension = (text: string): text is BreakerDimension => BREAKER_DIMENSIONS.some((known) => known === text)
const isWhole = (value: Json | undefined): value is number => Number.isSafeInteger(value)
const isShare = (value: Json | undefined): value is number => typeof value === 'number' && value > 0 && value <= 1
const isLast = (value: Json | undefined): value is number => isWhole(value) && value >= 2 && value <= LAST_MAX

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
