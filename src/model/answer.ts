/** One answer object per question, behind screen, CLI and MCP alike. Every line says where it comes from. */
import type { Json } from './json.ts'

/**
 * `recorded`: an entry of the log or of the bounded records says so. `derived`: folded from the log. `erased`: it was personal data, and the last
 * record that `refs` names has erased it. `unknown`: and what would settle it.
 */
export type AnswerLine =
  | { readonly kind: 'recorded'; readonly label: string; readonly value: Json; readonly refs: readonly string[] }
  | { readonly kind: 'derived'; readonly label: string; readonly value: Json; readonly refs: readonly string[] }
  | { readonly kind: 'erased'; readonly label: string; readonly value: null; readonly refs: readonly string[] }
  | {
      readonly kind: 'unknown'
      readonly label: string
      readonly value: null
      readonly settle: string
      readonly refs: readonly string[]
    }

export interface Answer {
  readonly question: string
  readonly about: string
  /** Log position up to which this answer holds. */
  readonly asOf: number
  readonly lines: readonly AnswerLine[]
  /** What to do next, as a command line. */
  readonly next: readonly string[]
}
