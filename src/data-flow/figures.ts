/**
 * Numbers in the contents of a call: an amount, a code. One may stand where it is looked for, or follow from numbers that do by a little arithmetic
 * in which the principal had a part: the difference to what he named, a share, a percentage.
 */
import type { Json } from '../model/json.ts'
import { wordsOf } from './words.ts'

const NUMBER = /^[$€£¥#]?(\d{1,15}(?:[.,]\d{1,6})?)%?$/u
const DATES_AND_TIMES =
  /(?<![\d.-])(?:(?:19|20)\d{2}-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d)?Z?)?|[0-2]?\d:[0-5]\d(?::[0-5]\d)?)(?![\d.-])/gu
const MANY_DIGITS = /^\d{16,}$/u // too long for a number: kept as written
const THOUSANDS = /(\d),(?=\d{3}(?:\D|$))/g
const NUMBER_WORDS: ReadonlyMap<string, number> = new Map(
  Object.entries({ two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9, ten: 10 }),
)
const NAMED_SHARES: ReadonlyMap<string, number> = new Map(
  Object.entries({ half: 0.5, third: 1 / 3, quarter: 0.25, double: 2, twice: 2 }),
)
const SHARES = [0.5, 1 / 3, 0.25, 2, 3, 4]
const BASE_MAX = 400 // numbers that sums are looked for in: some ten thousand steps

/** The numbers of a text, each in one form. */
export const figuresOf = (text: string): readonly string[] =>
  wordsOf(text.replace(DATES_AND_TIMES, ' ').replace(THOUSANDS, '$1')).flatMap((word) => {
    const number = NUMBER_WORDS.get(word)
    return number === undefined ? figureOf(word) : [String(number)]
  })

/** A number by itself, empty for anything else. */
export function figureOf(word: string): readonly string[] {
  if (MANY_DIGITS.test(word)) return [word]
  const digits = NUMBER.exec(word)?.[1]
  return digits === undefined ? [] : [String(Number(digits.replace(',', '.')))]
}

/** Numbers that are so by their type: nobody can have written an instruction there. */
export function* typedFigures(value: Json): Generator<string> {
  if (typeof value === 'number') yield String(value)
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) yield* typedFigures(item)
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) yield* typedFigures(item)
}

/** Does it follow from what was said together with what is known? @param said the principal's own words @param known numbers of the application */
export function follows(figure: string, said: readonly string[], known: readonly string[]): boolean {
  const sought = Number(figure)
  const named = said.flatMap(wordsOf).flatMap((word) => NAMED_SHARES.get(word) ?? [])
  const own = said.flatMap(figuresOf).map(Number)
  const base = [...new Set([...own, ...known.map(Number)])].slice(0, BASE_MAX)
  const shares = own.flatMap((number) => [number, ...SHARES.map((share) => number * share)])
  const same = (number: number): boolean => Math.abs(number - sought) < 0.005
  for (const one of base) {
    if (named.some((share) => same(one * share) || same(one * (1 + share)))) return true
    for (const other of shares) {
      if (same(one + other) || same(one - other) || same(other - one)) return true
      const percent = (one * other) / 100
      if (same(percent) || same(one + percent) || same(one - percent)) return true
      if (other !== 0 && (same(one / other) || same(one * other))) return true
      if (own.some((third) => same(percent + third) || same(one - other - third) || same(one + other + third)))
        return true
    }
  }
  return false
}
