/**
 * The gate between the outbox and the world: what may be delivered, and what waits. Whoever delivers reads from here and nowhere else.
 *
 * E1 An effect whose risk is irreversible is ready only when its intent's record is under a head that a quorum of witnesses has cosigned.
 * E2 An effect that the release does not declare counts as irreversible. While the log is stopped, nothing is ready.
 * E3 An effect that a switch reaches, by its own name or by who asked for it, is not ready while the switch is on.
 */
import type { Parts } from './parts.ts'
import { mayDispatch } from './switches.ts'
import type { Position } from '../model/ids.ts'
import type { Risk } from '../model/manifest.ts'
import type { JsonText } from '../model/json.ts'
import { parseRecord } from '../model/record-line.ts'

export type EffectState = 'ready' | 'awaiting-witness' | 'log-stopped' | 'switched-off'

export interface OutboxEffect {
  /** Of the operation's record; with `ordinal` it names the effect. */
  readonly position: Position
  readonly ordinal: number
  readonly effect: string
  readonly risk: Risk
  readonly payload: JsonText
  readonly state: EffectState
}

type Gate = Pick<Parts, 'reader' | 'acknowledgement'>
type SwitchedGate = Gate & Pick<Parts, 'authority' | 'release' | 'policy'>

/** Effects looked at for one page of those that wait. */
export const EFFECTS_SCAN_MAX = 1_000

/** Effects in order behind a position, each with its state as of now. */
export function outboxEffects(parts: SwitchedGate, after: Position, limit: number): readonly OutboxEffect[] {
  return parts.reader.effects(after, limit).map(({ position, ordinal, effect, payload }) => {
    const risk = parts.acknowledgement.riskOf(effect)
    const state = isSwitchedOff(parts, position, effect) ? 'switched-off' : stateOf(parts, position, risk)
    return { position, ordinal, effect, risk, payload, state }
  })
}

/** What may be delivered now, in order, of the next `limit` effects behind a position. An effect that waits does not hold up those behind it. */
export const readyEffects = (parts: SwitchedGate, after: Position, limit: number): readonly OutboxEffect[] =>
  outboxEffects(parts, after, limit).filter(({ state }) => state === 'ready')

/** Asked again just before delivery. What cannot be read cannot be attributed, and stays. */
function isSwitchedOff(parts: SwitchedGate, position: Position, effect: string): boolean {
  if (parts.authority.current().switches.length === 0) return false
  const line = parts.reader.record(position)?.line
  const record = line === undefined ? null : parseRecord(line)
  if (record?.kind !== 'operation') return true
  const { chain, tenant, run, action: command } = record
  return mayDispatch(parts, effect, { chain, onBehalfOf: record.for, tenant, run, command }) !== null
}

/** Of one effect as far as witnesses and the log go. */
export function stateOf({ acknowledgement }: Gate, position: Position, risk: Risk): EffectState {
  if (acknowledgement.stop.mark !== null) return 'log-stopped'
  return risk !== 'irreversible' || position < acknowledgement.witnessedSize ? 'ready' : 'awaiting-witness'
}

/** The state of the effect of one record that is furthest from leaving; null when it has none. */
export function worstOf(
  parts: Gate,
  position: Position,
  effects: readonly { readonly effect: string }[],
): EffectState | null {
  const states = effects.map(({ effect }) => stateOf(parts, position, parts.acknowledgement.riskOf(effect)))
  return states.find((state) => state !== 'ready') ?? states[0] ?? null
}

/** How many wait for witnesses; `complete` is false when there are more than were looked at. */
export function countAwaiting(parts: Gate): { readonly count: number; readonly complete: boolean } {
  const after = (parts.acknowledgement.witnessedSize - 1) as Position
  const effects = parts.reader.effects(after, EFFECTS_SCAN_MAX)
  const waiting = effects.filter(({ effect }) => parts.acknowledgement.riskOf(effect) === 'irreversible')
  return { count: waiting.length, complete: effects.length < EFFECTS_SCAN_MAX }
}

/** What whoever looks at a waiting effect can do about it. */
export function nextFor({ acknowledgement }: Gate, state: EffectState): string | null {
  if (state === 'ready') return null
  if (state === 'switched-off') return 'an operator’s switch is on: `plinth switch list`'
  if (state === 'log-stopped') return 'look at the evidence, then `plinth log resume`: docs/operating/witnesses.md'
  return acknowledgement.witnessing === null
    ? 'no witness policy is configured: start with `--witness-policy FILE` (docs/operating/witnesses.md)'
    : `wait for the witnesses: ${acknowledgement.witnessing.obstacle}; see \`plinth log witnesses\``
}
