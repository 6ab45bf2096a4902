/** The last step before a snapshot leaves the warden: its text as a signed note. Writing half: nothing that a door of the runtime reaches may load it. */
import { signNote, type NoteSigner } from '../model/signed-note.ts'
import { problem } from '../model/problems.ts'
import type { AuthoritySnapshot } from './authority.ts'
import { SNAPSHOT_BYTES_MAX, snapshotText } from './snapshot.ts'

/** The first root key, beside the snapshots: what runtimes pin. */
export const ROOT_KEY_FILE = 'root.vkey'

/** @throws `authority-change-refused` when it would be too long for a reader */
export function signedText(snapshot: AuthoritySnapshot, signer: NoteSigner): string {
  const note = signNote(snapshotText(snapshot), [signer])
  if (Buffer.byteLength(note) > SNAPSHOT_BYTES_MAX)
    throw problem('authority-change-refused', `the snapshot would be longer than ${SNAPSHOT_BYTES_MAX} bytes`)
  return note
}
