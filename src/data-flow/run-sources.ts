/**
 * What a run has taken in, and from whom. It only grows, up to a bound; past the bound the run counts as tainted, and what was not kept stands nowhere.
 */
import type { Json } from '../model/json.ts'
import type { Origin } from '../model/flow.ts'
import { standsIn, textsIn, wordsOf } from './words.ts'

/** Characters kept of one run. A conversation has some ten thousand; matching a value against all of it takes a millisecond. */
export const RUN_TEXT_MAX = 262_144

export class RunSources {
  readonly #state = new Set<string>()
  readonly #external = new Set<string>()
  readonly #made = new Set<string>()
  readonly #stateWords = new Set<string>()
  readonly #externalWords = new Set<string>()
  #length = 0
  #tainted: boolean

  /** @param vouched whether it is certain that nothing has come into the run before */
  constructor(vouched: boolean) {
    this.#tainted = !vouched
  }

  get tainted(): boolean {
    return this.#tainted
  }

  /** An answer of the application to this run. `external` when the declaration says that its text is somebody else's. */
  answered(value: Json, source: 'state' | 'external'): void {
    if (source === 'external') this.#tainted = true
    for (const text of textsIn(value)) this.#keep(text, source)
  }

  /** The result of a command of this run. A text in it that the run has never been given as a whole, an id for one, this run has made. */
  made(result: Json, said: readonly string[]): void {
    const texts = [...textsIn(result)]
    const fresh = texts.filter((text) => !this.#state.has(text) && !this.#external.has(text) && !said.includes(text))
    for (const text of texts) this.#keep(text, 'state')
    for (const text of fresh) this.#made.add(text)
  }

  /** @param said the principal's own words */
  originOf(value: string, said: readonly string[]): Origin {
    if (said.some((text) => standsIn(value, text))) return 'words'
    if (this.#made.has(value)) return 'made'
    if (standsInSome(value, this.#state)) return 'state'
    return standsInSome(value, this.#external) ? 'external' : 'composed'
  }

  /** Of one word, apart from what was said. A plural is its singular. */
  originOfWord(word: string): 'state' | 'external' | 'composed' {
    if (hasWord(this.#stateWords, word)) return 'state'
    return hasWord(this.#externalWords, word) ? 'external' : 'composed'
  }

  #keep(text: string, source: 'state' | 'external'): void {
    this.#length += text.length
    if (this.#length > RUN_TEXT_MAX) {
      this.#tainted = true
      return
    }
    const [texts, words] = source === 'state' ? [this.#state, this.#stateWords] : [this.#external, this.#externalWords]
    texts.add(text)
    for (const word of wordsOf(text)) words.add(word)
  }
}

function standsInSome(value: string, texts: ReadonlySet<string>): boolean {
  if (texts.has(value)) return true
  for (const text of texts) if (standsIn(value, text)) return true
  return false
}

export const hasWord = (words: ReadonlySet<string>, word: string): boolean =>
  words.has(word) || words.has(`${word}s`) || (word.endsWith('s') && words.has(word.slice(0, -1)))
