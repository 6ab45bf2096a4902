/** The application's answer to a proposal, run in the sandbox at one log position and then checked: nothing a cell says is believed. */
import { attestedFor } from './attested.ts'
import { answered, cellCall, resourceOf } from './cell-call.ts'
import { checkAccepted, type AcceptedByCell } from './check-decision.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { ReadSession } from './read-session.ts'
import type { Impact, NewEffect, NewEvent, NewState, RowChange, Usage } from '../model/decision.ts'
import { streamId } from '../model/ids.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { teamOf } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import type { AdmitRequest } from '../policy/policy.ts'

/** What went into a decision, whichever way it came out. */
export interface Ground {
  readonly session: ReadSession
  readonly facts: JsonObject | null
  readonly attested: JsonObject
  readonly usage: Usage
  /** What policy is asked; a refusal would do nothing, so its impact is empty. */
  readonly admitRequest: AdmitRequest
}
export interface Accepted extends Ground {
  readonly kind: 'accepted'
  readonly result: Json
  readonly events: readonly NewEvent[]
  readonly effects: readonly NewEffect[]
  readonly states: readonly NewState[]
  readonly rows: readonly RowChange[]
  readonly impact: Impact
}
export interface Refusal extends Ground {
  readonly kind: 'refused'
  readonly code: string
  readonly detail: JsonObject
}

const NOTHING: Impact = { events: [], streams: [], effects: [], irreversible: false }

/**
 * @returns `unfounded` when the code failed on a state that never came to be: decide again
 * @throws `limit-exceeded`, `application-failed`, `application-output-invalid`, `sandbox-unavailable`, or the signal's reason
 */
export async function decide(
  parts: Parts,
  proposal: Proposal,
  signal: AbortSignal,
): Promise<Accepted | Refusal | { readonly kind: 'unfounded' }> {
  const session = new ReadSession(parts, parts.states.visible, 'ahead', signal)
  try {
    return await decideOn(session, parts, proposal, signal)
  } catch (error) {
    if (signal.aborted || (await session.stillHolds())) throw error
    return { kind: 'unfounded' }
  }
}

async function decideOn(
  session: ReadSession,
  parts: Parts,
  proposal: Proposal,
  signal: AbortSignal,
): Promise<Accepted | Refusal> {
  const { release, sandbox } = parts
  const { intent, input, principal, operation } = proposal
  const command = release.manifest.commands[intent.command]
  if (command === undefined) throw problem('no-such-command', `there is no command \`${intent.command}\` here`)
  const attested = await attestedFor(session, intent.run)
  const call = { name: intent.command, action: command, input, principal, attested, operation }
  const said = await sandbox.decide(await cellCall(parts, call, session), session, signal)
  signal.throwIfAborted()
  const answer = answered(said, operation)
  const facts = checkedFacts(parts, intent.command, answer.facts)
  const flowOf = (effects: readonly string[]) =>
    parts.flows.facts(intent.run, teamOf(principal), intent.command, input, attested, effects)
  const admitRequest: AdmitRequest = {
    principal,
    action: intent.command,
    resource: resourceOf(command, input),
    input,
    facts,
    impact: NOTHING,
    flow: flowOf([]),
    attested,
    approvals: proposal.approvals,
  }
  const ground: Ground = { session, facts, attested, usage: answer.usage, admitRequest }
  if (answer.kind === 'refused') return { kind: 'refused', ...ground, code: answer.code, detail: answer.detail }
  checkAccepted(parts, intent.command, answer)
  const impact = impactOf(parts, answer)
  return { ...answer, ...ground, impact, admitRequest: { ...admitRequest, impact, flow: flowOf(impact.effects) } }
}

function checkedFacts(parts: Parts, command: string, facts: JsonObject | null): JsonObject | null {
  if (facts !== null) parts.validators.facts(command, facts)
  return facts
}

function impactOf(parts: Parts, { events, effects }: AcceptedByCell): Impact {
  return {
    events: [...new Set(events.map(({ entity, type }) => `${entity}.${type}`))],
    streams: [...new Set(events.map(({ entity, id }) => streamId(entity, id)))],
    effects: [...new Set(effects.map(({ effect }) => effect))],
    irreversible: effects.some(({ effect }) => parts.release.manifest.effects[effect]?.risk === 'irreversible'),
  }
}
