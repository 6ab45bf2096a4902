/** Verifying a stored log, and how long one core would need for its hashes alone. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { secondsPerHash, type HashSpeed } from '../probes/openssl.ts'
import { verifyLog } from '../../src/event-log/verify.ts'
import type { Position } from '../../src/model/ids.ts'
import { parseVerifierKey } from '../../src/model/signed-note.ts'
import { openSqliteReader } from '../../src/storage/sqlite/reader.ts'

const PAGE_RECORDS = 5_000
const LEAF_EXTRA_BYTES = 2 // the prefix and the final newline

/** How many messages of each size have to be hashed to verify the log: every line as a leaf, every payload. Tree nodes are left out, in our disfavour. */
export function hashedSizes(dir: string): ReadonlyMap<number, number> {
  const reader = openSqliteReader(dir)
  try {
    const sizes = new Map<number, number>()
    const count = (bytes: number): void => void sizes.set(bytes, (sizes.get(bytes) ?? 0) + 1)
    const head = reader.head().position
    for (let from = 0; from <= head; from += PAGE_RECORDS)
      for (const { line, payload } of reader.records(from as Position, Math.min(PAGE_RECORDS, head + 1 - from))) {
        count(Buffer.byteLength(line) + LEAF_EXTRA_BYTES)
        if (payload !== null) count(Buffer.byteLength(payload))
      }
    return sizes
  } finally {
    reader.close()
  }
}

export function bareHashSeconds(sizes: ReadonlyMap<number, number>, speed: HashSpeed): number {
  let seconds = 0
  for (const [bytes, count] of sizes) seconds += count * secondsPerHash(speed, bytes)
  return seconds
}

/** @param threads beside this one; left out, as many as are worth while here. @throws Error when the log does not verify */
export async function verifySeconds(
  dir: string,
  threads?: number,
): Promise<{ readonly seconds: number; readonly records: number }> {
  const reader = openSqliteReader(dir)
  try {
    const log = parseVerifierKey((await readFile(join(dir, 'log.vkey'), 'utf8')).trim())
    const startedMs = performance.now()
    const { findings, records } = await verifyLog(reader, {
      checkpoint: reader.meta('checkpoint'),
      log,
      ...(threads === undefined ? {} : { threads }),
    })
    if (findings.length > 0) throw new Error(`the log does not verify: ${findings[0]?.what}`)
    return { seconds: (performance.now() - startedMs) / 1000, records }
  } finally {
    reader.close()
  }
}

const CHILD = fileURLToPath(new URL('./verify-child.ts', import.meta.url))

/** Greatest resident memory of a process that verifies the log and does nothing else. @throws Error when it does not verify */
export async function verifyMemoryBytes(dir: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, dir])
  return (JSON.parse(stdout) as { readonly maxBytes: number }).maxBytes
}
