/**
 * A standing grant: an approver's signed word for calls that have not been made yet, within bounds. It stands in for an approval only where every
 * rule that holds lets it (`@grants("never")` does not), for one principal, one command as it was then defined, arguments of a pattern, so many
 * times, up to a sum, until a time.
 */
import type { Hash, PrincipalId } from './ids.ts'
import type { Json, JsonObject } from './json.ts'

/** All members that are there must hold. */
export interface GrantCondition {
  readonly is?: string | number | boolean
  readonly atMost?: number
  readonly atLeast?: number
  readonly startsWith?: string
}
/** The text that an approver signs (Ed25519 over the UTF-8 bytes of its canonical JSON). */
export interface ApprovalGrant {
  readonly format: 1
  readonly verdict: 'grant'
  /** `grt_` and 26 base32 characters, made by the approver. */
  readonly grant: string
  readonly by: PrincipalId
  /** Who may act on it. */
  readonly to: PrincipalId
  readonly command: string
  /** Hash of the command's definition when it was granted; another definition is not covered. */
  readonly tool: Hash
  /** By member path from `input` or `facts`. */
  readonly where: Readonly<Record<string, GrantCondition>>
  readonly usesMax: number
  /** An amount that is added up over its uses; null when there is none. */
  readonly sum: { readonly path: string; readonly max: number } | null
  readonly expiresAtMs: number
  readonly reason: string
  readonly decidedAtMs: number
}
/** What is on record of one: the grant, who stood behind it, and what has been used. */
export interface GrantState extends ApprovalGrant {
  /** Owner chain of the approver when it was given: whoever in it is revoked takes the grant along. */
  readonly chain: JsonObject | readonly Json[]
  readonly uses: number
  readonly spent: number
  /** By whom it was taken back, and why. */
  readonly withdrawn?: { readonly by: PrincipalId; readonly reason: string }
}

/** @returns what this use adds to the sum, or why it is not covered */
export function coveredBy(
  grant: GrantState,
  call: {
    readonly to: string
    readonly command: string
    readonly tool: string
    readonly input: Json
    readonly facts: Json
  },
  nowMs: number,
): { readonly amount: number } | { readonly why: string } {
  if (grant.to !== call.to || grant.command !== call.command) return { why: 'it is for somebody or something else' }
  if (grant.withdrawn !== undefined) return { why: 'it has been withdrawn' }
  if (grant.tool !== call.tool) return { why: 'the command is defined otherwise than when it was granted' }
  if (nowMs >= grant.expiresAtMs) return { why: 'it has expired' }
  if (grant.uses >= grant.usesMax) return { why: 'it has been used up' }
  for (const [path, condition] of Object.entries(grant.where))
    if (!holds(condition, at(call, path))) return { why: `\`${path}\` is outside of it` }
  if (grant.sum === null) return { amount: 0 }
  const amount = at(call, grant.sum.path)
  if (!Number.isSafeInteger(amount) || (amount as number) < 0) return { why: `\`${grant.sum.path}\` is no amount` }
  if (grant.spent + (amount as number) > grant.sum.max) return { why: 'its sum has been used up' }
  return { amount: amount as number }
}

function holds({ is, atMost, atLeast, startsWith }: GrantCondition, value: Json | undefined): boolean {
  if (is !== undefined && value !== is) return false
  if (atMost !== undefined && !(typeof value === 'number' && value <= atMost)) return false
  if (atLeast !== undefined && !(typeof value === 'number' && value >= atLeast)) return false
  return startsWith === undefined || (typeof value === 'string' && value.startsWith(startsWith))
}

function at({ input, facts }: { readonly input: Json; readonly facts: Json }, path: string): Json | undefined {
  let value: Json | undefined = { input, facts }
  for (const name of path.split('.'))
    value =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)
        ? (value as JsonObject)[name]
        : undefined
  return value
}
