/**
 * Verifies the whole log from its bytes: every line and payload hashed again, every stream followed back, every transaction complete, and the
 * tree over all of it against tiles, head and checkpoint; and what the store keeps beside the records. Memory grows with the number of streams, never with the number of records.
 */
import type { Hash, Position } from '../model/ids.ts'
import { EventRuns } from '../model/event-runs.ts'
import { foldRoots, Frontier, perfectSubtrees } from '../model/merkle.ts'
import { MultisetHash, streamEntry } from '../model/multiset-hash.ts'
import { NoteError, parseNote, verifyNote, type NoteVerifier } from '../model/signed-note.ts'
import type { StorageReader, StoreAudit } from '../storage/storage.ts'
import { FINDINGS_MAX, linkFault, streamFault, type ChunkReport, type Finding, type Link } from './verify-chunk.ts'
import { StreamEnds } from './stream-ends.ts'
import { verifyChunks } from './verify-chunks.ts'

const TILE_WIDTH = 256

export type { Finding } from './verify-chunk.ts'

export interface LogReport {
  readonly records: number
  readonly treeSize: number
  readonly rootHash: Hash
  /** The first things that do not hold. Empty: the log is what its head and checkpoint say. */
  readonly findings: readonly Finding[]
  readonly notChecked: readonly string[]
  readonly store: StoreAudit
}
export interface VerifyOptions {
  /** Signed checkpoint: its size and root must be of this log, as it is or as it was. */
  readonly checkpoint?: string | null
  /** Key that must have signed the checkpoint; from the verifier's side, never from the data. */
  readonly log?: NoteVerifier | null
  /** Threads that verify; by default as many as the log's size and the machine make worth while. */
  readonly threads?: number
  /** Records that are verified together: a power of two, at least 256. Tests make it small. */
  readonly stretchRecords?: number
  readonly onProgress?: (records: number) => void
  readonly signal?: AbortSignal
}

/** Reads the log once, from the first record to the head as of the start. */
export async function verifyLog(given: StorageReader, options: VerifyOptions = {}): Promise<LogReport> {
  const reader = given.forAudit()
  const head = reader.head()
  const join = new Joined(reader)
  const checkpoint = readCheckpoint(join, options)
  for await (const chunk of verifyChunks(reader, head.position + 1, checkpoint?.size ?? null, {
    ...options,
    onProgress: options.onProgress ?? (() => {}),
  })) {
    if (chunk.rootsBefore !== null && join.rootWith(chunk, chunk.rootsBefore) !== checkpoint?.rootHash)
      join.find(null, 'the checkpoint names another root')
    join.add(chunk)
  }
  const store = join.finish()
  const { size } = join.frontier
  const rootHash = join.frontier.rootHash()
  if (size !== head.treeSize) join.find(null, `the head counts ${head.treeSize} records, there are ${size}`)
  if (rootHash !== head.rootHash) join.find(null, 'the head names another root')
  if (checkpoint !== null && checkpoint.size > size)
    join.find(null, `the checkpoint is over ${checkpoint.size} records, there are ${size}`)
  const notChecked = ['what the records say about the world', 'that nothing happened outside the log']
  if (checkpoint === null) notChecked.push('a signed checkpoint')
  else if (options.log == null) notChecked.push('the signature of the checkpoint')
  return { records: size, treeSize: head.treeSize, rootHash, findings: join.findings, notChecked, store }
}

/** Stretches in order, and what holds between them. */
class Joined {
  readonly frontier = new Frontier()
  readonly findings: Finding[] = []
  readonly #reader: StorageReader
  readonly #streams = new StreamEnds()
  readonly #events = new EventRuns()
  readonly #since = new MultisetHash()
  readonly #tiles: HigherTiles
  #last: Link | null = null
  #commits = 0

  constructor(reader: StorageReader) {
    this.#reader = reader
    this.#tiles = new HigherTiles(reader, (what) => this.find(null, what))
  }

  /** What is about the log as a whole is never crowded out. */
  find(position: number | null, what: string | null): void {
    if (what !== null && (position === null || this.findings.length < FINDINGS_MAX))
      this.findings.push({ position, what })
  }

