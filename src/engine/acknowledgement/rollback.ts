/**
 * A witness that is further than the newest checkpoint: has the log lost its tail, did somebody merely hand in a newer checkpoint than ours of a moment ago,
 * or is all of it here and the signer has yet to be told, by a witness, that it has signed it?
 */
import { readCheckpoint } from '../../transparency-log/cosignature-checkpoint.ts'
import type { StoredTree } from '../../transparency-log/stored-tree.ts'
import type { WitnessClient } from '../../transparency-log/witness/witness-client.ts'
import { holds, reachesTo } from './witnessed.ts'

export interface Rollback {
  readonly detail: string
  /** The witness's head: signed by this log, cosigned, and larger than this log is. Null when the witness does not give it. */
  readonly head: string | null
}

/**
 * @param newest the log's newest checkpoint, whenever it is asked
 * @param tree the log at hand, with what is not signed yet
 * @returns null when the witness is not further than the log is by now
 */
export async function confirmRollback(
  client: WitnessClient,
  newest: () => string,
  tree: StoredTree,
  signal: AbortSignal,
): Promise<Rollback | null> {
  const head = await client.latest(signal).catch(() => null)
  signal.throwIfAborted()
  const { size } = readCheckpoint(newest())
  if (head !== null) {
    if (head.checkpoint.size <= size || holds(tree, head.checkpoint)) return null
    const detail = `it has cosigned size ${head.checkpoint.size}, and this log has ${size} records: its files are older than what it signed`
    return { detail, head: head.note }
  }
  const again = await client.submit(newest(), signal)
  if (reachesTo(tree, client.state.size ?? 0)) return null
  if (again.kind !== 'failed' || again.error.code !== 'ahead') return null
  return { detail: `${again.error.detail}, and does not give the head that it has`, head: null }
}
