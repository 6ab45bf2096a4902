/**
 * Verifies the whole log from its bytes: every line and payload hashed again, every stream followed back, every transaction complete, and the
 * tree over all of it against head and checkpoint. Memory grows with the number of streams, never with the number of records.
 */
import { hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Hash, Position, StreamId } from '../model/ids.ts'
import { Frontier, leafHash } from '../model/merkle.ts'
import { sketchLine, type LineSketch } from '../model/record-line.ts'
import { NoteError, parseNote, verifyNote, type NoteVerifier } from '../model/signed-note.ts'
import type { StorageReader, StoredRecord } from '../storage/storage.ts'

export interface Finding {
  readonly position: number | null
  readonly what: string
}
export interface LogReport {
  readonly records: number
  readonly treeSize: number
  readonly rootHash: Hash
  /** The first things that do not hold. Empty: the log is what its head and checkpoint say. */
  readonly findings: readonly Finding[]
  readonly notChecked: readonly string[]
}
export interface VerifyOptions {
  /** Signed checkpoint: its size and root must be of this log, as it is or as it was. */
  readonly checkpoint?: string | null
  /** Key that must have signed the checkpoint; from the verifier's side, never from the data. */
  readonly log?: NoteVerifier | null
  readonly onProgress?: (records: number) => void
  readonly signal?: AbortSignal
}

export const FINDINGS_MAX = 100
const PAGE_RECORDS = 2_000 // about 2 MB at a time

/** Reads the log once, from the first record to the head as of the start. */
export async function verifyLog(reader: StorageReader, options: VerifyOptions = {}): Promise<LogReport> {
  const head = reader.head()
  const audit = new LogAudit()
  const checkpoint = readCheckpoint(audit, options)
  for (let from = 0; from <= head.position;) {
    options.signal?.throwIfAborted()
    const page = reader.records(from as Position, Math.min(PAGE_RECORDS, head.position + 1 - from))
    const leaves = reader.leafHashes(from, from + page.length)
    if (page.length === 0) {
      audit.find(from, 'the record is missing')
      break
    }
    for (const [place, record] of page.entries()) {
      audit.add(record, leaves[place])
      if (checkpoint?.size === audit.frontier.size && checkpoint.rootHash !== audit.frontier.rootHash())
        audit.find(record.position, 'the checkpoint names another root')
    }
    from += page.length
    options.onProgress?.(from)
    await setImmediate()
  }
  audit.finish(reader)
  const { frontier } = audit
  if (frontier.size !== head.treeSize)
    audit.find(null, `the head counts ${head.treeSize} records, there are ${frontier.size}`)
  if (frontier.rootHash() !== head.rootHash) audit.find(null, 'the head names another root')
  if (checkpoint !== null && checkpoint.size > frontier.size)
    audit.find(null, `the checkpoint is over ${checkpoint.size} records, there are ${frontier.size}`)
  const notChecked = ['what the records say about the world', 'that nothing happened outside the log']
  if (checkpoint === null) notChecked.push('a signed checkpoint')
  else if (options.log == null) notChecked.push('the signature of the checkpoint')
  return {
    records: frontier.size,
    treeSize: head.treeSize,
    rootHash: frontier.rootHash(),
    findings: audit.findings,
    notChecked,
  }
}

class LogAudit {
  readonly frontier = new Frontier()
  readonly findings: Finding[] = []
  readonly #streams = new Map<StreamId, { version: number; leaf: Hash }>()
  #transaction: LineSketch | null = null
  #recordedAtMs = 0

  find(position: number | null, what: string): void {
    if (this.findings.length < FINDINGS_MAX) this.findings.push({ position, what })
  }

  add({ position, line, payload }: StoredRecord, stored: Hash | undefined): void {
    const leaf = leafHash(line)
    if (position !== this.frontier.size) this.find(position, `position ${this.frontier.size} is missing`)
    if (leaf !== stored) this.find(position, 'the record does not match its leaf')
    this.frontier.append(leaf)
    const record = sketchLine(line)
    if (record === null) return this.find(position, 'the record is not in the form of a record')
    this.#checkPayload(position, record, payload)
    this.#checkTransaction(position, record)
    if (record.event !== null) this.#checkStream(position, record.event, leaf)
  }

  /** The index that streams are loaded by must end where the streams end. */
  finish(reader: StorageReader): void {
    if (this.#transaction !== null) this.find(this.frontier.size - 1, 'the last transaction is incomplete')
    const last = (this.frontier.size - 1) as Position
    for (const [stream, { version, leaf }] of this.#streams) {
      const head = reader.streamHead(stream, last)
      if (head.version !== version || head.leaf !== leaf)
        this.find(head.position, `the index of \`${stream}\` does not end at ${version}`)
    }
  }

  #checkPayload(position: Position, record: LineSketch, payload: string | null): void {
    if (payload === null) return this.find(position, 'the payload is missing')
    if (Buffer.byteLength(payload) !== record.payloadBytes || hash('sha256', payload, 'hex') !== record.payloadHash)
      this.find(position, 'the payload does not match its hash')
  }

  /** Records i = 0, 1, … of n stand next to each other under one operation and one time; the last is the operation's own. */
  #checkTransaction(position: Position, record: LineSketch): void {
    const before = this.#transaction
    const expected = before === null ? 0 : before.i + 1
    if (
      record.i !== expected ||
      (before !== null && (before.op !== record.op || before.n !== record.n || before.t !== record.t))
    )
      this.find(position, 'a transaction is incomplete')
    if ((record.i === record.n - 1) !== (record.event === null))
      this.find(position, 'a transaction does not end in its operation')
    if (record.t < this.#recordedAtMs) this.find(position, 'the record is older than the one before it')
    this.#recordedAtMs = record.t
    this.#transaction = record.i >= record.n - 1 ? null : record
  }

  #checkStream(position: Position, { stream, version, prev }: NonNullable<LineSketch['event']>, leaf: Hash): void {
    const before = this.#streams.get(stream)
    if (version !== (before?.version ?? 0) + 1)
      this.find(position, `\`${stream}\` goes from ${before?.version ?? 0} to ${version}`)
    if (prev !== (before?.leaf ?? ''))
      this.find(position, `the record does not follow the one before it in \`${stream}\``)
    if (before === undefined) this.#streams.set(stream, { version, leaf })
    else {
      before.version = version
      before.leaf = leaf
    }
  }
}

function readCheckpoint(audit: LogAudit, { checkpoint, log }: VerifyOptions): { size: number; rootHash: Hash } | null {
  if (checkpoint == null) return null
  try {
    const text = log == null ? parseNote(checkpoint).text : verifyNote(checkpoint, [log]).text
    const [, size, root] = text.split('\n')
    return { size: Number(size), rootHash: Buffer.from(root ?? '', 'base64').toString('hex') as Hash }
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    audit.find(null, `the checkpoint: ${error.message}`)
    return null
  }
}
