/**
 * The last word on switches and the lease: asked in the commit itself, in the thread that orders commits, so a switch that is in force there
 * is in force for everything that lands after it. What only records an ending (refused, denied, expired, stopped) changes nothing and passes.
 */
import type { SwitchEntry } from '../../warden/authority.ts'
import { switchInTheWay } from '../../warden/switches.ts'
import type { CommitRequest } from './commit-request.ts'

/** What of the authority the commit is held against beside epochs. */
export interface Levers {
  readonly switches: readonly SwitchEntry[]
  /** Past it nothing changes; null: no lease is needed. */
  readonly leaseUntilMs: number | null
  readonly application: string
}
export const NO_LEVERS: Levers = { switches: [], leaseUntilMs: null, application: '' }

export type LeverRefusal =
  { readonly kind: 'switched'; readonly by: SwitchEntry } | { readonly kind: 'lease-expired'; readonly untilMs: number }

export function judgeLevers(request: CommitRequest, levers: Levers, nowMs: number): LeverRefusal | null {
  // The engine by itself (no chain) records what has come into force, the levers among it.
  if (request.chain.length === 0 || (request.state !== 'committed' && request.state !== 'held')) return null
  const { leaseUntilMs, switches, application } = levers
  if (leaseUntilMs !== null && nowMs > leaseUntilMs) return { kind: 'lease-expired', untilMs: leaseUntilMs }
  if (switches.length === 0) return null
  const { tenant, chain, onBehalfOf, run, action, effects, policySet } = request
  const by = switchInTheWay(
    switches,
    {
      application,
      tenant,
      principals: [...chain.map(({ principal }) => principal), ...(onBehalfOf === null ? [] : [onBehalfOf])],
      run,
      command: action,
      effects: effects.map(({ effect }) => effect),
      policySet: policySet ?? null,
    },
    'change',
  )
  return by === null ? null : { kind: 'switched', by }
}
