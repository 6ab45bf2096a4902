/**
 * What a run has taken in, and from whom. It only grows, up to a bound; past the bound the run counts as tainted, and what was not kept stands nowhere.
 */
import type { Json, JsonObject } from '../model/json.ts'
import type { Origin } from '../model/flow.ts'
import { daysIn, isTime } from './dates.ts'
import { figuresOf, follows, isFigure, typedFigures } from './figures.ts'
import { stemOf } from './grammar.ts'
import { Records, VALUE_MAX } from './records.ts'
import { folded, isPlain, standsIn, textsIn, wordsOf } from './words.ts'

/** Characters kept of one run. A conversation has some ten thousand; matching a value against all of it takes a millisecond. */
export const RUN_TEXT_MAX = 262_144
const CALLS_MAX = 10_000 // calls of one run: more than a run has
const WRITTEN_MAX = 5_000 // texts that calls of one run have written
const LOOKED_INTO_MAX = 200 // of one call: matching one against all that was read takes a millisecond
const MADE_MAX = 64 // characters: an id that a command gave; longer values are texts

type Known = 'state' | 'external'
export class RunSources {
  readonly #texts = { state: new Set<string>(), external: new Set<string>() } as const
  readonly #stems = { state: new Set<string>(), external: new Set<string>() } as const
  readonly #figures = { state: new Set<string>(), external: new Set<string>() } as const
  readonly #days = { known: new Set<string>(), external: new Set<string>() } as const
  /** Calls that were committed: command and arguments. */
  readonly #calls = new Set<string>()
  readonly #made = new Set<string>()
  readonly #records = new Records()
  /** What calls of this run have written down without its being said or known: whatever reads it back, it is not the application's word. */
  readonly #written = {
    texts: new Set<string>(),
    stems: new Set<string>(),
    figures: new Set<string>(),
    days: new Set<string>(),
  } as const
  #length = 0
  #tainted: boolean

  /** @param vouched whether it is certain that nothing has come into the run before */
  constructor(vouched: boolean) {
    this.#tainted = !vouched
  }

  get tainted(): boolean {
    return this.#tainted
  }

  /** Something was read that nobody can lay to a run. */
  taint(): void {
    this.#tainted = true
  }

  /**
   * An answer of the application to this run. `external` when the declaration says that its text is somebody else's.
   * @param input what was asked; null when it is not known @param said the principal's own words
   */
  answered(value: Json, source: Known, input: JsonObject | null, said: readonly string[]): void {
    if (source === 'external') this.#tainted = true
    if (!this.#keepAll(value, source)) return
    const asked = input === null ? [] : [...textsIn(input)].filter((text) => text !== '')
    const askedInWords = asked.length > 0 && asked.every((text) => said.some((words) => standsIn(text, words)))
    this.#records.answered(value, source, askedInWords, this.#written.texts)
  }

  /** The result of a command of this run. A text in it that the run has never been given as a whole, an id for one, this run has made. */
  made(result: Json, source: Known, input: JsonObject, said: readonly string[]): void {
    const given = new Set([...textsIn(input)].map(folded))
    const isFresh = (text: string): boolean =>
      !this.#texts.state.has(text) &&
      !this.#texts.external.has(text) &&
      !said.includes(text) &&
      !given.has(folded(text))
    const fresh = [...textsIn(result)].filter((text) => isFresh(text) && (source === 'state' || isId(text)))
    this.#write(input, said)
    this.answered(result, source, null, said)
    for (const text of fresh) this.#made.add(text)
  }

  /** What only an outsider has said, or nobody, stays so when the application has kept it: else a note could be read back as its own word. */
  #write(input: JsonObject, said: readonly string[]): void {
    const written = this.#written
    for (const [at, text] of [...textsIn(input)].entries()) {
      if (written.texts.size >= WRITTEN_MAX) return this.taint()
      const isNew = (): boolean => at >= LOOKED_INTO_MAX || ['external', 'composed'].includes(this.originOf(text, said))
      if (text.length <= VALUE_MAX && isNew()) written.texts.add(folded(text))
      for (const word of wordsOf(text)) if (this.originOfWord(word) === 'external') written.stems.add(stemOf(word))
      for (const figure of figuresOf(text))
        if (this.#figures.external.has(figure) && !this.#figures.state.has(figure)) written.figures.add(figure)
      for (const day of daysIn(text)) if (!this.isExplainedDay(day, said)) written.days.add(day)
    }
  }

  hasMade(value: string): boolean {
    return this.#made.has(value)
  }

  /** @param said the principal's own words */
  originOf(value: string, said: readonly string[]): Origin {
    if (isPlain(value) && said.some((text) => standsIn(value, text))) return 'words'
    if (this.#made.has(value)) return 'made'
    if (standsInSome(value, this.#texts.state)) return 'state'
    return standsInSome(value, this.#texts.external) ? 'external' : 'composed'
  }

  /** Of a value that nobody said: `named` or `picked` when the principal named it by the record it stands in. */
  namedBy(value: string, said: readonly string[]): 'named' | 'picked' | null {
    const source = isPlain(value) ? this.#records.namedBy(value, said) : null
    return source === null ? null : source === 'state' ? 'named' : 'picked'
  }

  /** Of one word, apart from what was said. All forms of a word are one. */
  originOfWord(word: string): 'state' | 'external' | 'composed' {
    const stem = stemOf(word)
    if (this.#stems.state.has(stem)) return 'state'
    return this.#stems.external.has(stem) ? 'external' : 'composed'
  }

  /**
   * Which of these numbers have no ground: none was said, is the application's own, belongs to a record that the call is about, or follows from such ones.
   * @param reached values that the call reaches
   */
  unexplained(figures: readonly string[], said: readonly string[], reached: readonly string[]): readonly string[] {
    const own = new Set([...said.flatMap(figuresOf), ...this.#figures.state])
    const open = figures.filter((figure) => !own.has(figure))
    if (open.length === 0) return []
    const about = this.#records.figuresAbout(new Set(said.flatMap(wordsOf).map(stemOf)), reached)
    const known = [...about, ...this.#figures.state]
    return open.filter(
      (figure) => this.#figures.external.has(figure) || !(about.includes(figure) || follows(figure, said, known)),
    )
  }

  /** This very call was made and committed. */
  isRepeated(call: string): boolean {
    return this.#calls.has(call) || this.#calls.size >= CALLS_MAX
  }

  /** Past a bound none is kept, and every further one counts as repeated. */
  called(call: string): void {
    if (this.#calls.size < CALLS_MAX) this.#calls.add(call)
  }

  /** Of a day: false when nobody but an outsider named it. */
  isExplainedDay(day: string, said: readonly string[]): boolean {
    if (!this.#days.external.has(day) || this.#days.known.has(day)) return true
    return said.some((text) => daysIn(text).includes(day))
  }

  #keep(kind: 'stems' | 'figures', source: Known, piece: string): void {
    const kept = kind === 'stems' ? this.#stems : this.#figures
    kept[source === 'state' && this.#written[kind].has(piece) ? 'external' : source].add(piece)
  }

  /** False when it was too much. */
  #keepAll(value: Json, source: Known): boolean {
    for (const text of textsIn(value)) {
      this.#length += text.length
      if (this.#length > RUN_TEXT_MAX) {
        this.#tainted = true
        return false
      }
      this.#texts[source].add(text)
      for (const word of wordsOf(text)) this.#keep('stems', source, stemOf(word))
    }
    if (source === 'state') for (const figure of typedFigures(value)) this.#keep('figures', source, figure)
    for (const text of proseIn(value)) {
      if (!isFigure(text)) for (const figure of figuresOf(text)) this.#keep('figures', source, figure)
      const isKnown = source === 'state' || isTime(text)
      for (const day of daysIn(text))
        if (!isKnown || !this.#written.days.has(day)) this.#days[isKnown ? 'known' : 'external'].add(day)
    }
    return true
  }
}

/** Short, and one word: no text that somebody wrote. */
const isId = (text: string): boolean => text.length <= MADE_MAX && !/\s/u.test(text)

function* proseIn(value: Json): Generator<string> {
  if (typeof value === 'string') yield value
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) yield* proseIn(item)
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) yield* proseIn(item)
}

function standsInSome(value: string, texts: ReadonlySet<string>): boolean {
  if (texts.has(value)) return true
  for (const text of texts) if (standsIn(value, text)) return true
  return false
}
