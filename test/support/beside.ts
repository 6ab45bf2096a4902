/** What is written behind an answer, some time after it: refusals, denials, reads, snapshots of state. A test that looks for it on disk waits here. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { OperationId, StreamId } from '../../src/model/ids.ts'
import { openSqliteReader } from '../../src/storage/sqlite/reader.ts'
import type { StorageReader, SideReader, Snapshot } from '../../src/storage/storage.ts'

const LOOK_EVERY_MS = 5

/** Resolves when the record beside the log of this operation is on disk, and with it whatever was recorded there before. */
export async function writtenBeside(dir: string, operation: OperationId): Promise<void> {
  await untilThere(dir, (reader) => reader.sideRecords({ operation }, null, 1)[0])
}

/** Resolves when a snapshot of this stream's state is on disk. */
export const snapshotWritten = (dir: string, stream: string): Promise<Snapshot> =>
  untilThere(dir, (reader) => reader.snapshot(stream as StreamId, reader.head().position) ?? undefined)

async function untilThere<Found>(
  dir: string,
  find: (reader: StorageReader & SideReader) => Found | undefined,
): Promise<Found> {
  const reader = openSqliteReader(dir)
  try {
    for (;;) {
      const found = find(reader)
      if (found !== undefined) return found
      await sleep(LOOK_EVERY_MS)
    }
  } finally {
    reader.close()
  }
}
