/**
 * Whether what an approver signed stands for what was done. The signature is over `binds`, the hash of a hash for each part of what was asked: those
 * parts that the log holds are made again here. The versions that were read and what effects say were compared by the engine alone.
 */
import { bindsOf, toolHash, type Bound } from '../approval-binding.ts'
import type { ApprovalState } from '../approval-request.ts'
import type { OperationPayload } from '../operation-payload.ts'
import { sha256Hex, type Hash } from '../../model/ids.ts'
import { canonicalJson } from '../../model/json.ts'
import type { Manifest } from '../../model/manifest.ts'
import { NOTIFY_EFFECT } from '../../model/obligations.ts'
import type { OperationRecord } from '../../model/record.ts'

export function isBoundBy(
  { binds, bound }: Pick<ApprovalState, 'binds' | 'bound'>,
  { log, actor, chain, for: onBehalfOf, action: command, run, effects }: OperationRecord,
  { input, facts, impact, authority }: OperationPayload,
  manifest: Manifest,
): boolean {
  if (bound === undefined || bindsOf(bound) !== binds) return false
  const now: Partial<Bound> = {
    tool: toolHash(manifest, command),
    arguments: hashOf({ log, actor, onBehalfOf, command, run, input }),
    ...(effects.some(({ effect }) => effect !== NOTIFY_EFFECT)
      ? {}
      : { impact: hashOf({ facts, impact, effects: [] }) }),
    policy: (authority?.policySet ?? '') as Hash,
    epochs: hashOf(chain),
  }
  return canonicalJson({ ...bound, ...now }) === canonicalJson(bound)
}

const hashOf = (value: unknown): Hash => sha256Hex(canonicalJson(value))
