/** Words in text: what two texts must share for one to stand in the other. Letters and digits of any script; case does not count. */
import type { Json } from '../model/json.ts'

const SEPARATORS = /[\s,;!?()[\]{}<>"“”„«»]+/u
const EDGES = /^[.,:;!?'"’()*_-]+|[.,:;!?'"’()*_-]+$/gu
const ADDRESS = /@|[\p{L}\p{N}]\.[\p{L}\p{N}]|\//u // an address is one word: its parts name nobody
const POSSESSIVE = /['’]s$/u
const LETTER = /\p{L}/u
const IN_WORD_FIRST = /^[\p{L}\p{N}\p{M}]/u
const IN_WORD_LAST = /[\p{L}\p{N}\p{M}]$/u

/** The words of a text, in lower case. Addresses stay whole; other compounds are their parts. */
export function wordsOf(text: string): readonly string[] {
  return text
    .toLowerCase()
    .split(SEPARATORS)
    .map(trimmed)
    .flatMap((word) => (ADDRESS.test(word) ? [word] : word.split(/[-_]/)))
    .map((word) => trimmed(word).replace(POSSESSIVE, ''))
    .filter((word) => word !== '')
}
const trimmed = (word: string): string => word.replace(EDGES, '')

export const hasLetters = (text: string): boolean => LETTER.test(text)

/** Does `value` stand in `text` word for word: not as a piece of a longer word or number? */
export function standsIn(value: string, text: string): boolean {
  const sought = value.trim().toLowerCase()
  if (sought === '') return false
  const within = text.toLowerCase()
  for (let at = within.indexOf(sought); at >= 0; at = within.indexOf(sought, at + 1)) {
    const end = at + sought.length
    const cutsBefore = IN_WORD_FIRST.test(sought) && IN_WORD_LAST.test(within.slice(Math.max(0, at - 2), at))
    const cutsAfter = IN_WORD_LAST.test(sought) && IN_WORD_FIRST.test(within.slice(end, end + 2))
    if (!cutsBefore && !cutsAfter) return true
  }
  return false
}

/** Every string and number within a value, as text. What is true, false or null names nothing. */
export function* textsIn(value: Json | undefined): Generator<string> {
  if (typeof value === 'string') yield value
  else if (typeof value === 'number') yield String(value)
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) yield* textsIn(item)
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) yield* textsIn(item)
}
