/**
 * Was a command asked for at all? Its declaration names the words by which it is asked for; a form of one of them must stand in what the principal
 * said, as an instruction: not within a quotation, and not behind a “do not”. Of a phrase that holds for its first word; the others may stand anywhere.
 */
import { stemOf } from './grammar.ts'
import { plain, wordsOf } from './words.ts'

const QUOTED = /(?<![\p{L}\p{N}])(?:'[^'\n]*'|"[^"\n]*"|‘[^’\n]*’|“[^”\n]*”)(?![\p{L}\p{N}])/gu
const NEGATIONS = new Set(['not', "don't", 'don’t', 'never', 'without', 'avoid'])
const NO_NEGATION = new Set(['forget', 'hesitate', 'fail', 'only']) // “do not forget to invite” asks for it
const NEGATED_WITHIN = 3 // words: “do not ever send”

/** @param phrases each one or more words that must all be said; none at all when the command does not declare any, and then nothing is asked of it */
export function wasRequested(phrases: readonly string[], said: readonly string[]): boolean {
  if (phrases.length === 0) return true
  const instructed = new Set(said.flatMap(instructions))
  const all = new Set(said.flatMap(wordsOf).map(stemOf))
  return phrases.some((phrase) => {
    const [verb, ...others] = wordsOf(phrase).map(stemOf)
    return verb !== undefined && instructed.has(verb) && others.every((word) => all.has(word))
  })
}

function instructions(said: string): readonly string[] {
  const words = wordsOf(plain(said).replace(QUOTED, ' … '))
  return words.filter((_, at) => !isNegated(words, at)).map(stemOf)
}

function isNegated(words: readonly string[], at: number): boolean {
  const before = words.slice(Math.max(0, at - NEGATED_WITHIN), at)
  return before.some((word) => NEGATIONS.has(word)) && !before.some((word) => NO_NEGATION.has(word))
}
