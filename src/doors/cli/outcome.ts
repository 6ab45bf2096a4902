/** The outcome of an operation, for people and for the shell. */
import { DEFAULT_LEVEL } from '../../model/acknowledgement.ts'
import type { Outcome, RecordedLevel } from '../../model/operation.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { printable, shown } from './terminal.ts'

export function exitCodeOfOutcome(outcome: Outcome): ExitCode {
  switch (outcome.kind) {
    case 'committed':
      return EXIT.ok
    case 'refused':
      return EXIT.failed
    case 'denied':
      return EXIT.denied
    case 'held':
    case 'awaiting':
      return EXIT.waiting
    default:
      return outcome satisfies never
  }
}

export function outcomeLines(outcome: Outcome): readonly string[] {
  switch (outcome.kind) {
    case 'committed':
      return [
        `committed at #${outcome.position}${outcome.asked === DEFAULT_LEVEL ? '' : `, ${outcome.level}`}: ${shown(outcome.result)}`,
        `next: plinth why ${outcome.operation}`,
      ]
    case 'awaiting':
      return [
        `committed at #${outcome.position}: ${shown(outcome.result)}`,
        `awaiting: it stands at ${outcome.level}, not yet at ${outcome.asked}: ${printable(outcome.obstacle)}`,
        `next: the same command with the same \`--key\`, \`plinth log witnesses\`, or plinth why ${outcome.operation}`,
      ]
    case 'refused':
      return [`refused${atLevel(outcome)}: ${outcome.code}, ${printable(outcome.title)} ${shown(outcome.detail)}`]
    case 'denied':
      return [
        `denied by ${outcome.rules.map(printable).join(', ')}${atLevel(outcome)}`,
        `next: plinth why ${outcome.operation}`,
      ]
    case 'held':
      return [`held${atLevel(outcome)}: ${outcome.approval} needs ${outcome.requires.map(printable).join(', ')}`]
    default:
      return outcome satisfies never
  }
}

/** Where the record of an answer that is no commit stands, when the caller asked for a level. */
const atLevel = ({ level, asked }: RecordedLevel): string =>
  level === undefined || asked === undefined ? '' : level === asked ? `, ${level}` : `, ${level} and not yet ${asked}`
