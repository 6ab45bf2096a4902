/**
 * Whether those who approved still may: asked when what they let through goes on, and once more in its commit, so that an approval does not outlive
 * who gave it. A chain is compared with its epochs: another role, another key or a revocation that was taken back is another epoch.
 */
import type { Parts } from './parts.ts'
import type { Approval } from './proposal.ts'
import type { PrincipalId } from '../model/ids.ts'
import { canonicalJson, type Json } from '../model/json.ts'
import type { ChainLink } from '../model/principal.ts'
import { Problem } from '../model/problems.ts'

/** Live, who they were when they approved, and in every role that is asked for. @param chain null where it was not recorded */
export function mayStillApprove(
  { identity }: Pick<Parts, 'identity'>,
  { by, chain }: { readonly by: string; readonly chain: Json | readonly ChainLink[] },
  requires: readonly string[],
): boolean {
  try {
    const approver = identity.byId(by as PrincipalId)
    return (
      approver.kind !== 'agent' &&
      identity.isLive(approver) &&
      (chain === null || canonicalJson(approver.chain) === canonicalJson(chain)) &&
      requires.every((role) => approver.roles.includes(role))
    )
  } catch (error) {
    if (error instanceof Problem) return false
    throw error
  }
}

export const allMayStillApprove = (parts: Pick<Parts, 'identity'>, approvals: readonly Approval[]): boolean =>
  approvals.every(({ by, role, chain }) => mayStillApprove(parts, { by, chain: chain ?? null }, [role]))

/** Owner chains that a commit stands and falls with, beside that of who asked. */
export const approversOf = (approvals: readonly Approval[]): readonly ChainLink[] =>
  approvals.flatMap(({ chain }) => chain ?? [])
