/** The application's answer to a proposal, run in the sandbox at one log position and then checked: nothing a cell says is believed. */
import { attestedFor } from './attested.ts'
import { answered, cellCall, resourceOf } from './cell-call.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { ReadSession } from './read-session.ts'
import { isEngineEntity } from './engine-streams.ts'
import type { CellDecision, Impact, NewEffect, NewEvent, NewState, RowChange, Usage } from '../model/decision.ts'
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

type AcceptedByCell = Extract<CellDecision, { kind: 'accepted' }>

/** Everything that would be stored, against the release's own schemas. @throws `application-output-invalid` */
function checkAccepted(parts: Parts, name: string, decision: AcceptedByCell): void {
  const { validators, release } = parts
  const command = release.manifest.commands[name]
  const wrong = (what: string): never => {
    throw problem('application-output-invalid', what)
  }
  if (command === undefined) return wrong(`command \`${name}\` is not declared`)
  if (command.facts !== null && decision.facts === null) wrong(`command \`${name}\` declares facts and stated none`)
  validators.output(name, decision.result)
  const written = new Set<string>()
  for (const event of decision.events) {
    if (isEngineEntity(event.entity) || !command.appends.includes(event.entity))
      wrong(`command \`${name}\` may not append to entity \`${event.entity}\``)
    checkId(event.entity, event.id)
    validators.event(event.entity, event.type, event.data)
    written.add(streamId(event.entity, event.id))
  }
  const stated = new Set<string>()
  for (const { entity, id, state } of decision.states) {
    validators.state(entity, state)
    stated.add(streamId(entity, id))
  }
  if (written.size !== stated.size || [...written].some((stream) => !stated.has(stream)))
    wrong('the states do not match the streams that were appended to')
  checkRows(parts, decision.rows, written)
  for (const { effect, payload } of decision.effects) {
    if (!command.effects.includes(effect)) wrong(`command \`${name}\` may not ask for effect \`${effect}\``)
    validators.effect(effect, payload)
  }
}

/** An id that has no UTF-8 form would be stored as another one; an empty one would be listed nowhere. */
export function checkId(entity: string, id: string): void {
  if (id === '' || !id.isWellFormed())
    throw problem('application-output-invalid', `an id of \`${entity}\` is empty or not well-formed Unicode`)
}

/** Rows come with the streams they are folded from, and with no others. @throws `application-output-invalid` */
export function checkRows(parts: Parts, rows: readonly RowChange[], written: ReadonlySet<string>): void {
  const { readModels } = parts.release.manifest
  for (const { model, id, key, row } of rows) {
    const of = Object.hasOwn(readModels, model) ? readModels[model]?.of : undefined
    if (of === undefined || !written.has(streamId(of, id)) || !key.isWellFormed())
      throw problem(
        'application-output-invalid',
        `a row of \`${model}\` does not belong to a stream that was appended to`,
      )
    if (row !== null) parts.validators.row(model, row)
  }
}

function impactOf(parts: Parts, { events, effects }: AcceptedByCell): Impact {
  return {
    events: [...new Set(events.map(({ entity, type }) => `${entity}.${type}`))],
    streams: [...new Set(events.map(({ entity, id }) => streamId(entity, id)))],
    effects: [...new Set(effects.map(({ effect }) => effect))],
    irreversible: effects.some(({ effect }) => parts.release.manifest.effects[effect]?.risk === 'irreversible'),
  }
}
