/**
 * Standing grants: given by an approver with a signed text, kept on one engine stream for each principal and command, used in the commit of what they
 * let through. The stream's version is compared there, so that no two calls take the same use.
 */
import { toolHash } from './approval-binding.ts'
import { mayStillApprove } from './approvers.ts'
import { APPROVE } from './decide-approval.ts'
import type { Accepted } from './decide.ts'
import { atLevel } from './acknowledgement/at-level.ts'
import { engineOperation } from './engine-operation.ts'
import { engineStep, oneEvent, type EngineStep } from './engine-plan.ts'
import { grantStream } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import type { Approval, Proposal } from './proposal.ts'
import type { Admission } from '../model/admission.ts'
import { coveredBy, type GrantState } from '../model/approval-grant.ts'
import type { Level } from '../model/acknowledgement.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import type { ChainLink, Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'
import { verifyGrant } from '../warden/approval-decision.ts'

/** Ever given to one principal for one command: all of them are read when an operation would be held. */
export const GRANTS_MAX = 500
export const GRANT_MAX_MS = 30 * 86_400_000

/** The step that a use adds to the commit. */
export interface GrantUse extends EngineStep {
  readonly approvals: readonly Approval[]
}

/** Puts a grant on record. @returns the operation that did. @throws `approval-invalid`, `approval-settled`, `forbidden` */
export async function giveGrant(
  parts: Parts,
  credentials: Credentials,
  text: string,
  signature: string,
  acknowledge: Level | null,
  signal: AbortSignal,
): Promise<Outcome> {
  const approver = await parts.identity.authenticate(credentials, signal)
  const grant = verifyGrant(parts.authority.current(), { decision: text, signature })
  if (grant.by !== approver.id)
    throw problem('approval-invalid', `the grant is signed by \`${grant.by}\`, sent by \`${approver.id}\``)
  if (approver.kind === 'agent' || approver.chain.some(({ principal }) => principal === grant.to))
    throw problem('approval-invalid', 'a grant is given by somebody else than who uses it, and never by an agent')
  const nowMs = parts.clock.nowMs()
  if (grant.expiresAtMs <= nowMs || grant.expiresAtMs > nowMs + GRANT_MAX_MS)
    throw problem('approval-invalid', 'a grant ends within 30 days')
  if (grant.tool !== toolHash(parts.release.manifest, grant.command))
    throw problem('approval-invalid', `the grant is for another definition of \`${grant.command}\``)
  const personal = parts.release.manifest.commands[grant.command]?.personal ?? []
  const named = Object.keys(grant.where).find((path) => personal.some((member) => path.startsWith(`input.${member}`)))
  if (named !== undefined)
    throw problem('approval-invalid', `\`${named}\` is personal data, which a grant would keep: leave it open`)
  const stream = grantStream(grant.to, grant.command)
  const outcome = await engineOperation(
    parts,
    approver,
    {
      command: APPROVE,
      input: { ...grant, signature, action: grant.command } as unknown as JsonObject, // as policies see any decision
      idempotencyKey: grant.grant,
      acknowledge,
    },
    async (stop) => {
      const read = await parts.states.at(stream, parts.states.visible, stop)
      const given = read.state === null ? {} : (JSON.parse(read.state) as JsonObject)
      if (Object.keys(given).length >= GRANTS_MAX || Object.hasOwn(given, grant.grant))
        throw problem('approval-settled', `at most ${GRANTS_MAX} grants are kept for one command, each once`)
      const entry: GrantState = { ...grant, chain: approver.chain as unknown as readonly Json[], uses: 0, spent: 0 }
      return oneEvent(stream, read, 'granted', { [grant.grant]: entry }, { grant: grant.grant })
    },
    signal,
  )
  return await atLevel(parts, outcome, acknowledge, signal)
}

/** A grant that covers what would be held, and whose approver could approve it now; null when there is none, or policy forbids one here. */
export async function usableGrant(
  parts: Parts,
  { principal, intent, input, resumed, approvals }: Proposal,
  decision: Accepted,
  { requires, grants }: Extract<Admission, { kind: 'held' }>,
  signal: AbortSignal,
): Promise<GrantUse | null> {
  if (!grants || resumed !== null || approvals.length > 0) return null
  const stream = grantStream(principal.id, intent.command)
  const { version, state } = await parts.states.at(stream, parts.states.visible, signal)
  if (state === null) return null
  const tool = toolHash(parts.release.manifest, intent.command)
  const call = { to: principal.id, command: intent.command, tool, input, facts: decision.facts }
  for (const grant of Object.values(JSON.parse(state) as Record<string, GrantState>)) {
    const covered = coveredBy(grant, call, parts.clock.nowMs())
    if ('why' in covered || !mayStillApprove(parts, grant, requires) || grant.by === principal.onBehalfOf) continue
    const used = { ...grant, uses: grant.uses + 1, spent: grant.spent + covered.amount }
    return {
      approvals: requires.map((role) => ({ approval: grant.grant, by: grant.by, role, chain: approver(grant) })),
      ...engineStep(stream, { version, state }, 'used', { [grant.grant]: used }),
    }
  }
  return null
}

const approver = ({ chain }: GrantState): readonly ChainLink[] => chain as unknown as readonly ChainLink[]
