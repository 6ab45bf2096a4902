/** The log's public key beside its data, for others to copy: `log.vkey`. */
import { existsSync, readFileSync } from 'node:fs'
import { problem } from '../../model/problems.ts'
import type { SignerStanding } from '../../transparency-log/signer/log-signer.ts'
import { replaceDurablySync } from '../../transparency-log/witness/durable-files.ts'

/**
 * A key that was published is replaced only by one that the signer has rotated to: receipts under two keys are two logs.
 * @param storeCheckpoint called first: who finds the new key beside the data finds there what it has signed, not only what the one before has
 * @throws `log-key-invalid`
 */
export function publishKey(
  path: string,
  { vkey, retired }: Pick<SignerStanding, 'vkey' | 'retired'>,
  storeCheckpoint: () => void,
): void {
  const published = existsSync(path) ? readFileSync(path, 'utf8').trim() : null
  if (published !== null && published !== vkey && !retired.includes(published))
    throw problem(
      'log-key-invalid',
      `the signer has the key \`${vkey}\`, but \`${path}\` names \`${published}\`: put the signer’s directory of this log back`,
    )
  storeCheckpoint()
  if (published !== vkey) replaceDurablySync(path, `${vkey}\n`)
}