  add({ from, count, commits, findings, roots, first, last, streams, events, tiles }: ChunkReport): void {
    this.#commits += commits
    if (first !== null) this.find(from, linkFault(this.#last, first))
    for (const { position, what } of findings) this.find(position, what)
    for (const span of streams) {
      const before = this.#streams.get(span.stream)
      if (before === undefined) this.#since.add(streamEntry(span.stream, span.position))
      this.find(span.position, streamFault(span.stream, before, { version: span.firstVersion, prev: span.prev }))
      this.#streams.set(span.stream, span.version, span.leaf)
    }
    if (this.frontier.size !== from) this.find(from, `${from - this.frontier.size} records before this one are missing`)
    else
      for (const [place, { height }] of perfectSubtrees(count).entries())
        this.frontier.appendPerfect(height, roots[place] as Hash)
    this.#events.take(events)
    this.#tiles.add(tiles)
    this.#last = last ?? this.#last
  }

  /** Root of all that came before, and a part of this stretch. */
  rootWith({ from }: ChunkReport, roots: readonly Hash[]): Hash | null {
    return this.frontier.size === from ? foldRoots([...this.frontier.roots, ...roots]) : null
  }

  /** What the store keeps beside the records must be what they give: no more, no less, and streams end where their index does. */
  finish(): StoreAudit {
    const reader = this.#reader
    const last = (this.frontier.size - 1) as Position
    const audit = reader.audit(last)
    const { faults, events, streams, tiles } = audit
    for (const fault of faults) this.find(null, fault)
    const origin = reader.meta('origin')
    if (origin !== null && this.#last !== null && origin !== this.#last.log)
      this.find(null, `the store says that its log is \`${origin}\`, and the records that it is \`${this.#last.log}\``)
    if (audit.commits !== this.#commits)
      this.find(null, `the store holds ${audit.commits} commits, and the log is ${this.#commits} of them`)
    if (!same(events, this.#events.total)) {
      this.find(null, 'the index of events is not that of the records')
      this.#findStreams(last)
    }
    if (!same(streams, this.#since)) this.find(null, 'the index of streams is not that of the records')
    const stored = this.#tiles.expected
    if (tiles.length !== stored.length || tiles.some((count, level) => count !== stored[level]))
      this.find(null, `there are ${tiles.join(', ')} tiles by level, and the records give ${stored.join(', ')}`)
    if (this.#last !== null && this.#last.i !== this.#last.n - 1) this.find(last, 'the last transaction is incomplete')
    return audit
  }
  /** Of which streams the index is wrong. */
  #findStreams(last: Position): void {
    for (const [stream, { version, leaf }] of this.#streams) {
      const head = this.#reader.streamHead(stream, last)
      if (head.version !== version || head.leaf !== leaf)
        this.find(head.position, `the index of \`${stream}\` does not end at ${version}`)
    }
  }
}

const same = (
  one: { readonly count: number; readonly sum: string },
  other: { readonly count: number; readonly sum: string },
): boolean => one.count === other.count && one.sum === other.sum

/** Tiles above the lowest level: each holds the roots of 256 below it. */
class HigherTiles {
  readonly #reader: StorageReader
  readonly #find: (what: string) => void
  readonly #levels: Hash[][] = []
  /** Full tiles by level, from the lowest. */
  readonly expected: number[] = []

  constructor(reader: StorageReader, find: (what: string) => void) {
    this.#reader = reader
    this.#find = find
  }
  /** Roots of full tiles of a level, in order. */
  add(roots: readonly Hash[], level = 0): void {
    if (roots.length === 0) return
    this.expected[level] = (this.expected[level] ?? 0) + roots.length
    const waiting = (this.#levels[level] ??= [])
    for (const root of roots) {
      waiting.push(root)
      if (waiting.length < TILE_WIDTH) continue
      const hashes = waiting.splice(0)
      const index = this.expected[level + 1] ?? 0
      const tile = this.#reader.tile(level + 1, index)
      if (tile === null || Buffer.from(tile).toString('hex') !== hashes.join(''))
        this.#find(`tile ${level + 1}/${index} does not hold the roots of those below it`)
      const tree = new Frontier()
      for (const hash of hashes) tree.append(hash)
      this.add([tree.rootHash()], level + 1)
    }
  }
}

function readCheckpoint(join: Joined, { checkpoint, log }: VerifyOptions): { size: number; rootHash: Hash } | null {
  if (checkpoint == null) return null
  try {
    const text = log == null ? parseNote(checkpoint).text : verifyNote(checkpoint, [log]).text
    const [, size, root] = text.split('\n')
    return { size: Number(size), rootHash: Buffer.from(root ?? '', 'base64').toString('hex') as Hash }
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    join.find(null, `the checkpoint: ${error.message}`)
    return null
  }
}
