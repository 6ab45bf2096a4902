/** Makes a decision durable: one storage transaction with everything in it, or nothing. */
import { levelOf } from './acknowledgement/asked-level.ts'
import { closingStep } from './approval-request.ts'
import { approversOf } from './approvers.ts'
import type { CommitRequest } from './committer/commit-request.ts'
import type { Accepted } from './decide.ts'
import { flowCall } from './flows.ts'
import type { GrantUse } from './grants.ts'
import { handIn } from './hand-in.ts'
import { payloadOf } from './operation-payload.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { DEFAULT_LEVEL } from '../model/acknowledgement.ts'
import { claimsOf, historyOf, type AdmissionOnHistory } from './admit.ts'
import type { Admission } from '../model/admission.ts'
import { sha256Hex, streamId, type Position, type StreamId } from '../model/ids.ts'
import { canonicalJson, type JsonText } from '../model/json.ts'
import { obliged } from '../model/obligations.ts'
import type { Outcome } from '../model/operation.ts'
import { notifications } from './notifications.ts'

/**
 * Hands an admitted decision to the committer. What it would leave can be decided on at once; what it answers is durable.
 * @returns the committed outcome, or `moved`: something it read has changed, decide again
 * @throws `storage-unavailable`: unknown whether it was written, the same key makes a retry safe; `principal-revoked`: nothing was written
 */
export async function commit(
  parts: Parts,
  proposal: Proposal,
  decision: Accepted,
  { admission, read }: AdmissionOnHistory,
  attempts: number,
  use: GrantUse | null = null,
): Promise<Outcome | { readonly kind: 'moved' }> {
  const reads = decision.session.readSet()
  const versions = new Map<StreamId, number>(reads.streams.map(({ stream, version }) => [stream, version]))
  const events: { stream: StreamId; version: number; type: string; data: JsonText }[] = decision.events.map(
    ({ entity, id, type, data }) => {
      const stream = streamId(entity, id)
      const version = (versions.get(stream) ?? 0) + 1
      versions.set(stream, version)
      return { stream, version, type, data: JSON.stringify(data) }
    },
  )
  const after = new Map<StreamId, JsonText>(
    decision.states.map(({ entity, id, state }) => [streamId(entity, id), JSON.stringify(state)]),
  )
  const closing = proposal.resumed === null ? null : closingStep(proposal.resumed, 'committed')
  const steps = [closing, use].filter((step) => step !== null)
  for (const { stream, event, state } of steps) {
    versions.set(stream, event.version)
    after.set(stream, state)
  }
  const request: CommitRequest = {
    ...envelopeOf(parts, proposal, admission),
    state: 'committed',
    streams: [
      ...reads.streams.map(({ stream, version }) => ({ stream, version })),
      ...steps.map(({ stream, version }) => ({ stream, version })),
    ],
    finds: reads.finds,
    readPosition: reads.position,
    history: claimsOf(read),
    approvers: approversOf(use === null ? proposal.approvals : use.approvals),
    events: [...events, ...steps.map(({ event }) => event)],
    rows: closing === null ? decision.rows : [...decision.rows, closing.row],
    effects: [
      ...decision.effects.map(({ effect, payload, pins }) => ({ effect, payload: JSON.stringify({ payload, pins }) })),
      ...notifications(proposal, admission),
    ],
    payload: JSON.stringify(
      payloadOf(proposal, decision, {
        admission,
        history: historyOf(read),
        impact: decision.impact,
        attempts,
        outcome: { kind: 'committed', result: decision.result },
      }),
    ),
  }
  const result = await handIn(parts, request, after, versions, decision.session.assumed, decision.session.era)
  if (result.kind === 'moved') return result
  if (result.kind === 'known') return { ...result.outcome, replayed: true }
  if (parts.acknowledgement.needsWitness(decision.effects)) parts.acknowledgement.hurry(result.position)
  parts.breakers.made(proposal, decision.result)
  parts.flows.made(flowCall(proposal, decision.attested), decision.result)
  return {
    kind: 'committed',
    level: DEFAULT_LEVEL,
    asked: levelOf(parts.release.manifest, proposal.intent, decision),
    operation: proposal.operation,
    position: result.position,
    result: obliged(decision.result, admission.authority.obligations),
    events: events.map(({ stream, version, type }, i) => ({
      stream,
      version,
      type,
      position: result.eventPositions[i] as Position,
    })),
    receipt: result.receipt,
    replayed: false,
  }
}

/** The attributed fields: they follow from who proposes what, and from the admission. */
export function envelopeOf(parts: Pick<Parts, 'release'>, proposal: Proposal, admission: Admission | null) {
  const { principal, intent } = proposal
  return {
    operation: proposal.operation,
    intentHash: proposal.intentHash,
    action: intent.command,
    chain: principal.chain,
    actor: principal.id,
    onBehalfOf: principal.onBehalfOf,
    tenant: principal.tenant,
    run: intent.run,
    correlation: intent.correlation,
    causation: intent.causation,
    release: parts.release.id,
    gate: admission === null ? '' : sha256Hex(canonicalJson(admission.authority)),
    ...(admission?.authority?.policySet === undefined ? {} : { policySet: admission.authority.policySet }),
  } satisfies Partial<CommitRequest>
}
