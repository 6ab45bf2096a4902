/** The limits of a snapshot come into force: counted in the committer first, which reads their past from the log, then here. */
import type { Parts } from '../parts.ts'
import { readLimits } from '../../policy/limits.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'

/**
 * What cannot be counted is unknown, and what rests on it is denied: adopting never fails for it, because a revocation may come with it.
 * Limits of the snapshot before stay counted, for what is under way.
 */
export async function adoptLimits(parts: Parts, snapshot: AuthoritySnapshot): Promise<void> {
  const { limits } = readLimits(snapshot.policies)
  const keep = new Set([...limits, ...parts.policy.limits()].map(({ counts }) => counts))
  try {
    parts.history.adopt(await parts.committer.adoptLimits(limits), keep)
  } catch (error) {
    process.emitWarning(`limits are not counted: ${String(error)}`, 'PlinthHistory')
  }
}
