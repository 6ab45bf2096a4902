/** Where the arguments of a call came from, as policy sees it. Made by src/data-flow/, without a model, so that the same run gives the same facts. */

/** Whose text a value that enters a run is: the principal's own, the application's state, or somebody else's. */
export type Source = 'words' | 'state' | 'external'

/**
 * `words`: stands word for word in what the principal said · `made`: first named by a result of this run's own commands · `state`: stands in what the
 * application answered · `external`: stands only in text from outside · `composed`: stands nowhere; the agent made it.
 */
export type Origin = 'words' | 'made' | 'state' | 'external' | 'composed'

export interface FlowFacts {
  /** The run has taken in text from outside, or nobody can say that it has not. */
  readonly tainted: boolean
  /** Origins of the arguments that choose who or what is reached, sorted; empty when the call reaches nobody. */
  readonly reaches: readonly Origin[]
  /** One of the other arguments stands whole in the principal's words, or is a part of them followed or preceded by a value of the state. */
  readonly asked: boolean
  /** Words in the other arguments that stand in text from outside and nowhere else. */
  readonly externalWords: number
  /** Words in the other arguments that stand nowhere. */
  readonly composedWords: number
  /** The greatest risk among the effects of the call, `none` without any. */
  readonly risk: 'none' | 'reversible' | 'compensable' | 'irreversible'
}
