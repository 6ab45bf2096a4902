/** A receipt by itself: offline, with the log's public keys. */
import { checkpointOf, type Receipt } from '../../model/receipt.ts'
import { NoteError, type NoteVerifier } from '../../model/signed-note.ts'
import type { Checkpoint } from '../../transparency-log/checkpoint.ts'
import { openAnyCheckpoint } from '../../transparency-log/cosignature-checkpoint.ts'
import { verifyIncluded } from '../../transparency-log/tlog-proof.ts'

/** @param keys of one log: any of them may have signed @returns the checkpoint that it is under @throws NoteError that says what is wrong */
export function verifyWithKeys(receipt: Receipt, keys: readonly NoteVerifier[]): Checkpoint {
  const { origin, size, rootHash } = openAnyCheckpoint(checkpointOf(receipt), { origin: keys[0]?.name ?? '', keys })
  const checkpoint = { origin, size, rootHash }
  verifyIncluded(receipt, checkpoint)
  let named: unknown
  try {
    named = (JSON.parse(receipt.record) as { readonly log?: unknown } | null)?.log
  } catch {
    throw new NoteError('the record is not JSON')
  }
  if (named !== checkpoint.origin) throw new NoteError('the record is of another log')
  return checkpoint
}
