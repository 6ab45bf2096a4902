/** The arguments of one call, held against what its run has taken in. */
import type { FlowFacts, Origin } from '../model/flow.ts'
import { canonicalJson, type Json, type JsonObject } from '../model/json.ts'
import { daysIn } from './dates.ts'
import { figureOf, figuresOf, isFigure } from './figures.ts'
import { isGrammar, stemOf } from './grammar.ts'
import { wasRequested } from './requests.ts'
import type { RunSources } from './run-sources.ts'
import { hasLetters, isAddress, placesOf, standsIn, textsIn, wordsOf } from './words.ts'

/** What is declared of the command that is called. */
export interface CalledCommand {
  readonly name: string
  /** Names of the input members that choose who or what is reached. */
  readonly reaches: readonly string[]
  /** Names of those that take one of a few given values: the application's own words, and somebody else's only where nobody but an outsider said them. */
  readonly enumerated: readonly string[]
  /** Names of those that must be given: they say what is asked for, the others are details of it. */
  readonly required: readonly string[]
  /** Words by which a principal asks for it; empty when none are declared. */
  readonly requestedBy: readonly string[]
  readonly risk: FlowFacts['risk']
}

const ORDINAL_OR_TIME = /^\d{1,2}(?:st|nd|rd|th|am|pm)$/
const BARE_NUMBER = /^\d{1,9}$/
const SPOKEN_MIN = 4 // letters that a member's name and a word must share
const WORD_MAX = 40 // letters: a longer one carries something else, as base64 does
const SHORT_WORDS_MAX = 2 // words of one or two letters that say nothing; more of them may spell something
const DIGITS_MAX = 5
const NOUN_WITHIN = 2 // words before a number that may say what it is the number of
const ID_NOUNS = ['id', 'number', 'no', 'nr']
const QUOTED_BEFORE = /['"‘“`]$/u
const QUOTED_AFTER = /^['"’”`]/u
/** Bounds of what is looked into, so that a long call costs milliseconds. What is beyond them has no ground. */
const TARGETS_MAX = 200
const FIGURES_MAX = 100
const HANDED_ON_MAX = 50
const ASKED_PIECES_MAX = 40 // words: what was asked for by name is short

/** @param said the principal's own words */
export function flowFacts(
  sources: RunSources,
  said: readonly string[],
  command: CalledCommand,
  input: JsonObject,
): FlowFacts {
  const { reaches, enumerated, required, requestedBy, risk } = command
  const targets = reaches.flatMap((member) => [...textsIn(given(input[member]))].map((text) => ({ member, text })))
  const contents = Object.entries(input)
    .filter(([member]) => !reaches.includes(member) && !enumerated.includes(member))
    .flatMap(([member, value]) =>
      [...textsIn(value)].filter((text, at) => at >= HANDED_ON_MAX || !isHandedOn(member, text, sources, said)),
    )
  const texts = contents.filter(hasLetters)
  const words = wordsToExplain(texts, said)
  const origins = words.map((word) => sources.originOfWord(word))
  const foreign = words.filter((word, at) => origins[at] !== 'state' && (isAddress(word) || isKey(word)))
  const reached = targets.map(({ text }) => text)
  const numbers = [...new Set(figuresIn(contents))]
  const figures = [...sources.unexplained(numbers.slice(0, FIGURES_MAX), said, reached), ...numbers.slice(FIGURES_MAX)]
  const days = contents.flatMap(daysIn).filter((day) => !sources.isExplainedDay(day, said))
  const choices = enumerated.flatMap((member) => [...textsIn(input[member])])
  const chosen = wordsToExplain(choices, said).filter((word) => sources.originOfWord(word) === 'external')
  const externalWords = origins.filter((origin) => origin === 'external').length + chosen.length
  const names = required.filter((member) => !reaches.includes(member) && !enumerated.includes(member))
  const naming = names.length === 0 ? texts : names.flatMap((member) => [...textsIn(input[member])]).filter(hasLetters)
  const askedWords = naming.filter((text) => wasAsked(text, sources, said)).flatMap(wordsOf).length
  const reachedOrigins = targets.map(({ member, text }, at) =>
    at < TARGETS_MAX ? originOfTarget(sources, said, command.name, member, text) : 'composed',
  )
  return {
    tainted: sources.tainted,
    reaches: [...new Set(reachedOrigins)].sort(),
    requested: wasRequested(requestedBy, said),
    askedWords,
    repeated: sources.isRepeated(callOf(command.name, input)),
    externalWords,
    composedWords: origins.filter((origin) => origin === 'composed').length,
    foreignAddresses: foreign.length,
    unexplainedFigures: figures.length + days.length,
    risk,
  }
}

/** A few single digits count something, “the 4 of us”; many of them may spell something. */
function figuresIn(contents: readonly string[]): readonly string[] {
  const inProse = contents.filter((text) => !isFigure(text)).flatMap(figuresOf)
  const long = inProse.filter((figure) => figure.length > 1)
  const alone = contents.filter(isFigure).flatMap(figuresOf)
  return [...alone, ...(inProse.length - long.length > DIGITS_MAX ? inProse : long)]
}

/** An account number, a code: letters and digits in one word, or one so long that nobody says it. */
const isKey = (word: string): boolean => /\d.*\d/.test(word) || word.length > WORD_MAX

/** The form in which a call is remembered. */
export const callOf = (command: string, input: JsonObject): string => canonicalJson([command, input])

/** What is left out, or left empty, reaches nobody. */
const given = (value: Json | undefined): Json | undefined => (value === '' ? undefined : value)

function originOfTarget(
  sources: RunSources,
  said: readonly string[],
  command: string,
  member: string,
  text: string,
): Origin {
  const origin = sources.originOf(text, said)
  if (origin === 'made') return origin
  if (
    origin === 'words' &&
    (!BARE_NUMBER.test(text) || isNumberOf(text, [...ID_NOUNS, ...nounsOf(command, member)], said))
  )
    return origin
  const unsaid = origin === 'words' ? sources.originOf(text, []) : origin
  return sources.namedBy(text, said) ?? unsaid
}

/** The id of something that this run has made, or that the principal named, in a member that he spoke of: “attach the report”. */
function isHandedOn(member: string, text: string, sources: RunSources, said: readonly string[]): boolean {
  if (sources.hasMade(text)) return true
  if (said.some((words) => standsIn(text, words)) || /\s/u.test(text) || sources.namedBy(text, said) === null)
    return false
  const spoken = said
    .flatMap(wordsOf)
    .map(stemOf)
    .filter((stem) => stem.length >= SPOKEN_MIN)
  return nounsOf('', member).some((noun) => spoken.some((stem) => noun.startsWith(stem)))
}

/** A date, a time or an amount has numbers too: one names a thing only behind the word for it, behind another such number, or in quotes. */
function isNumberOf(number: string, nouns: readonly string[], said: readonly string[]): boolean {
  const stems = new Set(nouns.map(stemOf))
  const names = (before: string, after: string): boolean => {
    if (before.endsWith('#') || (QUOTED_BEFORE.test(before) && QUOTED_AFTER.test(after))) return true
    const words = wordsOf(before)
    while (
      words.length > 0 &&
      (figureOf(words.at(-1) as string).length > 0 || ['and', 'or'].includes(words.at(-1) as string))
    )
      (words as string[]).pop()
    return words.slice(-NOUN_WITHIN).some((word) => stems.has(stemOf(word)))
  }
  return said.some((text) => [...placesOf(number, text)].some(({ before, after }) => names(before, after)))
}

const nounsOf = (command: string, member: string): readonly string[] =>
  [command, member].flatMap((name) =>
    name
      .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
      .toLowerCase()
      .split(/[\s_-]+/),
  )

/** Words of the contents that the principal did not say, in any form. */
function wordsToExplain(contents: readonly string[], said: readonly string[]): readonly string[] {
  const saidStems = new Set(said.flatMap(wordsOf).map(stemOf))
  const words = contents
    .flatMap(wordsOf)
    .filter(
      (word) => hasLetters(word) && !isGrammar(word) && !ORDINAL_OR_TIME.test(word) && !saidStems.has(stemOf(word)),
    )
  const long = words.filter((word) => [...word].length > 2)
  return words.length - long.length > SHORT_WORDS_MAX ? words : long
}

/**
 * Said as a whole, or one piece of it said and the rest a value of the state, as in “reminder for {order}”. Merely made of such words is not enough: a
 * few words serve for anything.
 */
function wasAsked(text: string, sources: RunSources, said: readonly string[]): boolean {
  const known = (origin: Origin): boolean => origin === 'state' || origin === 'made'
  const originOf = (piece: string): Origin => sources.originOf(piece, said)
  if (said.some((words) => standsIn(text, words))) return true
  const pieces = text.trim().split(/\s+/)
  for (let cut = 1; cut < pieces.length && pieces.length <= ASKED_PIECES_MAX; cut++) {
    const [head, tail] = [originOf(pieces.slice(0, cut).join(' ')), originOf(pieces.slice(cut).join(' '))]
    if ((head === 'words' && known(tail)) || (known(head) && tail === 'words')) return true
  }
  return false
}
