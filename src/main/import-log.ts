/**
 * Puts an exported log of JSON lines back: the same records, in the same transactions, with the same tree over them. What is derived (rows, indexes)
 * is made anew, here or by the next start. Keys are not in a log: without the key store of data subjects, what is sealed stays sealed.
 */
import { existsSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readJsonLine, type JsonLinesRecord } from '../event-log/export-jsonl.ts'
import type { Hash, OperationId, Position } from '../model/ids.ts'
import { leafHash } from '../model/merkle.ts'
import { mayBeSealed, sealedPartOf } from '../model/personal.ts'
import { Problem, problem } from '../model/problems.ts'
import { parseRecord } from '../model/record-line.ts'
import type { LogRecord } from '../model/record.ts'
import type { PreparedCommit, StreamKey } from '../storage/storage.ts'
import { openSqliteWriter } from '../storage/sqlite/writer.ts'
import { Tree } from '../transparency-log/tree.ts'

/** Position of the last imported record, in `meta`: rows are made anew by the first start after it. */
export const IMPORTED = 'imported'

const COMMITS_PER_BATCH = 256
const RECORDS_PER_BATCH = 10_000
const LINE_CHARACTERS_MAX = 64 << 20

export interface ImportedLog {
  readonly records: number
  readonly origin: string
  readonly rootHash: string
}

interface Line {
  readonly record: LogRecord
  readonly stored: JsonLinesRecord
}

/**
 * @param root root hash that must come out, hex; null takes what comes
 * @throws `usage` when the directory holds a log already, `storage-damaged` with the line's number; then nothing is left
 */
export async function importLog(
  dir: string,
  file: string,
  root: string | null,
  signal: AbortSignal,
): Promise<ImportedLog> {
  if (existsSync(join(dir, 'data.db')))
    throw problem('usage', `\`${dir}\` holds a log already: import into another folder`)
  const writer = openSqliteWriter(dir)
  try {
    const imported = await read(writer, file, signal)
    if (root !== null && root !== imported.rootHash)
      throw problem(
        'storage-damaged',
        `the root is ${imported.rootHash}, not ${root}: this is another log, or not all of it`,
      )
    writer.setMeta('origin', imported.origin)
    writer.setMeta(IMPORTED, String(imported.records - 1))
    writer.close()
    return imported
  } catch (error) {
    writer.close()
    for (const end of ['', '-wal', '-shm']) await rm(join(dir, `data.db${end}`), { force: true })
    throw error
  }
}

async function read(
  writer: ReturnType<typeof openSqliteWriter>,
  file: string,
  signal: AbortSignal,
): Promise<ImportedLog> {
  const tree = Tree.restore(0, () => new Uint8Array(), [])
  let origin = ''
  let transaction: Line[] = []
  let batch: PreparedCommit[] = []
  let waiting = 0
  let next = 0
  let recordedAtMs = 0
  const flush = (): void => {
    if (batch.length === 0) return
    const head = {
      position: (tree.size - 1) as Position,
      treeSize: tree.size,
      rootHash: tree.rootHash(),
      recordedAtMs,
    }
    writer.write({ commits: batch, tiles: tree.takeFullTiles(), head })
    batch = []
    waiting = 0
  }
  for await (const { text, number } of linesOf(file)) {
    signal.throwIfAborted()
    const line = lineOf(text, number)
    const { tx, log, t } = line.record
    if (origin === '') origin = log
    if (log !== origin || tx.i !== transaction.length || tx.n <= tx.i || t < recordedAtMs)
      throw damaged(number, 'does not go on from the one before it')
    transaction.push(line)
    if (tx.i + 1 < tx.n) continue
    const commit = commitOf(transaction, next, number)
    for (const { leaf } of commit.records) tree.append(leaf)
    batch.push(commit)
    next += transaction.length
    waiting += transaction.length
    recordedAtMs = t
    transaction = []
    if (batch.length >= COMMITS_PER_BATCH || waiting >= RECORDS_PER_BATCH) flush()
  }
  if (transaction.length > 0) throw problem('storage-damaged', 'the last transaction of the file is incomplete')
  if (next === 0) throw problem('usage', `\`${file}\` holds no records`)
  flush()
  return { records: next, origin, rootHash: tree.rootHash() }
}

function lineOf(text: string, number: number): Line {
  try {
    const stored = readJsonLine(text)
    const record = parseRecord(stored.line)
    if (record === null) throw damaged(number, 'is no record')
    return { record, stored }
  } catch (error) {
    if (error instanceof Problem) throw damaged(number, error.detail)
    throw error
  }
}

/** The rows of one transaction, as the committer would have written them. */
function commitOf(lines: readonly Line[], first: number, number: number): PreparedCommit {
  const last = lines.at(-1) as Line
  if (last.record.kind !== 'operation') throw damaged(number, 'ends a transaction, and is no operation')
  const { op, t } = last.record
  const position = (first + lines.length - 1) as Position
  const events = lines.slice(0, -1).map(({ record }, i) => {
    if (record.kind !== 'event' || record.op !== op || record.t !== t)
      throw damaged(number, 'ends a transaction with records of another')
    return { stream: record.stream, version: record.n, type: record.type, position: (first + i) as Position }
  })
  const effects = last.record.effects.map(({ effect }, ordinal) => {
    const payload = last.stored.effects[ordinal]
    if (payload == null) throw damaged(number, `lacks the payload of effect \`${effect}\``)
    return { position, ordinal, effect, payload }
  })
  return {
    operation: op as OperationId,
    intentHash: intentHashOf(last, number),
    recordedAtMs: t,
    first: first as Position,
    records: lines.map(({ stored: { line, payload } }) => ({ line, payload, leaf: leafHash(line) as Hash })),
    events,
    rows: [],
    effects,
    keys: lines.flatMap(keysOf),
  }
}

function intentHashOf({ stored }: Line, number: number): Hash {
  const payload = stored.payload === null ? null : (JSON.parse(stored.payload) as { readonly intentHash?: unknown })
  if (typeof payload?.intentHash !== 'string' || !/^[0-9a-f]{64}$/.test(payload.intentHash))
    throw damaged(number, 'lacks the payload of its operation')
  return payload.intentHash as Hash
}

function keysOf({ record, stored: { payload } }: Line): readonly StreamKey[] {
  if (record.kind !== 'event' || payload === null || !mayBeSealed(payload)) return []
  const kids = sealedPartOf(JSON.parse(payload))?.kids ?? []
  return kids.map((kid) => ({ kid, stream: record.stream }))
}

/** Lines of a file of any size; memory is that of one line. @throws `usage`, `limit-exceeded` */
async function* linesOf(file: string): AsyncGenerator<{ readonly text: string; readonly number: number }> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw problem('usage', `\`${file}\` could not be read: ${(cause as Error).message}`, {}, cause)
  })
  let rest = ''
  let number = 0
  for await (const chunk of handle.createReadStream({ encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const parts = (rest + String(chunk)).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > LINE_CHARACTERS_MAX)
      throw problem('limit-exceeded', `line ${number + 1} is longer than ${LINE_CHARACTERS_MAX} characters`)
    for (const text of parts) yield { text, number: ++number }
  }
  if (rest !== '') yield { text: rest, number: ++number }
}

const damaged = (number: number, what: string): Problem => problem('storage-damaged', `line ${number}: ${what}`)
