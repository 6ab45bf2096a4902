/**
 * Records within answers, and which of them the principal named. Who says “the same people as at the ‘Planning’ meeting” names everybody in that
 * record, although not one by one. Only whole values of a record count, never a piece of its prose; and where two records fit, none is named.
 */
import type { Json } from '../model/json.ts'
import { isFigure } from './figures.ts'
import { isGrammar, stemOf } from './grammar.ts'
import { folded, hasLetters, plain, standsIn, wordsOf } from './words.ts'

/** Bounds of one run: past them nothing more is named by a record, so that more is asked. */
const RECORDS_MAX = 2_000
export const VALUE_MAX = 200 // characters: longer values are prose
const NAME_MIN = 3 // characters: shorter values name nothing
const NAMELIKE = /[\p{Lu}@. ]/u // a member whose name is itself a value, as in {"City Hub": "1 Main Street"}
const BEGINNING =
  /\b(?:start|starts|starting|begin|begins|beginning|prefixed)\s+with\s+(?:the\s+(?:word|letters?|name)\s+)?\S*$/iu
const FIRST_WORD = /^\p{L}{3,}(?=[_.\-\p{N}])/u
const PERSON = /^\p{Lu}\p{L}+(?: \p{Lu}[\p{L}.]*){1,3}$/u

interface Value {
  readonly member: string
  readonly text: string
  readonly isNumber: boolean
}
type Source = 'state' | 'external'
interface Entry {
  readonly values: readonly Value[]
  readonly source: Source
}

export class Records {
  readonly #entries = new Map<string, Entry>()
  /** Whole values that the application answered to a question made of the principal's words. */
  readonly #answers = new Set<string>()

  /** @param written folded, by calls of this run, without having been said or known: nobody is named by a record that holds it for that */
  answered(value: Json, source: Source, askedInWords: boolean, written: ReadonlySet<string>): void {
    const entries = [...entriesOf(value, '')]
    for (const all of entries) {
      if (this.#entries.size >= RECORDS_MAX) return
      const values = all.filter(({ text }) => !written.has(folded(text)))
      const key = JSON.stringify([source, values])
      this.#entries.set(key, { values, source })
    }
    if (source === 'external' || !askedInWords) return
    const records = entries.filter((values) => values.some(({ member }) => !isItem(member)))
    if (records.length > 1) return
    for (const values of entries) for (const { text } of values) if (!written.has(folded(text))) this.#answers.add(text)
  }

  /** Of a value that nobody said: whether the principal named it by the record that it stands in, and whose record that is. */
  namedBy(value: string, said: readonly string[]): Source | null {
    if (this.#answers.has(value)) return 'state'
    let named: Source | null = null
    for (const { values, source } of this.#entries.values()) {
      if (named === 'state' || (named !== null && source === 'external')) continue
      for (const { member, text } of values) {
        if (text !== value) continue
        if (this.#isOnlyWithBeginning(text, said)) named = source
        for (const name of values) {
          if (name.text === value || (isItem(member) && name.member === member)) continue
          const by = saidNameOf(name.text, source, said)
          if (by !== null && this.#isOnlyOne({ ...name, text: by }, member, values)) named = source
        }
      }
    }
    return named
  }

  /** Numbers of the records from outside that have to do with these: a word of which was said, or a value of which is reached. */
  figuresAbout(saidStems: ReadonlySet<string>, reached: readonly string[]): readonly string[] {
    const isAbout = ({ text, isNumber }: Value): boolean =>
      reached.includes(text) ||
      (!isNumber && wordsOf(text).some((word) => hasLetters(word) && !isGrammar(word) && saidStems.has(stemOf(word))))
    return [...this.#entries.values()]
      .filter(({ values, source }) => source === 'external' && values.some(isAbout))
      .flatMap(({ values }) => values.flatMap(({ text, isNumber }) => (isNumber ? [String(Number(text))] : [])))
  }

  /** Do all records with this name say the same of this member? */
  #isOnlyOne(name: Value, member: string, values: readonly Value[]): boolean {
    const sought = allOf(values, member)
    for (const { values: others } of this.#entries.values()) {
      if (!others.some((other) => other.member === name.member && isCalled(other.text, name.text))) continue
      const found = allOf(others, member)
      if (found !== '[]' && found !== sought) return false
    }
    return true
  }

  /** “The channel that starts with External”: the one value that does, among all that were read. */
  #isOnlyWithBeginning(value: string, said: readonly string[]): boolean {
    const first = FIRST_WORD.exec(value)?.[0]
    if (first === undefined || !said.some((text) => saysBeginning(first, text))) return false
    for (const { values } of this.#entries.values())
      for (const { text } of values)
        if (text !== value && text.toLowerCase().startsWith(first.toLowerCase())) return false
    return true
  }
}

/** By this name, or by one that begins with it: who says `Ann` may mean any of them. */
const isCalled = (text: string, name: string): boolean =>
  `${plain(text).toLowerCase()} `.startsWith(`${plain(name).toLowerCase()} `)
const allOf = (values: readonly Value[], member: string): string =>
  JSON.stringify(values.filter((value) => value.member === member).map(({ text }) => text))
const isItem = (member: string): boolean => member === '[]' || member.endsWith('[]')

/** What was said of a name: all of it; of a person whom the application knows, the first name is enough. Null when nothing was. */
function saidNameOf(text: string, source: Source, said: readonly string[]): string | null {
  if (text.length < NAME_MIN || !hasLetters(text)) return null
  if (said.some((words) => standsIn(text, words))) return text
  if (source !== 'state' || !PERSON.test(text)) return null
  const [first] = text.split(' ') as [string]
  return said.some((words) => standsIn(first, words) && words.includes(first)) ? first : null
}

function saysBeginning(first: string, text: string): boolean {
  const found = plain(text).split(new RegExp(`(?<![\\p{L}\\p{N}])${first}(?![\\p{L}\\p{N}])`, 'iu'))
  return found.slice(0, -1).some((before) => BEGINNING.test(before))
}

/** Each object's own values, with those of its lists; each list's items, as records of one value; and what a name stands for. */
function* entriesOf(value: Json, member: string): Generator<readonly Value[]> {
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) {
      const text = textOf(item)
      if (text === null) yield* entriesOf(item, member)
      else if (text.length <= VALUE_MAX) yield [{ member: `${member}[]`, text, isNumber: isFigure(item) }]
    }
  } else if (typeof value === 'object' && value !== null) {
    const own = Object.entries(value).flatMap(([name, item]) => valuesOf(name, item as Json))
    if (own.length > 0) yield own
    for (const [name, item] of Object.entries(value) as readonly [string, Json][]) {
      if (NAMELIKE.test(name)) yield [{ member: 'name', text: name, isNumber: false }, ...valuesOf('value', item)]
      if (textOf(item) === null)
        for (const entry of entriesOf(item, name)) if (entry.some((one) => !isItem(one.member))) yield entry
    }
  }
}

function valuesOf(member: string, item: Json): readonly Value[] {
  const items = Array.isArray(item) ? (item as readonly Json[]) : [item]
  const name = Array.isArray(item) ? `${member}[]` : member
  return items.flatMap((one) => {
    const text = textOf(one)
    return text === null || text.length > VALUE_MAX ? [] : [{ member: name, text, isNumber: isFigure(one) }]
  })
}

function textOf(value: Json): string | null {
  if (typeof value === 'string') return value
  return typeof value === 'number' ? String(value) : null
}
