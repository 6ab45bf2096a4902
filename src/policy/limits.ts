/**
 * `limits.json` of a policy folder: named counts and sums over what has been committed, within a window. Policies see each as
 * `context.history.<name>`, what was there before this operation and with all that is under way, beside `context.adding.<name>`, what this
 * operation would add. One with a `max` is also a rule by itself (`limit:<name>`), and compared once more in the commit.
 */
import { sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonObject } from '../model/json.ts'
import { durationMs } from './duration.ts'

export const LIMITS_FILE = 'limits.json'
export const LIMITS_MAX = 32 // each is counted on every commit that it counts
export const WINDOW_MAX_MS = 31 * 86_400_000 // as far back the log is read at start
const STEPS = 60 // of a sliding window, which moves by one of them at a time
const STEP_MIN_MS = 1_000 // a commit takes milliseconds, and must land in the step it was admitted in

/** What tells counters of one limit apart. `owner` ends the owner chain; `for` is on whose behalf; `entity` is the resource of the command. */
export const DIMENSIONS = ['principal', 'owner', 'for', 'run', 'entity', 'tenant', 'command'] as const
export type Dimension = (typeof DIMENSIONS)[number]

export interface Limit {
  readonly name: string
  readonly describe: string
  /** Hash of what is counted; whatever else changes, the counters stay. */
  readonly counts: Hash
  /** Commands that are counted; null for every command. */
  readonly of: readonly string[] | null
  readonly per: readonly Dimension[]
  /** Member path of the amount that is summed up, from `input` or `facts`; null counts operations. */
  readonly sum: readonly string[] | null
  /** A window is the step of now and `stepsBefore` steps before it. */
  readonly stepMs: number
  readonly stepsBefore: number
  /** Most that may be there afterwards; null leaves it to the policies. */
  readonly max: number | null
  /** `observe`: going beyond is recorded, and nothing is done about it. */
  readonly mode: 'enforce' | 'observe'
}

/** Everything that could be read, by name, and what could not, in words. A policy set whose limits have faults denies everything. */
export function readLimits(files: Readonly<Record<string, string>>): {
  readonly limits: readonly Limit[]
  readonly faults: readonly string[]
} {
  const text = Object.hasOwn(files, LIMITS_FILE) ? files[LIMITS_FILE] : undefined
  if (text === undefined) return { limits: [], faults: [] }
  const faults: string[] = []
  const fault = (what: string): void => void faults.push(`\`${LIMITS_FILE}\`: ${what}`)
  const file = jsonOf(text)
  const entries =
    isObject(file) && file['format'] === 1 && isObject(file['limits']) ? Object.entries(file['limits']) : []
  if (!isObject(file) || !isObject(file['limits']) || !onlyMembers(file, ['format', 'limits']) || file['format'] !== 1)
    fault('is `{"format": 1, "limits": {…}}`')
  if (entries.length > LIMITS_MAX) fault(`at most ${LIMITS_MAX} limits are taken`)
  const limits = entries.slice(0, LIMITS_MAX).map(([name, entry]) => limitOf(name, entry, fault))
  return { limits: limits.sort((one, other) => (one.name < other.name ? -1 : 1)), faults: faults.slice(0, 8) }
}

/** Id of the rule that a limit with a `max` is. */
export const limitRule = (name: string): string => `limit:${name}`

/** That rule as Cedar text. */
export function limitRuleText({ name, of, max, mode }: Limit & { readonly max: number }): string {
  const actions =
    of === null ? 'in Action::"commands"' : `in [${of.map((command) => `Action::${JSON.stringify(command)}`)}]`
  return (
    `@id("${limitRule(name)}")\n@mode("${mode}")\nforbid (principal, action ${actions}, resource)\n` +
    `when { context.history.${name} + context.adding.${name} > ${max} };`
  )
}

const MEMBERS = ['describe', 'of', 'per', 'sum', 'window', 'max', 'mode']
const SUM = /^(?:input|facts)(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){1,8}$/

/** What is wrong is told, and stands as the most restrictive thing of its kind: a set with faults denies everything anyhow. */
function limitOf(name: string, given: Json, fault: (what: string) => void): Limit {
  const entry = isObject(given) ? given : {}
  const wrong = (member: string, expected: string): void => fault(`\`${name}.${member}\` ${expected}`)
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(name)) fault(`\`${name}\`: names are lower case words with \`_\``)
  if (!isObject(given) || !onlyMembers(entry, MEMBERS))
    fault(`\`${name}\` has the members ${MEMBERS.join(', ')} and no others`)
  const { describe = '', of, per, sum, max, mode = 'enforce' } = entry
  if (mode !== 'enforce' && mode !== 'observe') wrong('mode', 'is `enforce` or `observe`')
  if (typeof describe !== 'string' || describe.length > 500) wrong('describe', 'is text of at most 500 characters')
  if (of !== undefined && !(isStrings(of) && of.length > 0 && of.length <= 500))
    wrong('of', 'names the commands that are counted; left out, it is all of them')
  if (!isStrings(per) || per.some((one) => !DIMENSIONS.some((known) => known === one)))
    wrong('per', `is a list out of ${DIMENSIONS.join(', ')}`)
  if (sum !== undefined && !(typeof sum === 'string' && SUM.test(sum))) wrong('sum', 'is a path such as `facts.amount`')
  if (max !== undefined && !(Number.isSafeInteger(max) && Number(max) >= 0)) wrong('max', 'is a whole number')
  const { stepMs, stepsBefore } = windowOf(entry['window'], () =>
    wrong('window', 'is `{"sliding": "1h"}` or `{"fixed": "1d"}`: a whole number with s, m, h or d, up to 31d'),
  )
  const counted = {
    of: isStrings(of) ? [...new Set(of)].sort() : null,
    per: DIMENSIONS.filter((dimension) => isStrings(per) && per.includes(dimension)),
    sum: typeof sum === 'string' ? sum.split('.') : null,
    stepMs,
    stepsBefore,
  }
  const counts = sha256Hex(canonicalJson(counted))
  return {
    name,
    describe: String(describe),
    counts,
    ...counted,
    max: typeof max === 'number' ? max : null,
    mode: mode === 'observe' ? 'observe' : 'enforce',
  }
}

function windowOf(window: Json | undefined, wrong: () => void): Pick<Limit, 'stepMs' | 'stepsBefore'> {
  const [form, length, ...more] = isObject(window) ? Object.entries(window).flat() : []
  const totalMs = typeof length === 'string' ? durationMs(length) : null
  if (more.length > 0 || totalMs === null || totalMs > WINDOW_MAX_MS || (form !== 'sliding' && form !== 'fixed')) {
    wrong()
    return { stepMs: STEP_MIN_MS, stepsBefore: 0 }
  }
  if (form === 'fixed') return { stepMs: totalMs, stepsBefore: 0 }
  const stepMs = Math.max(STEP_MIN_MS, Math.ceil(totalMs / STEPS))
  return { stepMs, stepsBefore: Math.ceil(totalMs / stepMs) }
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isStrings = (value: Json | undefined): value is readonly string[] =>
  Array.isArray(value) && value.every((one: Json) => typeof one === 'string')
const onlyMembers = (value: JsonObject, members: readonly string[]): boolean =>
  Object.keys(value).every((member) => members.includes(member))

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
