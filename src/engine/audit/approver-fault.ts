/** Who approved, now or in advance, still could when it went on: live, in that role, and with the owners and epochs of then. */
import type { Standing } from './standing.ts'
import { directoryOf, principalOf, type Directory } from '../../identity/chain.ts'
import { canonicalJson } from '../../model/json.ts'
import type { ChainLink } from '../../model/principal.ts'
import { Problem } from '../../model/problems.ts'
import type { OperationRecord } from '../../model/record.ts'
import type { AdmitRequest } from '../../policy/policy.ts'
import type { AuthoritySnapshot, PrincipalEntry } from '../../warden/authority.ts'

/** @returns null when all of them still could, and for what was not committed: it rests on no approval */
export function approverFault(
  { state }: OperationRecord,
  approvals: AdmitRequest['approvals'],
  snapshot: AuthoritySnapshot,
  standing: Standing,
): string | null {
  if (state !== 'committed') return null
  const directory = directoryOf(snapshot)
  for (const { approval, by, role } of approvals) {
    const entry = directory.byId.get(by)
    const given = standing.approvers(approval).filter((one) => one.by === by)
    const stands =
      entry?.kind !== 'agent' &&
      entry?.roles.includes(role) === true &&
      given.some(({ chain }) => canonicalJson(chain) === canonicalJson(liveChain(directory, entry)))
    if (!stands) return `\`${by}\`, whose approval it rests on, could not approve as \`${role}\` any more`
  }
  return null
}

/** Null when somebody in it is revoked or gone. */
function liveChain(directory: Directory, entry: PrincipalEntry): readonly ChainLink[] | null {
  try {
    return principalOf(directory, entry, null).chain
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}
