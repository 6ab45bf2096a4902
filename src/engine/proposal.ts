/** An operation on its way down the path: who proposes what, under which id, and, when it was held, what was approved. */
import type { Bound } from './approval-binding.ts'
import type { Parts } from './parts.ts'
import type { ApprovalId, Hash, OperationId, ReleaseId, RunId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Intent } from '../model/operation.ts'
import type { ChainLink, Principal } from '../model/principal.ts'

export interface Approval {
  readonly approval: string
  readonly by: string
  readonly role: string
  /** Owner chain of who approved, as it was then; left out by approvals from before it was recorded. */
  readonly chain?: readonly ChainLink[]
}

/** A hold that is being resumed: its approval request, at the version in which it was approved. */
export interface Resumed {
  readonly approval: ApprovalId
  readonly version: number
  readonly state: JsonObject
  /** What the approvers signed, and the parts that it is the hash of; null for one held before they were recorded. */
  readonly binds: Hash
  readonly bound: Bound | null
}

export interface Proposal {
  readonly operation: OperationId
  readonly intentHash: Hash
  readonly principal: Principal
  readonly intent: Intent
  /** The intent's input, checked against its schema. */
  readonly input: JsonObject
  readonly approvals: readonly Approval[]
  readonly resumed: Resumed | null
}

/** What a record beside the log says of where it was asked. */
export const whereOf = (
  { release }: Pick<Parts, 'release'>,
  { intent }: { readonly intent: Pick<Intent, 'run'> },
): { readonly release: ReleaseId; readonly run: RunId | null } => ({ release: release.id, run: intent.run })
