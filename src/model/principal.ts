/** Who acts, for whom, and since which epoch. */
import type { PrincipalId } from './ids.ts'

export type PrincipalKind = 'human' | 'agent' | 'service'

/** One link of an owner chain: valid only while the principal's epoch is still this. */
export interface ChainLink {
  readonly principal: PrincipalId
  readonly epoch: number
}

/** A verified caller. `chain[0]` is the caller itself, then its owner, the owner's owner, … */
export interface Principal {
  readonly id: PrincipalId
  readonly kind: PrincipalKind
  readonly roles: readonly string[]
  readonly chain: readonly ChainLink[]
  /** For whom it acts, when not for itself (RFC 8693 `sub` behind `act`). */
  readonly onBehalfOf: PrincipalId | null
  readonly tenant: string
  /** Agents among its owners, the nearest first, each with its own chain; left out when there is none. What it does needs their permission as well. */
  readonly above?: readonly Pick<Principal, 'id' | 'roles' | 'chain' | 'tenant'>[]
}

/** The topmost agent among a principal's owners, or the principal itself: what it and all agents below it do is one party's work. */
export const teamOf = ({ id, above = [] }: Pick<Principal, 'id' | 'above'>): PrincipalId => above.at(-1)?.id ?? id

export interface Credentials {
  /** Bearer token: an API key (`plk_…`) or a JWT of a known issuer. */
  readonly bearer: string | null
  /** `Plinth-On-Behalf-Of`: checked against the caller's delegations. */
  readonly onBehalfOf: string | null
}
