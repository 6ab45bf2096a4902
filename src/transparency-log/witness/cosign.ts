/**
 * Gets a checkpoint cosigned: all witnesses at once, done as soon as those that have answered are enough. What answers later still counts,
 * and keeps the slower witnesses at pace. A refusal ends the waiting: a log that is told it contradicts itself must not go on.
 */
import { consistencyProof, type NodeSource } from '../proofs.ts'
import { foldRoots, perfectSubtrees } from '../../model/merkle.ts'
import type { PolicyFile } from '../policy-file.ts'
import { judgeQuorum } from '../policy-file-quorum.ts'
import type { Cosignature } from '../cosignature.ts'
import type { OwnTree } from './equivocation.ts'
import type { WitnessAnswer, WitnessClient } from './witness-client.ts'

/** Whether these witnesses, named as the policy names them, are enough. */
export type Enough = (cosigned: ReadonlySet<string>) => boolean
export const enoughFor =
  (policy: PolicyFile): Enough =>
  (cosigned) =>
    judgeQuorum(policy, cosigned).kind === 'satisfied'

export interface CosignOptions {
  readonly enough: Enough
  /** Each cosignature as it arrives, also those that arrive after `cosign` has returned. */
  readonly onCosignature?: (name: string, cosignature: Cosignature) => void
  /** Each refusal, also a late one: the caller stops the log and files the evidence. */
  readonly onRefusal?: (name: string, refusal: Refusal) => void
}
export type Refusal = Extract<WitnessAnswer, { kind: 'refused' }>

export interface Cosigned {
  /**
   * `enough`: the note satisfies the policy. `refused`: a witness says that the log contradicts itself; nothing may be acknowledged on this
   * checkpoint; look at `evidence.proof`, since a witness may be wrong. `short`: all have answered or failed, and it is not enough. Where the
   * answers say `overtaken`, a later checkpoint is being cosigned and covers this one; otherwise later ones may fare better.
   */
  readonly kind: 'enough' | 'refused' | 'short'
  /** The checkpoint with the cosignatures so far, in the order of their arrival. */
  readonly note: string
  readonly cosignatures: ReadonlyMap<string, Cosignature>
  /** Every answer so far; who is not in it has not answered yet. */
  readonly answers: ReadonlyMap<string, WitnessAnswer>
  /** All answers, when the last has come. Never rejects. */
  readonly settled: Promise<ReadonlyMap<string, WitnessAnswer>>
}

/**
 * @param checkpoint signed by the log @param signal abort: requests in flight are given up; who has cosigned says so at the next one
 * @throws NoteError when the checkpoint is not of the witnesses' log; the signal's reason
 */
export async function cosign(
  checkpoint: string,
  witnesses: readonly WitnessClient[],
  { enough, onCosignature, onRefusal }: CosignOptions,
  signal: AbortSignal,
): Promise<Cosigned> {
  signal.throwIfAborted()
  const answers = new Map<string, WitnessAnswer>()
  const cosignatures = new Map<string, Cosignature>()
  const { promise: decided, resolve, reject } = Promise.withResolvers<Cosigned['kind']>()
  if (enough(new Set())) resolve('enough')
  const asked = witnesses.map(async (witness) => {
    const { name } = witness.address
    const answer = await witness.submit(checkpoint, signal)
    answers.set(name, answer)
    if (answer.kind === 'cosigned') {
      cosignatures.set(name, answer.cosignature)
      onCosignature?.(name, answer.cosignature)
      if (enough(new Set(cosignatures.keys()))) resolve('enough')
    } else if (answer.kind === 'refused') {
      onRefusal?.(name, answer)
      resolve('refused')
    }
  })
  const settled = Promise.allSettled(asked).then(() => answers)
  void Promise.all(asked).then(() => resolve('short'), reject)
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort)
  const kind = await decided.finally(() => signal.removeEventListener('abort', abort))
  const lines = [...cosignatures.values()].map(({ line }) => line).join('')
  return { kind, note: checkpoint + lines, cosignatures: new Map(cosignatures), answers: new Map(answers), settled }
}

/** The tree of a log, from whatever holds its nodes. */
export const ownTree = (nodes: NodeSource): OwnTree => ({
  root: (size) => foldRoots(perfectSubtrees(size).map(({ height, index }) => nodes.node(height, index))),
  consistencyProof: (oldSize, size) => consistencyProof(nodes, oldSize, size),
})
