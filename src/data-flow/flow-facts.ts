/** The arguments of one call, held against what its run has taken in. */
import type { FlowFacts, Origin } from '../model/flow.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { hasWord, type RunSources } from './run-sources.ts'
import { hasLetters, textsIn, wordsOf } from './words.ts'

const SHORT_WORD = 3 // letters: shorter words carry grammar, not content

/**
 * @param reaches names of the input members that choose who or what is reached
 * @param said the principal's own words
 */
export function flowFacts(
  sources: RunSources,
  said: readonly string[],
  reaches: readonly string[],
  input: JsonObject,
  risk: FlowFacts['risk'],
): FlowFacts {
  const reached = reaches.flatMap((member) => [...textsIn(given(input[member]))])
  const contents = Object.entries(input)
    .filter(([member]) => !reaches.includes(member))
    .flatMap(([, value]) => [...textsIn(value)])
    .filter(hasLetters)
  const words = wordsToExplain(contents, said)
  const origins = words.map((word) => sources.originOfWord(word))
  return {
    tainted: sources.tainted,
    reaches: [...new Set(reached.map((text) => sources.originOf(text, said)))].sort(),
    asked: contents.some((text) => wasAsked(text, sources, said)),
    externalWords: origins.filter((origin) => origin === 'external').length,
    composedWords: origins.filter((origin) => origin === 'composed').length,
    risk,
  }
}

/** What is left out, or left empty, reaches nobody. */
const given = (value: Json | undefined): Json | undefined => (value === '' ? undefined : value)

/** Words of the contents that the principal did not say. */
function wordsToExplain(contents: readonly string[], said: readonly string[]): readonly string[] {
  const saidWords = new Set(said.flatMap(wordsOf))
  return contents.flatMap(wordsOf).filter((word) => {
    return word.length >= SHORT_WORD && hasLetters(word) && !hasWord(saidWords, word)
  })
}

/** Said as a whole, or one piece of it said and the rest a value of the state, as in “reminder for {order}”. */
function wasAsked(text: string, sources: RunSources, said: readonly string[]): boolean {
  const known = (origin: Origin): boolean => origin === 'state' || origin === 'made'
  const originOf = (piece: string): Origin => sources.originOf(piece, said)
  if (originOf(text) === 'words') return true
  const pieces = text.trim().split(/\s+/)
  for (let cut = 1; cut < pieces.length; cut++) {
    const [head, tail] = [originOf(pieces.slice(0, cut).join(' ')), originOf(pieces.slice(cut).join(' '))]
    if ((head === 'words' && known(tail)) || (known(head) && tail === 'words')) return true
  }
  return false
}
