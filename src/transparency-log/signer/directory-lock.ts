/** One signer for a directory: an open transaction of an empty database, the one lock here that the kernel takes back from a process that was killed. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { problem } from '../../model/problems.ts'

/** How long to wait for a signer whose parent was killed: it ends as soon as it notices. */
const WAIT_MS = 5_000

/** @returns lets go of it @throws `data-directory-locked` */
export function lockDirectory(dir: string, waitMs = WAIT_MS): () => void {
  const lock = new DatabaseSync(join(dir, 'lock'), { timeout: waitMs })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return () => lock.close()
  } catch (error) {
    lock.close()
    throw problem('data-directory-locked', `another signer runs in \`${dir}\``, {}, error)
  }
}
