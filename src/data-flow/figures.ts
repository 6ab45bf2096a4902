/**
 * Numbers in the contents of a call: an amount, a code. One may stand where it is looked for, or follow from numbers that do by a little arithmetic
 * in which the principal had a part: the difference to what he named, a share, a percentage.
 */
import type { Json } from '../model/json.ts'
import { plain, wordsOf } from './words.ts'

const NUMBER = /^[$€£¥#]?(\d{1,15}(?:[.,]\d{1,17})?)%?$/u
const MONTH = '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\\.?'
const DAY = '[0-3]?\\d(?:st|nd|rd|th)?'
const YEAR = '(?:19|20)\\d{2}'
/** Written by people and by programs; which days they are, dates.ts says. */
const DATES_AND_TIMES = new RegExp(
  [
    `(?<![\\d.-])${YEAR}-[01]\\d-[0-3]\\d(?:[T ][0-2]\\d:[0-5]\\d(?::[0-5]\\d)?Z?)?(?![\\d-])`,
    `(?<![\\d.-])[0-2]?\\d(?::[0-5]\\d){1,2}(?![\\d-])`,
    `(?<!\\d)[01]?\\d ?[ap]\\.?m\\b`,
    `\\b${MONTH} ${DAY}\\b(?:,? ${YEAR}\\b)?`,
    `(?<!\\d)${DAY} (?:of )?${MONTH}(?![a-z])(?:,? ${YEAR}\\b)?`,
    `\\b${MONTH},? ${YEAR}\\b`,
  ].join('|'),
  'giu',
)
const OTHER_DIGITS = /(?![0-9])\p{N}/u // of another script: kept as written
const MANY_DIGITS = /^\d{16,}$/u // too long for a number: kept as written
const THOUSANDS = /(\d),(?=\d{3}(?:\D|$))/g
const NUMBER_WORDS: ReadonlyMap<string, number> = new Map(
  Object.entries({ two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9, ten: 10 }),
)
const NAMED_SHARES: ReadonlyMap<string, number> = new Map(
  Object.entries({ half: 0.5, third: 1 / 3, quarter: 0.25, double: 2, twice: 2 }),
)
const WHOLLY_A_NUMBER = /^\d{1,15}(?:\.\d{1,6})?$/
const HALF_A_CENT = 0.005
const OWN_MAX = 20 // numbers that one says in one breath; with these bounds, some ten thousand sums
const KNOWN_MAX = 200
/** “For three nights”, “for the 4 of us”: what may be taken so often. */
const COUNT =
  /\b(?:[2-9]|1[0-2]|two|three|four|five|six|seven|eight|nine|ten)(?= (?:of us|nights?|days?|weeks?|months?|hours?|people|persons?|guests?|tickets?|times)\b)/giu

/** The numbers of a text, each in one form. */
export const figuresOf = (text: string): readonly string[] =>
  wordsOf(text.replace(DATES_AND_TIMES, ' ').replace(THOUSANDS, '$1')).flatMap((word) => {
    const number = NUMBER_WORDS.get(word)
    return number === undefined ? figureOf(word) : [String(number)]
  })

/** A number by itself, empty for anything else. */
export function figureOf(word: string): readonly string[] {
  if (MANY_DIGITS.test(word) || OTHER_DIGITS.test(word)) return [word]
  const digits = NUMBER.exec(word)?.[1]
  return digits === undefined ? [] : [String(Number(digits.replace(',', '.')))]
}

/** A value that is a number and nothing else, whether or not it is written as text: nobody can have written an instruction there. */
export const isFigure = (value: Json): boolean =>
  typeof value === 'number' || (typeof value === 'string' && WHOLLY_A_NUMBER.test(value))

/** Every such number within a value. */
export function* typedFigures(value: Json): Generator<string> {
  if (isFigure(value)) yield String(Number(value))
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) yield* typedFigures(item)
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) yield* typedFigures(item)
}

/** Does it follow from what was said together with what is known? @param said the principal's own words @param known numbers that the call is about */
export function follows(figure: string, said: readonly string[], known: readonly string[]): boolean {
  const sought = Number(figure)
  const same = (number: number): boolean => Math.abs(number - sought) < HALF_A_CENT
  const shares = said.flatMap(wordsOf).flatMap((word) => NAMED_SHARES.get(word) ?? [])
  const own = said.flatMap(figuresOf).map(Number).slice(0, OWN_MAX)
  const times = said.flatMap((text) => [...plain(text).matchAll(COUNT)].map(([count]) => Number(figuresOf(count)[0])))
  const about = [...new Set(known.map(Number))].slice(0, KNOWN_MAX)
  const total = about.reduce((sum, number) => sum + number, 0)
  const terms = own.flatMap((number) => [number, number / 2]) // what two have spent, each pays half of
  for (const one of [...own, ...about, total]) {
    if (shares.some((share) => same(one * share) || same(one * (1 + share)))) return true
    for (const other of terms) if (same(one + other) || same(one - other) || same(other - one)) return true
    if (times.some((count) => same(one * count))) return true
    for (const other of own) {
      const percent = (one * other) / 100
      if (same(percent) || same(one + percent) || same(one - percent)) return true
      if (other !== 0 && same(one / other)) return true
      if (own.some((third) => same(percent + third) || same(one - other - third) || same(one + other + third)))
        return true
    }
  }
  return false
}
