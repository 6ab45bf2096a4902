/**
 * Does a switch reach this? Pure, so that the first gate, the commit and the dispatch of effects all ask the same question in the same words.
 * Reading half of the authority.
 */
import type { SwitchAction, SwitchEntry, SwitchScope } from './authority.ts'

/** What a switch is held against. Null where it is not known yet: what a decision will do is known only after it. */
export interface SwitchSubject {
  readonly application: string
  readonly tenant: string
  /** The caller, its owners, and for whom it acts. */
  readonly principals: readonly string[]
  readonly run: string | null
  readonly command: string
  readonly effects: readonly string[]
  /** Hash of the policy set that admits it. */
  readonly policySet: string | null
}

/** What is about to happen: a change, a read by the application, the activation of a release. */
export type SwitchedAct = 'change' | 'read' | 'activate'

const REFUSES: Readonly<Record<SwitchAction, readonly SwitchedAct[]>> = {
  stop: ['change', 'read', 'activate'],
  contain: ['change', 'activate'],
  pause: ['change', 'read', 'activate'],
  freeze: ['activate'],
}
/** The gravest is named first in a refusal: a caller who is stopped should not be told to try again. */
const GRAVITY: readonly SwitchAction[] = ['stop', 'contain', 'pause', 'freeze']

/** The switch that stands in the way, or null. Cheap: the list is short, and empty on most days. */
export function switchInTheWay(
  switches: readonly SwitchEntry[],
  subject: SwitchSubject,
  act: SwitchedAct,
): SwitchEntry | null {
  if (switches.length === 0) return null
  const reaching = switches.filter(({ action, scope }) => REFUSES[action].includes(act) && reaches(scope, subject))
  for (const action of GRAVITY) {
    const found = reaching.find((one) => one.action === action)
    if (found !== undefined) return found
  }
  return null
}

export function reaches({ kind, value }: SwitchScope, subject: SwitchSubject): boolean {
  switch (kind) {
    case 'global':
      return true
    case 'application':
      return subject.application === value
    case 'tenant':
      return subject.tenant === value
    case 'principal':
      return subject.principals.includes(value)
    case 'run':
      return subject.run === value
    case 'command':
      return subject.command === value
    case 'effect':
      return subject.effects.includes(value)
    case 'policy-set':
      return subject.policySet === value
    default:
      return kind satisfies never
  }
}
