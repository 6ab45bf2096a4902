/** Makes what stands behind acknowledgements at start: the stop that an earlier process may have left, the pinned policy, the witnesses, the time authority. */
import type { Clock } from '../../host/clock.ts'
import type { Manifest } from '../../model/manifest.ts'
import { parseVerifierKey } from '../../model/signed-note.ts'
import type { StorageReader } from '../../storage/storage.ts'
import { StoredTree } from '../../transparency-log/stored-tree.ts'
import type { OpenCommitter } from '../committer/committer.ts'
import { Acknowledgement } from './acknowledgement.ts'
import type { LogStop } from './log-stop.ts'
import { Timestamping, type TimestampSource } from './timestamping.ts'
import { PolicyWatch } from './policy-watch.ts'
import { readWitnessPolicy, type WitnessPolicy } from './witness-policy.ts'
import { readWitnessed, type WitnessedHead } from './witnessed.ts'
import { Witnessing } from './witnessing.ts'

export interface AcknowledgementOptions {
  /** tlog-policy file; null or left out: there are no witnesses, and nothing reaches `witnessed`. */
  readonly witnessPolicy?: string | null
  readonly timestamps?: TimestampSource | null
  /** How long a call waits for its level. Default 10 s. */
  readonly waitMs?: number
  /** Between rounds that nobody waits for. Default 1 s. */
  readonly everyMs?: number
  /** Until one witness must have answered. Default 5 s. */
  readonly timeoutMs?: number
}

export interface Opening extends AcknowledgementOptions {
  readonly dir: string
  readonly stop: LogStop
  readonly committer: Pick<OpenCommitter, 'vkey' | 'newest'>
  readonly reader: StorageReader
  readonly manifest: Manifest
  readonly clock: Clock
  readonly onProblem: (what: string, error: unknown) => void
}

/** Begins to ask the witnesses at once. @throws `witness-policy-invalid` */
export function openAcknowledgement(opening: Opening): Acknowledgement {
  const { stop, clock, manifest, timestamps = null, waitMs } = opening
  const path = opening.witnessPolicy ?? null
  const acknowledgement: Acknowledgement = new Acknowledgement({
    stop,
    witnessing: path === null ? null : openWitnessing(opening, readPolicy(opening, path)),
    timestamping: timestamps === null ? null : new Timestamping(timestamps, () => clock.nowMs()),
    effects: manifest.effects,
    ...(waitMs === undefined ? {} : { waitMs }),
  })
  if (path !== null)
    acknowledgement.watch(
      new PolicyWatch({
        path,
        vkey: () => opening.committer.vkey,
        takeUp: async () => {
          const policy = readPolicy(opening, path)
          await acknowledgement.replaceWitnessing(() => openWitnessing(opening, policy))
        },
        onProblem: opening.onProblem,
      }),
    )
  return acknowledgement
}

/** @throws `witness-policy-invalid` */
const readPolicy = ({ committer }: Opening, path: string): WitnessPolicy =>
  readWitnessPolicy(path, parseVerifierKey(committer.vkey))

function openWitnessing(opening: Opening, policy: WitnessPolicy): Witnessing {
  const { dir, stop, committer, reader, clock, onProblem, everyMs, timeoutMs } = opening
  const key = parseVerifierKey(committer.vkey)
  const tree = new StoredTree(reader)
  const found = readWitnessed(dir, policy.policy, key.name, tree, reader.head().treeSize)
  if (found.kind === 'beyond') stopForRollback(opening, found.head)
  // All keys that the policy has for this log: while it changes its key, checkpoints of both come and go.
  const keys = policy.policy.logs.map((log) => log.key).filter(({ name }) => name === key.name)
  const witnessing = new Witnessing({
    ...{ dir, log: { origin: key.name, keys }, policy, tree, stop, clock, onProblem },
    before: found.kind === 'head' ? found.head : null,
    newest: () => committer.newest.note,
    ...(everyMs === undefined ? {} : { everyMs }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  witnessing.start()
  return witnessing
}

/** The files beside the log know a witnessed head that the log does not hold: it was put back, or is another. */
function stopForRollback({ stop, committer, clock }: Opening, head: WitnessedHead): void {
  const detail = `size ${head.size} has been witnessed, and the log at hand does not hold it: its files are older, or others`
  const evidence = { v: 1, kind: 'rollback', origin: parseVerifierKey(committer.vkey).name, witness: null, detail }
  const notes = { refused: committer.newest.note, head: head.note }
  stop.stop('rollback', 'witnessed.note', detail, { ...evidence, ...notes }, clock.nowMs())
}
