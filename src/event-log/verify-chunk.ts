/**
 * Verifies a stretch of the log by itself: everything that needs no record before it. What does is handed on, so that stretches can be verified
 * side by side and joined in order.
 */
import { hash } from 'node:crypto'
import { EventRuns, type PartialRuns } from '../model/event-runs.ts'
import type { Hash, Position, StreamId, Version } from '../model/ids.ts'
import { LOG_KEY_STREAM, nextEpochOrigin } from '../model/log-keys.ts'
import { Frontier, leafHash, perfectRoot } from '../model/merkle.ts'
import { ownText } from '../model/own-text.ts'
import { LineSketcher, type LineSketch } from '../model/record-line.ts'
import type { StorageReader, StoredLeaf } from '../storage/storage.ts'

/** A stretch begins at a multiple of this, so that its tree is a perfect subtree of the whole: 2^16. */
export const CHUNK_RECORDS = 16_384
export const FINDINGS_MAX = 100 // of a log, and of each of its stretches
const PAGE_RECORDS = 500 // about half a megabyte at a time; what is read stays in memory until its page is done
const TILE_RECORDS = 256
const TILE_HEIGHT = 8

export interface Finding {
  readonly position: number | null
  readonly what: string
}
/** What of a record its neighbour is checked against. */
export type Link = Pick<LineSketch, 'log' | 'i' | 'n' | 'op' | 't' | 'event'>
/** The events of one stream within a stretch. */
export interface StreamSpan {
  readonly stream: StreamId
  readonly position: number
  readonly firstVersion: Version
  readonly prev: string
  version: Version
  leaf: Hash
}
export interface ChunkReport {
  readonly from: number
  readonly count: number
  /** Commits that begin in it. */
  readonly commits: number
  readonly findings: readonly Finding[]
  /** Roots of the perfect subtrees over its records; and over those before `rootAt`, when that is in it. */
  readonly roots: readonly Hash[]
  readonly rootsBefore: readonly Hash[] | null
  readonly first: Link | null
  readonly last: Link | null
  readonly streams: readonly StreamSpan[]
  /** What an index of its events holds. */
  readonly events: PartialRuns
  /** Roots of its full tiles: what the tiles above hold. */
  readonly tiles: readonly Hash[]
}

/** One page at a time, so that the caller may breathe between them. @param rootAt a tree size whose root is wanted, or null */
export function* verifyChunk(
  reader: StorageReader,
  from: number,
  to: number,
  rootAt: number | null,
): Generator<number, ChunkReport> {
  const audit = new ChunkAudit(from)
  let rootsBefore: readonly Hash[] | null = null
  for (let position = from; position < to;) {
    const limit = Math.min(PAGE_RECORDS, to - position)
    // Where records are missing, those behind the gap belong to the next stretch.
    const { records, commits, faults } = reader.auditRecords(position as Position, limit)
    const page = records.filter((record) => record.position < to)
    audit.commits += commits
    for (const fault of faults) audit.find(fault.position, fault.what)
    if (page.length === 0) {
      audit.find(position, 'the record is missing')
      break
    }
    for (const record of page) {
      audit.add(reader, record)
      if (record.position + 1 === rootAt) rootsBefore = audit.roots
    }
    position += page.length
    yield position
  }
  const { size, commits, findings, roots, first, last, streams, events, tiles } = audit
  return {
    ...{ from, count: size, commits, findings, roots, rootsBefore, first, last },
    streams: [...streams.values()],
    events: events.part,
    tiles,
  }
}

/** Records i = 0, 1, … of n stand next to each other under one operation and one time; time never goes back. */
export function linkFault(before: Link | null, link: Link): string | null {
  const open = before !== null && before.i < before.n - 1
  const fits = open && before.op === link.op && before.n === link.n && before.t === link.t
  if (link.i !== (open ? before.i + 1 : 0) || link.i >= link.n || (open && !fits)) return 'a transaction is incomplete'
  if ((link.i === link.n - 1) !== (link.event === null)) return 'a transaction does not end in its operation'
  if (before !== null && before.log !== link.log && !beginsEpoch(before, link))
    return `the record is of the log \`${link.log}\``
  return before !== null && link.t < before.t ? 'the record is older than the one before it' : null
}

