/**
 * What the annotations of a rule oblige to, read once. A rule that determines a verdict brings its obligations along; the engine carries them out
 * and records them. An annotation that nobody here knows may be an obligation that would not be carried out: where such a rule determines a verdict,
 * the verdict is a denial.
 */
import type { CedarPolicy } from './cedar.ts'
import { durationMs } from './duration.ts'
import { readsApprovals } from './visible.ts'

export const HOLD_DEFAULT_MS = 72 * 3_600_000 // how long a hold waits where `@hold_for` does not say
export const HOLD_MAX_MS = 30 * 86_400_000
const NAMES_MAX = 20 // in one list

/** Whose approval lifts a rule, how long it waits, and whether a standing grant may stand in for it. */
export interface Hold {
  readonly role: string
  readonly forMs: number
  readonly grants: boolean
}
export interface RuleAnnotations {
  readonly hold: Hold | null
  /** `observe`: what it would do is recorded, and nothing is done about it. */
  readonly mode: 'enforce' | 'observe'
  /** Member paths of the answer that are taken out of it, e.g. `email`, `items.*.price`. */
  readonly redact: readonly string[]
  /** Channels that are told, through the outbox of the commit. */
  readonly notify: readonly string[]
  /** `receipt-only`: the answer says that it was done, and not what came of it. */
  readonly degrade: 'receipt-only' | null
  /** Annotations that are none of these. */
  readonly unknown: readonly string[]
}

// `hold` is the same as `require_approval`; `description` and `reason` are for whoever reads the policies.
const KNOWN = ['id', 'hold', 'require_approval', 'hold_for', 'grants', 'mode', 'redact', 'notify', 'degrade']
const FOR_READERS = ['description', 'reason']

export function annotationsOf(id: string, file: string, policy: CedarPolicy, faults: string[]): RuleAnnotations {
  const fault = (what: string): void => void faults.push(`\`${id}\`: ${what}`)
  const isScope = file.startsWith('scope/')
  const given = Object.keys(policy.annotations ?? {})
  if (isScope && given.some((name) => ['redact', 'notify', 'degrade'].includes(name)))
    fault('scope has no obligations, only admission has')
  const mode = annotation(policy, 'mode') ?? (file.startsWith('observe/') ? 'observe' : 'enforce')
  if (mode !== 'enforce' && mode !== 'observe') fault('`@mode` is `enforce` or `observe`')
  const degrade = annotation(policy, 'degrade')
  if (degrade !== undefined && degrade !== 'receipt-only') fault('`@degrade` is `receipt-only`')
  return {
    hold: holdOf(isScope, policy, fault),
    mode: mode === 'observe' ? 'observe' : 'enforce',
    redact: names(annotation(policy, 'redact'), /^[A-Za-z0-9_*-]{1,64}(?:\.[A-Za-z0-9_*-]{1,64}){0,8}$/, () =>
      fault('`@redact` lists member paths of the answer, such as `email items.*.price`'),
    ),
    notify: names(annotation(policy, 'notify'), /^[a-z0-9][a-z0-9._-]{0,63}$/, () =>
      fault('`@notify` lists channels, such as `finance`'),
    ),
    degrade: degrade === undefined ? null : 'receipt-only',
    unknown: given.filter((name) => !KNOWN.includes(name) && !FOR_READERS.includes(name)),
  }
}

function holdOf(isScope: boolean, policy: CedarPolicy, fault: (what: string) => void): Hold | null {
  const [role, ...more] = ['hold', 'require_approval']
    .map((name) => annotation(policy, name))
    .filter((one) => one !== undefined)
  const duration = annotation(policy, 'hold_for')
  const grants = annotation(policy, 'grants')
  if (role === undefined) {
    if (duration !== undefined) fault('`@hold_for` says nothing without `@hold`')
    if (grants !== undefined) fault('`@grants` says nothing without `@hold`')
    return null
  }
  if (more.length > 0) fault('`@hold` and `@require_approval` are the same: take one')
  if (policy.effect !== 'forbid') fault('only a forbid can hold')
  if (isScope) fault('scope cannot hold, only admission can')
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(role)) fault('`@hold` needs the name of a role')
  if (!readsApprovals(policy))
    fault(`no approval could lift this; add \`unless { context.approvals.contains("${role}") }\``)
  if (grants !== undefined && grants !== 'never' && grants !== 'allowed') fault('`@grants` is `allowed` or `never`')
  const forMs = duration === undefined ? HOLD_DEFAULT_MS : durationMs(duration)
  if (forMs === null || forMs > HOLD_MAX_MS) fault('`@hold_for` is a whole number with s, m, h or d, up to 30d')
  return { role, forMs: forMs ?? HOLD_DEFAULT_MS, grants: grants === undefined || grants === 'allowed' }
}

function names(text: string | undefined, form: RegExp, fault: () => void): readonly string[] {
  if (text === undefined) return []
  const found = text.split(/[\s,]+/).filter((one) => one !== '')
  if (found.length === 0 || found.length > NAMES_MAX || !found.every((one) => form.test(one))) fault()
  return [...new Set(found)].sort()
}

/** Undefined when it is not there; '' when it is there without a value, which the engine gives as null. */
export function annotation({ annotations = {} }: CedarPolicy, name: string): string | undefined {
  return Object.hasOwn(annotations, name) ? (annotations[name] ?? '') : undefined
}
