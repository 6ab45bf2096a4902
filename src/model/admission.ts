/** May this happen? The verdict, and the frozen grounds it rests on. */
import type { Hash, PrincipalId } from './ids.ts'
import type { JsonObject } from './json.ts'
import type { Obligations } from './obligations.ts'
import type { ChainLink } from './principal.ts'

/** The Cedar request as evaluated. Stored with the operation, so that anybody can evaluate it again. */
export interface AdmissionRequest {
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly context: JsonObject
  readonly entities: readonly JsonObject[]
}

export interface Authority {
  /** Number of the authority snapshot; its policy set and schema by hash. */
  readonly snapshot: number
  readonly policySet: Hash
  readonly schema: Hash
  /** Evaluator and its version, e.g. `cedar 4.13.0`. */
  readonly evaluator: string
  /** Ids of the policies that determined the verdict. */
  readonly rules: readonly string[]
  /** SHA-256 of the canonical request. */
  readonly request: Hash
  readonly chain: readonly ChainLink[]
  readonly onBehalfOf: PrincipalId | null
  readonly approvals: readonly { readonly approval: string; readonly by: PrincipalId }[]
  /** What the determining rules oblige to; left out when that is nothing. */
  readonly obligations?: Obligations
  /** What the verdict would be if rules that only observe were enforced; left out when it would be the same. */
  readonly observed?: ObservedVerdict
}

/** `requires` of one that would be held, `errors` of one that would be denied for them. */
export interface ObservedVerdict {
  /** `out-of-scope`: it would not exist for who asked. */
  readonly kind: 'admitted' | 'held' | 'denied' | 'out-of-scope'
  readonly rules: readonly string[]
  readonly requires?: readonly string[]
  readonly errors?: readonly string[]
}

export type Admission =
  | { readonly kind: 'admitted'; readonly authority: Authority; readonly request: AdmissionRequest }
  | {
      readonly kind: 'held'
      readonly authority: Authority
      readonly request: AdmissionRequest
      /** Who may decide: role names from the rules' `@hold` annotations. */
      readonly requires: readonly string[]
      readonly forMs: number
      /** Whether a standing grant may stand in for the approval. */
      readonly grants: boolean
    }
  | {
      readonly kind: 'denied'
      readonly authority: Authority
      readonly request: AdmissionRequest
      /** Evaluation errors, when there were any: they deny by themselves. */
      readonly errors: readonly string[]
    }
