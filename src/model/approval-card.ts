/**
 * The card that an approver reads: one text, made from the request alone, so that every console shows the same. Its hash is signed with the decision
 * and its bytes are recorded, so what was approved is what was seen.
 */
import type { Json, JsonObject } from './json.ts'
import { canonicalJson } from './json.ts'

export const CARD_LENGTH_MAX = 65_536 // characters
const LINE_LENGTH_MAX = 2_000 // of one value; a longer one shows its beginning and its length

export interface CardView {
  readonly approval: string
  readonly operation: string
  readonly action: string
  readonly input: Json
  readonly actor: string
  readonly onBehalfOf: string | null
  readonly run: string | null
  readonly rules: readonly string[]
  readonly requires: readonly string[]
  readonly impact: JsonObject
  readonly binds: string
  readonly heldAtMs: number
  readonly expiresAtMs: number
  readonly change?: {
    readonly states: readonly {
      readonly stream: string
      readonly before: Json
      readonly after: Json
      readonly omitted: boolean
    }[]
    readonly undo: 'declared' | 'none' | 'irreversible'
    readonly amounts: Readonly<Record<string, number>>
  }
}

export function renderCard(view: CardView): string {
  const { impact, change } = view
  const list = (name: string): readonly Json[] => (Array.isArray(impact[name]) ? (impact[name] as readonly Json[]) : [])
  const lines = [
    `${view.approval}`,
    `asks        ${view.actor}${view.onBehalfOf === null ? '' : ` for ${view.onBehalfOf}`}${view.run === null ? '' : `, run ${view.run}`}`,
    `to do       ${view.action}`,
    `arguments   ${value(view.input)}`,
    ...(change === undefined ? [] : change.states.flatMap(stateLines)),
    ...(change === undefined ? [] : [`money       ${amounts(change.amounts)}`]),
    `touches     ${list('streams').length} streams: ${list('streams').map(String).join(', ')}`,
    `writes      ${list('events').map(String).join(', ') || 'nothing'}`,
    `sends       ${list('effects').length === 0 ? 'nothing' : value(list('effects'))}`,
    `undo        ${change === undefined ? 'unknown' : UNDO[change.undo]}`,
    `held by     ${view.rules.join(', ')}; needs ${view.requires.join(', ')}`,
    `operation   ${view.operation}`,
    `since       ${new Date(view.heldAtMs).toISOString()}, expires ${new Date(view.expiresAtMs).toISOString()}`,
    `binds       ${view.binds}`,
  ]
  return lines.map(printable).join('\n').slice(0, CARD_LENGTH_MAX)
}

const UNDO = {
  declared: 'the command can be taken back',
  none: 'no undo is declared: it takes other commands to make up for it',
  irreversible: 'IRREVERSIBLE: what it sends cannot be taken back',
} as const

/** Members that differ, one a line. */
function stateLines({
  stream,
  before,
  after,
  omitted,
}: NonNullable<CardView['change']>['states'][number]): readonly string[] {
  if (omitted) return [`state       ${stream}: too large to show here`]
  if (before === null || !isObject(before) || !isObject(after))
    return [`state       ${stream}: ${before === null ? 'new, ' : `${value(before)} becomes `}${value(after)}`]
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  const differing = names.filter((name) => canonicalJson(before[name] ?? null) !== canonicalJson(after[name] ?? null))
  return [
    `state       ${stream}${differing.length === 0 ? ': the same as before' : ''}`,
    ...differing.map((name) => `              ${name}: ${value(before[name] ?? null)} → ${value(after[name] ?? null)}`),
  ]
}

const isObject = (one: Json): one is JsonObject => typeof one === 'object' && one !== null && !Array.isArray(one)

function amounts(found: Readonly<Record<string, number>>): string {
  const named = Object.entries(found).map(([name, amount]) => `${name} ${amount}`)
  return named.length === 0 ? 'none that is named' : named.join(', ')
}

function value(one: Json): string {
  const text = canonicalJson(one)
  return text.length <= LINE_LENGTH_MAX ? text : `${text.slice(0, LINE_LENGTH_MAX)}… (${text.length} characters)`
}

/** Control characters, and those that turn the direction of text around, could make a line say something else than it does. */
const printable = (line: string): string =>
  line.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
