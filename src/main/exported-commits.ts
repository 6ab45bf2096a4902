/** The commits of an exported log, as the committer would have written them; what is derived (rows) is not in a log, and made anew by the next start. */
import type { Hash, OperationId, Position } from '../model/ids.ts'
import { leafHash } from '../model/merkle.ts'
import { mayBeSealed, sealedPartOf } from '../model/personal.ts'
import { problem } from '../model/problems.ts'
import type { PreparedCommit, StreamKey } from '../storage/storage.ts'
import { damaged, exportedLines, type ExportedLine } from './exported-lines.ts'

/** Position of the last imported record, in `meta`: rows are made anew by the first start after it. */
export const IMPORTED = 'imported'

/** Written at once. */
export const COMMITS_PER_BATCH = 256
export const RECORDS_PER_BATCH = 10_000

export interface ExportedTransaction {
  readonly first: number
  readonly origin: string
  readonly recordedAtMs: number
  readonly lines: readonly ExportedLine[]
}

/** Whole transactions, in order, from the first on. @throws `storage-damaged` with the number of a record that does not go on from the one before */
export async function* exportedTransactions(file: string, signal: AbortSignal): AsyncGenerator<ExportedTransaction> {
  let lines: ExportedLine[] = []
  let origin = ''
  let first = 0
  let recordedAtMs = 0
  for await (const line of exportedLines(file, signal)) {
    const { tx, log, t } = line.record
    if (origin === '') origin = log
    if (log !== origin || tx.i !== lines.length || tx.n <= tx.i || t < recordedAtMs)
      throw damaged(line.number, 'does not go on from the one before it')
    lines.push(line)
    if (tx.i + 1 < tx.n) continue
    recordedAtMs = t
    yield { first, origin, recordedAtMs, lines }
    first += lines.length
    lines = []
  }
  if (lines.length > 0) throw problem('storage-damaged', 'the last transaction of the file is incomplete')
}

/** The rows of one transaction. @throws `storage-damaged` */
export function commitOf({ lines, first }: ExportedTransaction): PreparedCommit {
  const last = lines.at(-1) as ExportedLine
  const { number } = last
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

function intentHashOf({ stored }: ExportedLine, number: number): Hash {
  const payload = stored.payload === null ? null : (JSON.parse(stored.payload) as { readonly intentHash?: unknown })
  if (typeof payload?.intentHash !== 'string' || !/^[0-9a-f]{64}$/.test(payload.intentHash))
    throw damaged(number, 'lacks the payload of its operation')
  return payload.intentHash as Hash
}

function keysOf({ record, stored: { payload } }: ExportedLine): readonly StreamKey[] {
  if (record.kind !== 'event' || payload === null || !mayBeSealed(payload)) return []
  const kids = sealedPartOf(JSON.parse(payload))?.kids ?? []
  return kids.map((kid) => ({ kid, stream: record.stream }))
}
