/** What `plinth log rotate-key` and `plinth log keys` do: the first with the signer, past every door of the runtime; the second with the log's files alone. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RotatedKey, RotateOptions, WrittenKeys } from '../doors/cli/composition.ts'
import { readCheckpoint } from '../event-log/export.ts'
import { followKeys, LOG_KEY_STREAM } from '../model/log-keys.ts'
import type { Position } from '../model/ids.ts'
import { Problem, problem } from '../model/problems.ts'
import { formatVerifierKey } from '../model/signed-note.ts'
import { openSqliteReader } from '../storage/sqlite/reader.ts'
import type { StorageReader } from '../storage/storage.ts'
import { inclusionProof } from '../transparency-log/proofs.ts'
import type { PreparedRotation, SignerStanding } from '../transparency-log/signer/log-signer.ts'
import { openSigner } from '../transparency-log/signer/open-signer.ts'
import { SignerClient } from '../transparency-log/signer/signer-client.ts'
import { socketPath } from '../transparency-log/signer/socket-path.ts'
import { sshAgentKeys } from '../transparency-log/signer/ssh-agent-keys.ts'
import { StoredTree } from '../transparency-log/stored-tree.ts'
import { isDataDirectory, readInstallation } from './data-directory.ts'
import { signerPlace } from './signer-place.ts'

export const KEYS_FORMAT = 'plinth-log-keys/v1'
/** Rotations of one log that are looked at; at one a month this is a human life. */
const KEY_RECORDS_MAX = 1_000
const ANSWER_WITHIN_MS = 10_000
/** For the running system to record a released rotation: it looks every second. */
const IN_FORCE_WITHIN_MS = 20_000

/** @throws `usage`, `log-key-invalid`, `signer-unavailable` */
export async function rotateLogKey(dir: string, options: RotateOptions): Promise<RotatedKey> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  const { nextKey, release } = options
  const place = signerPlace(dir, options.signer)
  const path = place.kind === 'socket' ? place.path : socketPath(place.dir)
  if (existsSync(path)) {
    const client = new SignerClient(path)
    try {
      const before = await client.standing(soon())
      const prepared = await client.prepareRotation(nextKey, release, soon())
      return { ...told(before, prepared), inForce: release && (await comesIntoForce(client, prepared.vkey)) }
    } catch (error) {
      // A socket that a killed signer has left behind is nobody.
      if (!(error instanceof Problem) || error.code !== 'signer-unavailable' || place.kind === 'socket') throw error
    } finally {
      await client.close()
    }
  }
  if (place.kind === 'socket') throw problem('usage', `no signer answers at \`${path}\``)
  const { origin } = await readInstallation(dir)
  const backEnds = [sshAgentKeys(process.env['SSH_AUTH_SOCK'] ?? null)]
  const signer = await openSigner({ dir: place.dir, origin, backEnds, lockWaitMs: 0 })
  try {
    return { ...told(await signer.standing(), await signer.prepareRotation(nextKey, release)), inForce: false }
  } finally {
    await signer.close()
  }
}

const soon = (): AbortSignal => AbortSignal.timeout(ANSWER_WITHIN_MS)
const told = ({ vkey }: SignerStanding, prepared: PreparedRotation): Omit<RotatedKey, 'inForce'> => ({
  before: vkey,
  after: prepared.vkey,
  next: prepared.next,
})

async function comesIntoForce(client: SignerClient, vkey: string): Promise<boolean> {
  for (const untilMs = performance.now() + IN_FORCE_WITHIN_MS; performance.now() < untilMs; await sleep(100))
    if ((await client.standing(soon())).vkey === vkey) return true
  return false
}

/**
 * Writes every key of the log with the records that brought it in, proven under one checkpoint: what a verifier needs beside the key that it has pinned.
 * @param checkpoint newest one; null takes the one that is stored
 * @throws `usage`, `invalid-position` when no key is on record yet, `storage-damaged`
 */
export async function writeLogKeys(dir: string, file: string, checkpoint: string | null): Promise<WrittenKeys> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  const reader = openSqliteReader(dir)
  try {
    const signed = checkpoint ?? reader.meta('checkpoint')
    if (signed === null) throw problem('invalid-position', 'no checkpoint has been stored yet: start the system once')
    const { size } = readCheckpoint(reader, signed)
    const records = keyRecords(reader).filter(({ position }) => position < size)
    if (records.length === 0) throw problem('invalid-position', 'the log has no record of its key yet')
    const tree = new StoredTree(reader)
    const proven = records.map(({ position }) => {
      const record = reader.record(position)
      const proof = inclusionProof(tree, position, size).map((hash) => Buffer.from(hash, 'hex').toString('base64'))
      return { index: position, record: record?.line, payload: record?.payload, proof }
    })
    const text = JSON.stringify({ format: KEYS_FORMAT, checkpoint: signed, records: proven }, null, 2)
    await writeFile(file, `${text}\n`, { flag: 'wx' }).catch((cause: unknown) => {
      throw problem('usage', `\`${file}\` could not be written: ${(cause as Error).message}`, {}, cause)
    })
    const keys = followKeys(records).map(({ key, after }) => ({ vkey: formatVerifierKey(key), after }))
    return { file, keys }
  } finally {
    reader.close()
  }
}

const keyRecords = (reader: StorageReader) =>
  reader.events(LOG_KEY_STREAM, 0, reader.head().position as Position, KEY_RECORDS_MAX)
