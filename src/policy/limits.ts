/**
 * `limits.json` of a policy folder: named counts and sums over what has been committed, within a window. Policies see each as
 * `context.history.<name>`, what was there before this operation and with all that is under way, beside `context.adding.<name>`, what this
 * operation would add. One with a `max` is also a rule by itself (`limit:<name>`), and compared once more in the commit.
 */
import { z } from 'zod'
import { sha256Hex, type Hash } from '../model/ids.ts'
import { canonicalJson, type Json } from '../model/json.ts'
import { durationMs } from './duration.ts'

export const LIMITS_FILE = 'limits.json'
export const LIMITS_MAX = 32 // each is counted on every commit that it counts
export const WINDOW_MAX_MS = 31 * 86_400_000 // as far back the log is read at start
const WINDOW_MIN_MS = 1_000
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
}

const window = z.union([z.strictObject({ sliding: z.string() }), z.strictObject({ fixed: z.string() })])
const limit = z.strictObject({
  describe: z.string().max(500).optional(),
  of: z.array(z.string().min(1).max(128)).min(1).max(500).optional(),
  per: z.array(z.enum(DIMENSIONS)).max(DIMENSIONS.length),
  sum: z
    .string()
    .regex(/^(?:input|facts)(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){1,8}$/, 'is a path such as `facts.amount`')
    .optional(),
  window,
  max: z.int().min(0).optional(),
})
const limitsFile = z.strictObject({
  format: z.literal(1),
  limits: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'names are lower case words with `_`'), limit),
})

/** Everything that could be read, by name, and what could not, in words. A policy set whose limits have faults denies everything. */
export function readLimits(files: Readonly<Record<string, string>>): {
  readonly limits: readonly Limit[]
  readonly faults: readonly string[]
} {
  const text = Object.hasOwn(files, LIMITS_FILE) ? files[LIMITS_FILE] : undefined
  if (text === undefined) return { limits: [], faults: [] }
  const parsed = limitsFile.safeParse(jsonOf(text))
  if (!parsed.success) {
    const faults = parsed.error.issues.slice(0, 8).map(({ path, message }) => `\`${path.join('.')}\` ${message}`)
    return { limits: [], faults: faults.map((fault) => `\`${LIMITS_FILE}\`: ${fault}`) }
  }
  const faults: string[] = []
  const entries = Object.entries(parsed.data.limits)
  if (entries.length > LIMITS_MAX) faults.push(`\`${LIMITS_FILE}\`: at most ${LIMITS_MAX} limits are taken`)
  const limits = entries.map(([name, entry]) => limitOf(name, entry, faults))
  return { limits: limits.sort((one, other) => (one.name < other.name ? -1 : 1)), faults }
}

/** Id of the rule that a limit with a `max` is. */
export const limitRule = (name: string): string => `limit:${name}`

/** That rule as Cedar text. */
export function limitRuleText({ name, of, max }: Limit & { readonly max: number }): string {
  const actions =
    of === null ? 'in Action::"commands"' : `in [${of.map((command) => `Action::${JSON.stringify(command)}`)}]`
  return (
    `@id("${limitRule(name)}")\nforbid (principal, action ${actions}, resource)\n` +
    `when { context.history.${name} + context.adding.${name} > ${max} };`
  )
}

function limitOf(name: string, entry: z.infer<typeof limit>, faults: string[]): Limit {
  const isSliding = 'sliding' in entry.window
  const windowMs = durationMs('sliding' in entry.window ? entry.window.sliding : entry.window.fixed)
  if (windowMs === null || windowMs < WINDOW_MIN_MS || windowMs > WINDOW_MAX_MS)
    faults.push(`\`${LIMITS_FILE}\`: the window of \`${name}\` is a whole number with s, m, h or d, up to 31d`)
  const totalMs = windowMs ?? WINDOW_MIN_MS
  const stepMs = isSliding ? Math.max(STEP_MIN_MS, Math.ceil(totalMs / STEPS)) : totalMs
  const counted = {
    of: entry.of === undefined ? null : [...new Set(entry.of)].sort(),
    per: DIMENSIONS.filter((dimension) => entry.per.includes(dimension)),
    sum: entry.sum === undefined ? null : entry.sum.split('.'),
    stepMs,
    stepsBefore: isSliding ? Math.ceil(totalMs / stepMs) : 0,
  }
  const counts = sha256Hex(canonicalJson(counted))
  return { name, describe: entry.describe ?? '', counts, ...counted, max: entry.max ?? null }
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
