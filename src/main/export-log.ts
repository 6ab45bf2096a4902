/** Writes the log of a data directory to a file that others can check without us: read-only, beside a running system or without one. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExportedLog } from '../doors/cli/composition.ts'
import { ANCHORS_FOLDER } from '../engine/anchors.ts'
import type { Grounds } from '../event-log/export-grounds.ts'
import { exportBundle, readCheckpoint, type ExportedAnchor } from '../event-log/export.ts'
import { exportJsonLines } from '../event-log/export-jsonl.ts'
import { sha256Hex } from '../model/ids.ts'
import { canonicalJson } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import { readRelease } from '../releases/release-files.ts'
import { openSqliteAuditReader } from '../storage/sqlite/reader.ts'
import { entriesIn, readEntry } from '../transparency-log/anchor/anchor-files.ts'
import { snapshotFile } from '../warden/snapshot.ts'
import { readBounded } from '../warden/source.ts'
import { authorityFolder, isDataDirectory } from './data-directory.ts'

const BUFFER_BYTES = 1 << 20 // gathered before a write

/**
 * @param checkpoint signed by the log, as its door gives it; null takes the one that is stored, which may be some commits old
 * @throws `usage` when it is no data directory, or the file is there already; `storage-damaged`
 */
export async function exportLog(
  dir: string,
  file: string,
  format: 'bundle' | 'jsonl',
  checkpoint: string | null,
): Promise<ExportedLog> {
  if (!isDataDirectory(dir)) throw problem('usage', `\`${dir}\` is not a data directory`)
  const reader = openSqliteAuditReader(dir) // a damaged log is exported too: as evidence
  try {
    const signed = checkpoint ?? reader.meta('checkpoint')
    if (signed === null) throw problem('invalid-position', 'no checkpoint has been stored yet: start the system once')
    const out = await newFile(file)
    try {
      if (format === 'bundle') {
        const { records, rootHash, matchesCheckpoint } = await exportBundle(
          reader,
          signed,
          out.write,
          undefined,
          groundsOf(dir),
          anchorsIn(dir),
        )
        return { file, records, bytes: await out.finish(), rootHash, matchesCheckpoint }
      }
      const { size, rootHash } = readCheckpoint(reader, signed)
      for (const line of exportJsonLines(reader, size)) await out.write(Buffer.from(line))
      return { file, records: size, bytes: await out.finish(), rootHash, matchesCheckpoint: null }
    } finally {
      await out.close()
    }
  } finally {
    reader.close()
  }
}

/** Snapshots as they lie in the authority folder, damaged ones too: a bundle is evidence. */
const groundsOf = (dir: string): Grounds => ({
  snapshot: (number) => readBounded(join(authorityFolder(dir), snapshotFile(number))).catch(() => null),
  release: (id) =>
    readRelease(dir, id).then(
      ({ manifest, bundle }) => canonicalJson({ bundle: sha256Hex(bundle), manifest }),
      () => null,
    ),
})

/** What has been stamped, the newest of them: some 5 kB each. */
const ANCHORS_MAX = 1_000

function anchorsIn(dir: string): ExportedAnchor[] {
  const folder = join(dir, ANCHORS_FOLDER)
  return entriesIn(folder)
    .filter(({ kind }) => kind === 'tsr')
    .slice(-ANCHORS_MAX)
    .flatMap((entry) => readEntry(folder, entry) ?? [])
}

async function newFile(path: string) {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw problem('usage', `\`${path}\` could not be written: ${(cause as Error).message}`, {}, cause)
  })
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  let bytes = 0
  const flush = async (): Promise<void> => {
    await file.writev(waiting)
    waiting = []
    waitingBytes = 0
  }
  return {
    async write(part: Uint8Array): Promise<void> {
      waiting.push(part)
      waitingBytes += part.length
      bytes += part.length
      if (waitingBytes >= BUFFER_BYTES) await flush()
    },
    async finish(): Promise<number> {
      if (waitingBytes > 0) await flush()
      await file.sync()
      return bytes
    },
    close: () => file.close(),
  }
}
