/** What the rules that determined a verdict oblige to beside it, as the authority record holds it. Members that are empty are left out. */
import type { Json, JsonObject } from './json.ts'

export interface Obligations {
  /** Member paths of the answer that are taken out of it; `*` is every element or member. */
  readonly redact?: readonly string[]
  /** Channels told through the outbox of the commit, as effect `plinth.notify`. */
  readonly notify?: readonly string[]
  /** The answer says that it was done, and not what came of it. */
  readonly degrade?: 'receipt-only'
}

export const NOTIFY_EFFECT = 'plinth.notify'
export const REDACTED = '[redacted]'

/** The answer as its caller gets it. What is recorded is whole: obligations are carried out anew whenever it is asked for. */
export function obliged(answer: Json, obligations: Obligations | undefined): Json {
  if (obligations?.degrade === 'receipt-only') return null
  return (obligations?.redact ?? []).reduce<Json>((value, path) => redacted(value, path.split('.')), answer)
}

function redacted(value: Json, path: readonly string[]): Json {
  const [name, ...rest] = path
  if (name === undefined) return typeof value === 'string' ? REDACTED : null
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const at = name === '*' ? null : Number(name)
    return value.map((one: Json, index) => (at === null || at === index ? redacted(one, rest) : one))
  }
  const members = value as JsonObject
  return Object.fromEntries(
    Object.entries(members).map(([key, one]) => [key, name === '*' || name === key ? redacted(one, rest) : one]),
  )
}
