/** Permission as the engine sees it: scope before decide, admission on impact after it. */
import type { Admission, AdmissionRequest, Authority } from '../model/admission.ts'
import type { Impact } from '../model/decision.ts'
import type { FlowFacts } from '../model/flow.ts'
import type { JsonObject } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'

export interface AdmitRequest {
  readonly principal: Principal
  /** Command or query name, or an action of the engine's own: `plinth.attest`, `plinth.approve`, `plinth.import`, `plinth.erase`, `plinth.read-records`. */
  readonly action: string
  /** The command's first target, or null: then the application itself. */
  readonly resource: { readonly entity: string; readonly id: string } | null
  readonly input: JsonObject
  readonly facts: JsonObject | null
  /** Null for queries. */
  readonly impact: Impact | null
  /** Where the arguments came from; left out for all but commands of applications that declare it. */
  readonly flow?: FlowFacts | null
  /** Facts attested for the run by a front door. */
  readonly attested: JsonObject
  /** Approvals already given to this operation: role of the approver. */
  readonly approvals: readonly { readonly approval: string; readonly by: string; readonly role: string }[]
  /** Of a command: each limit's value before this operation, and what it would add. Unknown is a denial where the set has limits. */
  readonly history?: HistoryFacts | null
}
/** By name of the limit. */
export interface HistoryFacts {
  readonly history: Readonly<Record<string, number>>
  readonly adding: Readonly<Record<string, number>>
}

export interface Policy {
  /** Does this action exist for this principal at all? Memoised per snapshot. */
  inScope(principal: Principal, action: string): boolean
  /** Never throws for a policy's sake: an error while evaluating is a denial with the error named. */
  admit(request: AdmitRequest): Admission
  /** Re-evaluates a recorded request under the policy set with this hash, when it is at hand. `verdict` is what comes out now, null when unknown. */
  replay(
    request: AdmissionRequest,
    authority: Authority,
  ): {
    readonly kind: 'agrees' | 'differs' | 'unknown'
    readonly rules: readonly string[]
    readonly verdict: Admission['kind'] | null
  }
}