/** The one place where a log may go on under another name; what the record says is followed with the log's keys. */
const beginsEpoch = (before: Link, { log, i, event }: Link): boolean =>
  i === 0 && event?.stream === LOG_KEY_STREAM && event.type === 'epoch' && log === nextEpochOrigin(before.log)

export function streamFault(
  stream: StreamId,
  before: { readonly version: Version; readonly leaf: Hash } | undefined,
  event: { readonly version: Version; readonly prev: string },
): string | null {
  if (event.version !== (before?.version ?? 0) + 1)
    return `\`${stream}\` goes from ${before?.version ?? 0} to ${event.version}`
  return event.prev === (before?.leaf ?? '') ? null : `the record does not follow the one before it in \`${stream}\``
}

class ChunkAudit {
  readonly events = new EventRuns()
  readonly tiles: Hash[] = []
  readonly #lines = new LineSketcher()
  /** Over full tiles. */
  readonly #frontier = new Frontier()
  /** Leaves behind them; those of the tile that is not full yet begin at `#tile`. */
  #edge: Hash[] = []
  readonly findings: Finding[] = []
  readonly streams = new Map<StreamId, StreamSpan>()
  commits = 0
  first: Link | null = null
  last: Link | null = null
  #next: number
  #tile = 0
  constructor(from: number) {
    this.#next = from
  }

  get size(): number {
    return this.#frontier.size + this.#edge.length
  }
  /** Roots of the perfect subtrees over all records so far. */
  get roots(): readonly Hash[] {
    const edge = new Frontier()
    for (const leaf of this.#edge) edge.append(leaf)
    return [...this.#frontier.roots, ...edge.roots]
  }

  find(position: number, what: string | null): void {
    if (what !== null && this.findings.length < FINDINGS_MAX) this.findings.push({ position, what })
  }

  add(reader: StorageReader, { position, line, payload, leaf: stored }: StoredLeaf): void {
    const leaf = leafHash(line)
    if (position !== this.#next) this.find(position, `position ${this.#next} is missing`)
    this.#next = position + 1
    if (leaf !== stored) this.find(position, 'the record does not match its leaf')
    this.#edge.push(leaf)
    if ((position + 1) % TILE_RECORDS === 0) this.#checkTile(reader, position)
    const record = this.#lines.sketch(line)
    if (record === null) return this.find(position, 'the record is not in the form of a record')
    this.find(position, payloadFault(record, payload))
    if ((record.i === record.n - 1) !== (record.event === null))
      this.find(position, 'a transaction does not end in its operation')
    if (this.last === null) this.first = record
    else this.find(position, linkFault(this.last, record))
    this.last = { log: record.log, i: record.i, n: record.n, op: record.op, t: record.t, event: null }
    if (record.event !== null) this.#addEvent(position, record.event, leaf)
  }

  /** Proofs of older leaves are made from the tiles. */
  #checkTile(reader: StorageReader, position: number): void {
    const leaves = Buffer.from(this.#edge.slice(this.#tile).join(''), 'hex')
    const tile = reader.tile(0, (position + 1) / TILE_RECORDS - 1)
    if (tile === null || !leaves.equals(tile)) this.find(position, 'the tile that ends here does not hold the leaves')
    this.#tile = this.#edge.length
    if (this.#edge.length !== TILE_RECORDS) return // records are missing: the tree is another anyway
    const root = perfectRoot(leaves)
    this.tiles.push(root)
    this.#frontier.appendPerfect(TILE_HEIGHT, root)
    this.#edge = []
    this.#tile = 0
  }

  #addEvent(position: number, event: NonNullable<LineSketch['event']>, leaf: Hash): void {
    const { stream, version, prev } = event
    this.events.add(stream, version, position)
    const span = this.streams.get(stream)
    if (span === undefined) {
      const name = ownText(stream)
      this.streams.set(name, {
        ...{ stream: name, position, firstVersion: version, prev: ownText(prev) },
        ...{ version, leaf },
      })
      return
    }
    this.find(position, streamFault(stream, span, event))
    span.version = version
    span.leaf = leaf
  }
}

function payloadFault(record: LineSketch, payload: string | null): string | null {
  if (payload === null) return 'the payload is missing'
  const right =
    Buffer.byteLength(payload) === record.payloadBytes && hash('sha256', payload, 'hex') === record.payloadHash
  return right ? null : 'the payload does not match its hash'
}
