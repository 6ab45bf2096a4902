/**
 * What a quorum is worth: how many witnesses may be down before nothing is acknowledged any more, and how many may be malicious before two
 * clients can be shown different logs. Two quorums of k out of n share at least 2k - n witnesses, and a split view needs each shared one to
 * sign both: safe while 2k - n > f. For nested groups the same, from the leaves up. Witnesses of one operator fail together: count
 * operators, not keys.
 */
import type { PolicyFile, PolicyMember } from './policy-file.ts'
import { sumOfLeast } from './policy-file-quorum.ts'

export interface QuorumSafety {
  /** So many witnesses, whichever they are, may be down and a quorum is still to be had. Infinity for `quorum none`. */
  readonly liveWithDown: number
  /**
   * So many malicious witnesses, whichever they are, together with a malicious log cannot show two views that both have a quorum.
   * -1: not even with honest witnesses alone is a split view prevented, because two quorums need not meet.
   */
  readonly safeWithMalicious: number
}

export function quorumSafety({ quorum }: Pick<PolicyFile, 'quorum'>): QuorumSafety {
  if (quorum === null) return { liveWithDown: Infinity, safeWithMalicious: -1 }
  return { liveWithDown: fewestToStop(quorum) - 1, safeWithMalicious: fewestShared(quorum) - 1 }
}

/** k of n witnesses, without groups. @throws RangeError unless 1 <= k <= n */
export function thresholdSafety(k: number, n: number): QuorumSafety {
  if (!Number.isSafeInteger(k) || !Number.isSafeInteger(n) || k < 1 || k > n)
    throw new RangeError(`\`${k}\` of \`${n}\` is no quorum`)
  return { liveWithDown: n - k, safeWithMalicious: Math.max(2 * k - n, 0) - 1 }
}

/** The fewest witnesses without which a member cannot witness. */
function fewestToStop(member: PolicyMember): number {
  if (member.kind === 'witness') return 1
  return sumOfLeast(member.members.map(fewestToStop), member.members.length - member.threshold + 1)
}

/** The fewest witnesses that stand in both of two sets that each make a member witness. */
function fewestShared(member: PolicyMember): number {
  if (member.kind === 'witness') return 1
  return sumOfLeast(member.members.map(fewestShared), Math.max(2 * member.threshold - member.members.length, 0))
}
