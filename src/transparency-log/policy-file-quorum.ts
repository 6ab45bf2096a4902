/** Whether the cosignatures of a checkpoint are enough for a policy; and if not, which are missing. */
import { NoteError } from '../model/signed-note.ts'
import type { Checkpoint } from './checkpoint.ts'
import { openAnyCheckpoint, readCheckpoint } from './cosignature-checkpoint.ts'
import { verifyCosignatures, type Cosignature } from './cosignature.ts'
import type { PolicyFile, PolicyGroup, PolicyMember } from './policy-file.ts'

/** A group that has not witnessed, and what it would take. */
export interface ShortGroup {
  readonly group: string
  readonly threshold: number
  /** Members that have witnessed: fewer than the threshold. */
  readonly have: readonly string[]
  /** Members that have not, of whom `threshold - have.length` are needed. */
  readonly lacking: readonly string[]
}
export type QuorumVerdict =
  | { readonly kind: 'satisfied' }
  | {
      readonly kind: 'short'
      /** The fewest further cosignatures that would do. */
      readonly shortBy: number
      /** Witnesses below a group that is short, whose cosignature could help. In order of the policy. */
      readonly missing: readonly string[]
      /** From the quorum downwards; empty when the quorum is one witness. */
      readonly groups: readonly ShortGroup[]
    }

/** @param cosigned names, as the policy calls them, of witnesses whose cosignature has been verified */
export function judgeQuorum(policy: PolicyFile, cosigned: ReadonlySet<string>): QuorumVerdict {
  if (policy.quorum === null) return { kind: 'satisfied' }
  const short = new Map<string, number>()
  const shortBy = shortfall(policy.quorum, cosigned, short)
  if (shortBy === 0) return { kind: 'satisfied' }
  const missing: string[] = []
  const groups: ShortGroup[] = []
  collect(policy.quorum, short, missing, groups)
  const order = policy.witnesses.map(({ name }) => name)
  return { kind: 'short', shortBy, missing: order.filter((name) => missing.includes(name)), groups }
}

/** The fewest cosignatures that a member still needs; remembered for every member below it. */
function shortfall(member: PolicyMember, cosigned: ReadonlySet<string>, short: Map<string, number>): number {
  const needed =
    member.kind === 'witness'
      ? Number(!cosigned.has(member.name))
      : sumOfLeast(
          member.members.map((one) => shortfall(one, cosigned, short)),
          member.threshold,
        )
  short.set(member.name, needed)
  return needed
}

/** Witnesses stand below one group at most, so what two members need never overlaps. */
export const sumOfLeast = (costs: readonly number[], count: number): number =>
  costs
    .toSorted((a, b) => a - b)
    .slice(0, count)
    .reduce((sum, cost) => sum + cost, 0)

function collect(
  member: PolicyMember,
  short: ReadonlyMap<string, number>,
  missing: string[],
  groups: ShortGroup[],
): void {
  if (short.get(member.name) === 0) return
  if (member.kind === 'witness') {
    missing.push(member.name)
    return
  }
  groups.push(shortGroup(member, short))
  for (const one of member.members) collect(one, short, missing, groups)
}

function shortGroup({ name, threshold, members }: PolicyGroup, short: ReadonlyMap<string, number>): ShortGroup {
  const names = (done: boolean): string[] =>
    members.filter((one) => (short.get(one.name) === 0) === done).map((one) => one.name)
  return { group: name, threshold, have: names(true), lacking: names(false) }
}

export interface PolicyFinding {
  readonly checkpoint: Checkpoint
  /** By the witness's name in the policy. */
  readonly cosignatures: ReadonlyMap<string, Cosignature>
  readonly verdict: QuorumVerdict
}

/**
 * Reads a checkpoint as its verifier's policy wants it: signed by a log of the policy, with cosignatures that verify.
 * @throws NoteError when the note is malformed, of an unknown log, or holds a wrong signature of a known key
 */
export function judgeCheckpoint(policy: PolicyFile, note: string): PolicyFinding {
  const { origin } = readCheckpoint(note)
  const keys = policy.logs.map(({ key }) => key).filter(({ name }) => name === origin)
  if (keys.length === 0) throw new NoteError(`the policy knows no log \`${origin}\``)
  const opened = openAnyCheckpoint(note, { origin, keys })
  const found = verifyCosignatures(
    note,
    policy.witnesses.map(({ key }) => key),
  )
  const cosignatures = new Map<string, Cosignature>()
  for (const { name, key } of policy.witnesses) {
    const cosignature = found.find(({ verifier }) => verifier === key)
    if (cosignature !== undefined) cosignatures.set(name, cosignature)
  }
  const verdict = judgeQuorum(policy, new Set(cosignatures.keys()))
  return { checkpoint: { origin, size: opened.size, rootHash: opened.rootHash }, cosignatures, verdict }
}
