/**
 * What must hold of a data directory after any crash, given what callers had been told before it. Knows only storage and log, so that it
 * serves a bare committer and a whole running system alike.
 */
import { CommitterCore } from '../../src/engine/committer/committer-core.ts'
import { publishedKey } from '../support/log-key.ts'
import { verifyLog } from '../../src/event-log/verify.ts'
import { systemClock } from '../../src/host/clock.ts'
import type { OperationId, Position } from '../../src/model/ids.ts'
import { Frontier, leafHash } from '../../src/model/merkle.ts'
import { sketchLine } from '../../src/model/record-line.ts'
import type { Receipt } from '../../src/model/receipt.ts'
import type { NoteVerifier } from '../../src/model/signed-note.ts'
import { openSqliteWriter } from '../../src/storage/sqlite/writer.ts'
import type { StorageReader } from '../../src/storage/storage.ts'
import { verifyReceipt } from '../../src/transparency-log/tlog-proof.ts'

/** What one caller was told: this operation is on record, here, under this root. */
export interface Acknowledged {
  readonly operation: string
  readonly position: number
  readonly leaf: string
  /** Of the checkpoint in the receipt; null when the answer carried none. */
  readonly size: number | null
  readonly rootHash: string | null
}

/** One line of an acknowledgement file; `receipt` must verify, otherwise it is not an acknowledgement. */
export function acknowledgement(operation: string, receipt: Receipt, log: NoteVerifier): string {
  const { size, rootHash } = verifyReceipt(receipt, log)
  const acknowledged: Acknowledged = {
    operation,
    position: receipt.index,
    leaf: leafHash(receipt.record),
    size,
    rootHash,
  }
  return `${JSON.stringify(acknowledged)}\n`
}
/** A line cut short by the crash was never told to anybody. */
export function readAcknowledgements(text: string): Acknowledged[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Acknowledged)
}

export interface Audit {
  readonly records: number
  readonly acknowledged: number
  /** Empty: every promise held. */
  readonly broken: readonly string[]
}

/**
 * Opens the directory as a restart would, and audits it.
 * @param more further checks of the caller's own, e.g. read models against a rebuild; returns what is broken
 */
export async function auditDirectory(
  dir: string,
  origin: string,
  acknowledged: readonly Acknowledged[],
  more: (reader: StorageReader) => readonly string[] = () => [],
): Promise<Audit> {
  const broken: string[] = []
  let storage
  try {
    storage = openSqliteWriter(dir)
  } catch (error) {
    return { records: 0, acknowledged: acknowledged.length, broken: [`the store does not open: ${String(error)}`] }
  }
  try {
    const { reader } = storage
    new CommitterCore({ storage, clock: systemClock, origin }) // recovery must go through
    const report = await verifyLog(reader, { checkpoint: reader.meta('checkpoint'), log: publishedKey(dir) })
    broken.push(...report.findings.map(({ position, what }) => `${position ?? 'log'}: ${what}`))
    broken.push(
      ...lostOf(reader, acknowledged),
      ...rootsOf(reader, acknowledged),
      ...repeatedIn(reader),
      ...more(reader),
    )
    return { records: report.records, acknowledged: acknowledged.length, broken }
  } catch (error) {
    return { records: 0, acknowledged: acknowledged.length, broken: [...broken, String(error)] }
  } finally {
    storage.close()
  }
}

/** Nothing acknowledged may be lost, or be something else than what was acknowledged. */
function lostOf(reader: StorageReader, acknowledged: readonly Acknowledged[]): string[] {
  return acknowledged.flatMap(({ operation, position, leaf }) => {
    const [stored] = reader.leafHashes(position, position + 1)
    if (stored === undefined) return [`lost: \`${operation}\` at ${position}`]
    const indexed = reader.operation(operation as OperationId)
    if (stored !== leaf) return [`replaced: \`${operation}\` at ${position}`]
    return indexed === null || indexed.position < position ? [`not found by its id: \`${operation}\``] : []
  })
}

/** Every root that was signed and given away is a root of this log. */
function rootsOf(reader: StorageReader, acknowledged: readonly Acknowledged[]): string[] {
  const roots = new Map(acknowledged.map(({ size, rootHash }) => [size, rootHash]))
  const broken: string[] = []
  const frontier = new Frontier()
  for (const leaf of reader.leafHashes(0, reader.head().treeSize)) {
    frontier.append(leaf)
    const signed = roots.get(frontier.size)
    if (signed != null && signed !== frontier.rootHash())
      broken.push(`another root was signed over ${frontier.size} records`)
    roots.delete(frontier.size)
  }
  for (const size of roots.keys())
    if (size !== null) broken.push(`a root was signed over ${size} records, which are not there`)
  return broken
}

/** Nothing may have happened twice: no operation has two records of one state, and only `held` may be followed. */
function repeatedIn(reader: StorageReader): string[] {
  const last = new Map<string, string>()
  const broken: string[] = []
  for (let from = 0; ;) {
    const page = reader.records(from as Position, 1_000)
    if (page.length === 0) return broken
    for (const { line } of page) {
      const record = sketchLine(line)
      if (record?.state == null) continue
      const before = last.get(record.op)
      if (before !== undefined && before !== 'held')
        broken.push(`twice: \`${record.op}\` is ${before} and then ${record.state}`)
      last.set(record.op, record.state)
    }
    from += page.length
  }
}
