/**
 * The card that an approver reads: one text, made from the request alone, so that every console shows the same. Its hash is signed with the decision
 * and its bytes are recorded, so what was approved is what was seen.
 */
import type { Json, JsonObject } from './json.ts'
import { canonicalJson } from './json.ts'

export const CARD_LENGTH_MAX = 65_536 // characters
const LINE_LENGTH_MAX = 2_000 // of one value; in a longer one each text and each list shows its beginning and its length
const TEXT_LENGTH_MAX = 200
const ITEMS_MAX = 20
/** Beyond that even what is shortened is cut, and the card says so at its head. */
const SHORTENED_LENGTH_MAX = 8_000

/** All that a card is made from. */
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
  /** What it would do, as decided when it was held. */
  readonly impact: JsonObject
  readonly binds: string
  readonly heldAtMs: number
  readonly expiresAtMs: number
  /** States before and after, undo, amounts: shown beside the impact. */
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
  const body = [
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
  const text = body.map(printable).join('\n')
  const isCut = text.includes(CUT) || text.length > BODY_LENGTH_MAX
  const head = [
    view.approval,
    ...(isCut ? ['NOT WHOLE   this is too long for a card: read all of it in the request before you decide'] : []),
    ...mixed(view).map(
      (word) => `LOOKS LIKE  ${word} mixes letters of several scripts: another word may look the same`,
    ),
  ]
  return [...head.map(printable), text.slice(0, BODY_LENGTH_MAX)].join('\n')
}
const BODY_LENGTH_MAX = 60_000

/** Words in which Latin letters stand beside those of a script that has the same shapes; the first few. */
function mixed({ input, impact, change }: CardView): readonly string[] {
  const text = canonicalJson([input, impact, (change?.states ?? []).map(({ stream }) => stream)])
  const words = new Set(
    (text.match(/[\p{L}\p{M}\p{N}._@-]+/gu) ?? []).filter((word) => LATIN.test(word) && ALIKE.test(word)),
  )
  return [...words]
    .slice(0, 10)
    .map((word) => (word.length > TEXT_LENGTH_MAX ? `${word.slice(0, TEXT_LENGTH_MAX)}…` : word))
}
const LATIN = /\p{Script=Latin}/u
const ALIKE = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}]/u

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

/** No member is left out for another's length: whoever writes a long text must not decide what else of a call is seen. */
function value(one: Json): string {
  const text = canonicalJson(one)
  if (text.length <= LINE_LENGTH_MAX) return text
  const shortened = canonicalJson(shorter(one))
  return shortened.length <= SHORTENED_LENGTH_MAX
    ? shortened
    : `${shortened.slice(0, SHORTENED_LENGTH_MAX)}${CUT} (${text.length} characters)`
}
const CUT = '… CUT'

function shorter(one: Json): Json {
  if (typeof one === 'string')
    return one.length <= TEXT_LENGTH_MAX ? one : `${one.slice(0, TEXT_LENGTH_MAX)}… (${one.length} characters)`
  if (Array.isArray(one)) {
    const items = one.slice(0, ITEMS_MAX).map((item: Json) => shorter(item))
    return one.length <= ITEMS_MAX ? items : [...items, `${CUT} (${one.length} items)`]
  }
  if (!isObject(one)) return one
  return Object.fromEntries(Object.entries(one).map(([name, member]) => [name, shorter(member)]))
}

/** Control characters, and those that turn the direction of text around, could make a line say something else than it does. */
const printable = (line: string): string =>
  line.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
