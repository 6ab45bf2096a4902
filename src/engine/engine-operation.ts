/**
 * The engine's own operations (attest, approve, grant, import, erase): the same path without a cell. Scope, then admission, then one commit with a
 * record of its own; decided again when a stream moved.
 */
import { asking } from './acknowledgement/at-level.ts'
import { ATTEMPTS_MAX } from './bounds.ts'
import { begin } from './begin.ts'
import { envelopeOf } from './commit.ts'
import type { EnginePlan } from './engine-plan.ts'
import { gate } from './gate.ts'
import { handIn } from './hand-in.ts'
import { payloadUndecided } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import { whereOf, type Proposal } from './proposal.ts'
import { DEFAULT_LEVEL, highest, type Level } from '../model/acknowledgement.ts'
import type { Admission } from '../model/admission.ts'
import type { RunId } from '../model/ids.ts'
import type { JsonObject } from '../model/json.ts'
import type { Intent, Outcome } from '../model/operation.ts'
import type { Principal } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

/** What is asked for: by whom, and under which id, is said beside it. */
export interface EngineIntent {
  readonly command: string
  readonly input: JsonObject
  readonly idempotencyKey: string
  readonly run?: RunId | null
  readonly acknowledge: Level | null
}

/**
 * The level that the intent asks for is looked at before anything is written; waiting for it is left to the caller (acknowledgement/at-level.ts), since some have
 * work to do first.
 * @throws `forbidden` when the action is outside the principal's scope, `level-unavailable`
 */
export async function engineOperation(
  parts: Parts,
  principal: Principal,
  { acknowledge, run = null, ...asked }: EngineIntent,
  plan: (signal: AbortSignal) => Promise<EnginePlan>,
  signal: AbortSignal,
): Promise<Outcome> {
  const intent: Intent = { ...asked, run, correlation: null, causation: null, ...asking(acknowledge) }
  if (!parts.policy.inScope(principal, intent.command))
    throw problem('forbidden', `\`${principal.id}\` may not do \`${intent.command}\``)
  const begun = begin(parts, principal, intent, signal)
  if (begun.kind === 'known') return begun.outcome
  parts.acknowledgement.require(highest(intent.acknowledge))
  const { operation, intentHash } = begun
  const proposal: Proposal = {
    operation,
    intentHash,
    principal,
    intent,
    input: asked.input,
    approvals: [],
    resumed: null,
  }
  gate(parts, proposal)
  const work = async (stop: AbortSignal): Promise<Outcome> => {
    const admission = parts.policy.admit({
      principal,
      action: intent.command,
      resource: null,
      input: asked.input,
      facts: null,
      impact: null,
      attested: {},
      approvals: [],
    })
    if (admission.kind !== 'admitted') {
      const outcome = { kind: 'denied', rules: admission.authority.rules } as const
      const payload = payloadUndecided(proposal, admission, outcome)
      parts.aside.record('denied', principal, operation, payload, whereOf(parts, proposal))
      return { ...outcome, operation, replayed: false }
    }
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      stop.throwIfAborted()
      const result = await commitPlan(parts, proposal, admission, await plan(stop))
      if (result.kind !== 'moved') return result
    }
    throw problem('stream-contended', `planned ${ATTEMPTS_MAX} times and lost each time`, { operation })
  }
  return parts.running.run(operation, intentHash, principal, signal, work, intent)
}

/** Commits one plan as this operation. Also used at start, when the engine acts by itself (`admission` null). */
export async function commitPlan(
  parts: Parts,
  proposal: Proposal,
  admission: Admission | null,
  plan: EnginePlan,
): Promise<Outcome | { readonly kind: 'moved' }> {
  const { operation } = proposal
  const result = await handIn(
    parts,
    {
      ...envelopeOf(parts, proposal, admission),
      state: 'committed',
      streams: plan.streams,
      finds: [],
      readPosition: parts.states.visible,
      events: plan.events,
      rows: plan.rows,
      effects: [],
      payload: JSON.stringify(payloadUndecided(proposal, admission, { kind: 'committed', result: plan.result })),
    },
    plan.after,
    new Map(plan.events.map(({ stream, version }) => [stream, version])),
  )
  if (result.kind === 'moved') return result
  if (result.kind === 'known') return { ...result.outcome, replayed: true }
  const { acknowledgement } = parts
  const asked = highest(proposal.intent.acknowledge, acknowledgement.leastFor(proposal.intent.command))
  if (asked !== DEFAULT_LEVEL) acknowledgement.hurry(result.position)
  const events = plan.events.map(({ stream, version, type }, i) => ({
    stream,
    version,
    type,
    position: result.eventPositions[i] ?? result.position,
  }))
  return {
    kind: 'committed',
    level: DEFAULT_LEVEL,
    asked,
    operation,
    position: result.position,
    result: plan.result,
    events,
    receipt: result.receipt,
    replayed: false,
  }
}
