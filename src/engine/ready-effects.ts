/**
 * The gate between the outbox and the world: what may be delivered, and what waits. Whoever delivers reads from here and nowhere else, and asks
 * again just before each try.
 *
 * E1 An effect whose risk is irreversible is ready only when its intent's record is under a head that a quorum of witnesses has cosigned.
 * E2 An effect that the release does not declare counts as irreversible, and so does what an earlier release decided when something of it was: its record
 *    says so, and a later release does not make it less. While the log is stopped, nothing is ready.
 * E3 An effect that a switch reaches, by its own name, by who asked for it or by the policies it was admitted under, is not ready while it is on.
 * E4 An effect of somebody who was revoked or changed since, or whose owner was, is never ready again: work does not outlive its principal.
 * E5 What the engine itself has to tell (an obligation of a rule) is nobody's work: only its own name and what reaches everything hold it up.
 */
import type { Parts } from './parts.ts'
import { mayDispatch } from './switches.ts'
import type { Hash, Position, PrincipalId } from '../model/ids.ts'
import type { Risk } from '../model/manifest.ts'
import type { JsonText } from '../model/json.ts'
import { NOTIFY_EFFECT } from '../model/obligations.ts'
import type { ChainLink } from '../model/principal.ts'
import type { OperationRecord } from '../model/record.ts'
import { parseRecord } from '../model/record-line.ts'
import type { SwitchEntry } from '../warden/authority.ts'

export const EFFECT_STATES = ['ready', 'awaiting-witness', 'log-stopped', 'switched-off', 'revoked'] as const
export type EffectState = (typeof EFFECT_STATES)[number]

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
type SwitchedGate = Gate & Pick<Parts, 'authority' | 'release' | 'policy' | 'identity'>

/** Effects looked at for one page of those that wait. */
export const EFFECTS_SCAN_MAX = 1_000

/** Effects in order behind a position, each with its state as of now. */
export function outboxEffects(parts: SwitchedGate, after: Position, limit: number): readonly OutboxEffect[] {
  let of: { readonly position: Position; readonly behind: OperationBehind | null } | null = null
  return parts.reader.effects(after, limit).map(({ position, ordinal, effect, payload }) => {
    if (of?.position !== position) of = { position, behind: operationBehind(parts, position) }
    const risk = riskOf(parts, effect, of.behind)
    return { position, ordinal, effect, risk, payload, state: stateOf(parts, position, effect, of.behind) }
  })
}

/** What may be delivered now, in order, of the next `limit` effects behind a position. An effect that waits does not hold up those behind it. */
export const readyEffects = (parts: SwitchedGate, after: Position, limit: number): readonly OutboxEffect[] =>
  outboxEffects(parts, after, limit).filter(({ state }) => state === 'ready')

/** Who asked for an effect, and under which policies. */
interface OperationBehind extends Pick<OperationRecord, 'actor' | 'chain' | 'tenant' | 'run'> {
  readonly command: string
  readonly onBehalfOf: PrincipalId | null
  readonly policySet: Hash | null
  /** Something of the operation could not be taken back, as its own release saw it; looked at only for another release than today's. */
  readonly wasIrreversible: boolean
}

/** Null for a record that cannot be read: then its effects cannot be attributed, and stay. */
function operationBehind(parts: SwitchedGate, position: Position): OperationBehind | null {
  const stored = (parts.reader.stored ?? parts.reader).record(position) // nothing personal is asked for
  const record = stored === null ? null : parseRecord(stored.line)
  if (record?.kind !== 'operation') return null
  const { actor, chain, tenant, run, action: command } = record
  // Few switches name policies, and payloads are long.
  const named = parts.authority.current().switches.some(({ scope }) => scope.kind === 'policy-set')
  const earlier = record.release !== parts.release.id && record.effects.length > 0
  const payload = (named || earlier) && stored?.payload != null ? (JSON.parse(stored.payload) as PayloadRead) : null
  return {
    actor,
    chain,
    tenant,
    run,
    command,
    onBehalfOf: record.for,
    policySet: payload?.authority?.policySet ?? null,
    wasIrreversible: earlier && payload?.impact?.irreversible !== false,
  }
}
interface PayloadRead {
  readonly authority?: { readonly policySet: Hash } | null
  readonly impact?: { readonly irreversible: boolean } | null
}

