/**
 * Words in text: what two texts must share for one to stand in the other. Letters and digits of any script; case does not count, nor do marks that
 * nobody sees. Letters that only look alike are other letters.
 */
import type { Json } from '../model/json.ts'

const INVISIBLE = /\p{Cf}/gu
const SEPARATORS = /[\s,;!?()[\]{}<>"“”„«»]+/u
const EDGES = /^[.,:;!?'"‘’()*_-]+|[.,:;!?'"‘’()*_-]+$/gu
const ADDRESS = /@|[\p{L}\p{N}]\.[\p{L}\p{N}]|\//u // an address is one word: its parts name nobody
const POSSESSIVE = /['’]s$/u
const LETTER = /\p{L}/u
const IN_WORD_FIRST = /^[\p{L}\p{N}\p{M}]/u
const IN_WORD_LAST = /[\p{L}\p{N}\p{M}]$/u
/** What joins the parts of an address, a date or a compound: what stands beyond it belongs to the same word. */
const JOINED_BEFORE = /[\p{L}\p{N}\p{M}][.@/_+:%#~=&*\\-]*$/u
const JOINED_AFTER = /^[.@/_+:%#~=&*\\-]*[\p{L}\p{N}\p{M}]/u
const JOINT_FIRST = /^[.@/_+:%#~=&*\\-]/u
const JOINT_LAST = /[.@/_+:%#~=&*\\-]$/u
const SENTENCE_AFTER = /^\.\p{Lu}\p{Ll}*(?:\s|$)/u // no space behind a full stop: the next sentence, and no part of an address
const LABEL = /(?:https?:\/\/|:)$/iu // “see https://www.example.com”, “account:AB12”
const FORMS_MAX = 2_000_000 // characters, in three forms of up to two bytes each
const NEAR = 16 // characters looked at on either side of a value: joints are short

/** The form in which texts are compared. */
export const plain = (text: string): string => text.normalize('NFKC').replace(INVISIBLE, '').replace(/\s+/gu, ' ')

/** Of which no other writing of the same is another text: an application may trim it, or change the case. */
export const folded = (text: string): string => plain(text).toLowerCase().trim()

/** Is it written without marks that nobody sees and without forms that only look like others? What is not may reach somebody else than it shows. */
export const isPlain = (text: string): boolean => text.normalize('NFKC').replace(INVISIBLE, '') === text

/** The words of a text, in lower case. Addresses stay whole; other compounds are their parts. */
export function wordsOf(text: string): readonly string[] {
  return plain(text)
    .toLowerCase()
    .split(SEPARATORS)
    .map(trimmed)
    .flatMap((word) => (ADDRESS.test(word) ? [word] : word.split(/[-_]/)))
    .map((word) => trimmed(word).replace(POSSESSIVE, ''))
    .filter((word) => word !== '')
}
const trimmed = (word: string): string => word.replace(EDGES, '')

export const hasLetters = (text: string): boolean => LETTER.test(text)
export const isAddress = (word: string): boolean => ADDRESS.test(word)

/**
 * Does `value` stand in `text` word for word: not as a piece of a longer word, number or address? Where letters and digits are mixed, or a path is
 * given, case counts: keys, account numbers and passwords are others in another case.
 */
export function standsIn(value: string, text: string): boolean {
  return placesOf(value, text).next().done !== true
}

/** Where `value` stands in the plain form of `text`: what is before it, and what is behind. */
export function* placesOf(value: string, text: string): Generator<{ readonly before: string; readonly after: string }> {
  const exact = isExact(value)
  const { given, lower } = formOf(text)
  const sought = exact ? plain(value).trim() : lowered(plain(value).trim())
  const within = exact ? given : lower
  if (sought === '' || sought.length > within.length) return
  for (let at = within.indexOf(sought); at >= 0; at = within.indexOf(sought, at + 1)) {
    const [before, after] = [given.slice(0, at), given.slice(at + sought.length)]
    if (!cuts(sought, before.slice(-NEAR), after.slice(0, NEAR))) yield { before, after }
  }
}

/** Texts are looked into again and again while their run goes on. A cache of the forms they are compared in; it may forget at any time. */
const forms = new Map<string, { readonly given: string; readonly lower: string }>()
let formsLength = 0

function formOf(text: string) {
  const known = forms.get(text)
  if (known !== undefined) return known
  const given = plain(text)
  const form = { given, lower: lowered(given) }
  formsLength += text.length
  if (formsLength > FORMS_MAX) {
    forms.clear()
    formsLength = text.length
  }
  forms.set(text, form)
  return form
}

/** In lower case, at the same places: one letter would become two. */
const lowered = (text: string): string => text.replace(/[^İ]+/gu, (piece) => piece.toLowerCase())

const isExact = (value: string): boolean =>
  !value.includes('@') && ((/\p{N}/u.test(value) && hasLetters(value) && !/\s/u.test(value)) || value.includes('/'))

function cuts(sought: string, given: string, after: string): boolean {
  const before = hasLetters(sought) ? given.replace(LABEL, ' ') : given
  const [beginsInWord, endsInWord] = [IN_WORD_FIRST.test(sought), IN_WORD_LAST.test(sought)]
  if (beginsInWord ? JOINED_BEFORE.test(before) : JOINT_FIRST.test(sought) && IN_WORD_LAST.test(before)) return true
  if (!endsInWord) return JOINT_LAST.test(sought) && IN_WORD_FIRST.test(after)
  return JOINED_AFTER.test(after) && !SENTENCE_AFTER.test(after)
}

/** Every string and number within a value, as text. What is true, false or null names nothing. */
export function* textsIn(value: Json | undefined): Generator<string> {
  if (typeof value === 'string') yield value
  else if (typeof value === 'number') yield String(value)
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) yield* textsIn(item)
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) yield* textsIn(item)
}
