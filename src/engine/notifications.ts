/** What the determining rules oblige to tell somebody: one effect for each channel, in the outbox of the same commit. Delivered like any other. */
import type { CommitRequest } from './committer/commit-request.ts'
import type { Proposal } from './proposal.ts'
import type { Admission } from '../model/admission.ts'
import { NOTIFY_EFFECT } from '../model/obligations.ts'

export const notifications = (
  { operation, principal, intent }: Proposal,
  { kind, authority }: Admission,
): CommitRequest['effects'] =>
  (authority.obligations?.notify ?? []).map((channel) => ({
    effect: NOTIFY_EFFECT,
    payload: JSON.stringify({
      payload: {
        channel,
        operation,
        action: intent.command,
        actor: principal.id,
        onBehalfOf: principal.onBehalfOf,
        run: intent.run,
        verdict: kind,
        rules: authority.rules,
      },
      pins: [],
    }),
  }))
