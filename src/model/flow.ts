/** Where the arguments of a call came from, as policy sees it. Made by src/data-flow/, without a model, so that the same run gives the same facts. */

/** Whose text a value that enters a run is: the principal's own, the application's state, or somebody else's. */
export type Source = 'words' | 'state' | 'external'

/**
 * `words`: stands word for word in what the principal said · `made`: first named by a result of this run's own commands · `named`: stands in a record of
 * the state that the principal named, or answers a question made of his words · `picked`: stands in the one record from outside that the principal
 * named · `state`: stands in what the application answered · `external`: stands only in text from outside · `composed`: stands nowhere; the agent
 * made it. Beside a target that is a whole value, `named` and `picked` are never given to a piece of a text.
 */
export type Origin = 'words' | 'made' | 'named' | 'picked' | 'state' | 'external' | 'composed'

export interface FlowFacts {
  /** The run has taken in text from outside, or nobody can say that it has not. */
  readonly tainted: boolean
  /** Origins of the arguments that choose who or what is reached, sorted; empty when the call reaches nobody. */
  readonly reaches: readonly Origin[]
  /** The principal said one of the words by which the command is asked for. True for a command that declares none. */
  readonly requested: boolean
  /**
   * Words of those other arguments that must be given, as far as they stand whole in the principal's words, or are a part of them followed or preceded by
   * a value of the state; 0 when there is no such argument.
   */
  readonly askedWords: number
  /** This run has made this very call before, with the same arguments. */
  readonly repeated: boolean
  /** Words in the other arguments that stand in text from outside and nowhere else. */
  readonly externalWords: number
  /** Words in the other arguments that stand nowhere. */
  readonly composedWords: number
  /** Addresses and keys among these words: of pages, people, files, accounts. */
  readonly foreignAddresses: number
  /**
   * Numbers in the other arguments that were not said, are not the application's own, and do not follow from such ones; and days that only text from
   * outside names. Other dates and times do not count.
   */
  readonly unexplainedFigures: number
  /** The greatest risk among the effects of the call, `none` without any. */
  readonly risk: 'none' | 'reversible' | 'compensable' | 'irreversible'
}
