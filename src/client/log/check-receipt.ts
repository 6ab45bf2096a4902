/** A receipt by itself: offline, with the log's public key. */
import type { Receipt } from '../../model/receipt.ts'
import { NoteError, type NoteVerifier } from '../../model/signed-note.ts'
import type { Checkpoint } from '../../transparency-log/checkpoint.ts'
import { verifyReceipt } from '../../transparency-log/tlog-proof.ts'

/** @returns the checkpoint that it is under @throws NoteError that says what is wrong */
export function verifyWithKey(receipt: Receipt, log: NoteVerifier): Checkpoint {
  const checkpoint = verifyReceipt(receipt, log)
  let named: unknown
  try {
    named = (JSON.parse(receipt.record) as { readonly log?: unknown } | null)?.log
  } catch {
    throw new NoteError('the record is not JSON')
  }
  if (named !== checkpoint.origin) throw new NoteError('the record is of another log')
  return checkpoint
}