/** As today's release sees it, or as the one saw it that decided, whichever is more. */
const riskOf = ({ acknowledgement }: Gate, effect: string, behind: OperationBehind | null): Risk =>
  behind?.wasIrreversible === true && effect !== NOTIFY_EFFECT ? 'irreversible' : acknowledgement.riskOf(effect)

function stateOf(parts: SwitchedGate, position: Position, effect: string, behind: OperationBehind | null): EffectState {
  if (behind === null || switchedOffBy(parts, effect, behind) !== null) return 'switched-off'
  if (effect !== NOTIFY_EFFECT && !isLive(parts, behind)) return 'revoked'
  const { acknowledgement } = parts
  if (acknowledgement.stop.mark !== null) return 'log-stopped'
  return riskOf(parts, effect, behind) === 'irreversible' && position >= acknowledgement.witnessedSize
    ? 'awaiting-witness'
    : 'ready'
}

const NOBODY = {
  tenant: '',
  chain: [] as readonly ChainLink[],
  onBehalfOf: null,
  run: null,
  command: '',
  policySet: null,
}
const switchedOffBy = (parts: SwitchedGate, effect: string, behind: OperationBehind): SwitchEntry | null =>
  mayDispatch(parts, effect, effect === NOTIFY_EFFECT ? NOBODY : behind)

/** Nobody stands behind what the engine does by itself. */
const isLive = ({ identity }: SwitchedGate, { actor, chain, tenant, onBehalfOf }: OperationBehind): boolean =>
  chain.length === 0 || identity.isLive({ id: actor, kind: 'agent', roles: [], chain, onBehalfOf, tenant })

/** The state of the effect of one record that is furthest from leaving; null when it has none. */
export function worstOf(
  parts: SwitchedGate,
  position: Position,
  effects: readonly { readonly effect: string }[],
): EffectState | null {
  if (effects.length === 0) return null
  const behind = operationBehind(parts, position)
  const states = effects.map(({ effect }) => stateOf(parts, position, effect, behind))
  return states.toSorted((a, b) => EFFECT_STATES.indexOf(b) - EFFECT_STATES.indexOf(a))[0] ?? null
}

/** What a switch (by its id) or a revocation (of this principal) keeps from leaving, of the oldest in the outbox. */
export function heldBackBy(
  parts: SwitchedGate,
  after: Position,
  cause: { readonly switch: string } | { readonly revoked: string },
): { readonly heldBack: number; readonly scanned: number; readonly last: Position } {
  const page = parts.reader.effects(after, EFFECTS_SCAN_MAX)
  const heldBack = page.filter(({ position, effect }) => {
    const behind = operationBehind(parts, position)
    if (behind === null) return false
    if ('switch' in cause) return switchedOffBy(parts, effect, behind)?.id === cause.switch
    const named =
      behind.onBehalfOf === cause.revoked || behind.chain.some(({ principal }) => principal === cause.revoked)
    return named && effect !== NOTIFY_EFFECT && !isLive(parts, behind)
  }).length
  return { heldBack, scanned: page.length, last: page.at(-1)?.position ?? after }
}

/** How many wait for witnesses; `complete` is false when there are more than were looked at. */
export function countAwaiting(parts: SwitchedGate): { readonly count: number; readonly complete: boolean } {
  const after = (parts.acknowledgement.witnessedSize - 1) as Position
  const effects = parts.reader.effects(after, EFFECTS_SCAN_MAX)
  const waiting = effects.filter(
    ({ effect, position }) =>
      parts.acknowledgement.riskOf(effect) === 'irreversible' ||
      riskOf(parts, effect, operationBehind(parts, position)) === 'irreversible',
  )
  return { count: waiting.length, complete: effects.length < EFFECTS_SCAN_MAX }
}

/** What whoever looks at a waiting effect can do about it. */
export function nextFor({ acknowledgement }: Gate, state: EffectState): string | null {
  if (state === 'ready') return null
  if (state === 'switched-off') return 'an operator’s switch is on: `plinth switch list`'
  if (state === 'revoked')
    return 'who asked for it was revoked or changed since: it never leaves; ask anew if it should (`plinth principals list`)'
  if (state === 'log-stopped') return 'look at the evidence, then `plinth log resume`: docs/operating/witnesses.md'
  return acknowledgement.witnessing === null
    ? 'no witness policy is configured: start with `--witness-policy FILE` (docs/operating/witnesses.md)'
    : `wait for the witnesses: ${acknowledgement.witnessing.obstacle}; see \`plinth log witnesses\``
}
