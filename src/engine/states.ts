/**
 * Entity states as of a log position: from memory when the latest is asked for, otherwise folded from snapshot and events.
 * Owns the cache and the visible head; owns no truth: everything here can be dropped and comes back from the log.
 *
 * 1. An entry is the newest committed state of its stream, or it is not there. What does not exist has none.
 * 2. `visible` moves only after the entries of that commit have: who reads at `visible` never meets an older entry.
 * 3. A tentative entry is what a commit under way would leave. Deciding on it keeps one busy stream moving without waiting for the disk.
 * 4. Commits under way on one stream form a chain: each was decided on the one before it, or it is not handed in (`rival`). The committer takes
 *    them in that order and compares versions, so when one does not land, nothing that was decided on it does.
 */
import { LruMap } from './lru-map.ts'
import { foldEngineStream, isEngineEntity } from './engine-streams.ts'
import { FOLD_EVENTS_MAX, SNAPSHOT_EVERY, STATES_CACHED_MAX } from './bounds.ts'
import { loadEvents } from '../event-log/load.ts'
import { streamParts, type Position, type ReleaseId, type StreamId } from '../model/ids.ts'
import type { JsonText } from '../model/json.ts'
import { problem } from '../model/problems.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { Snapshot, StorageReader, StoredEvent } from '../storage/storage.ts'
import type { Committer } from './committer/commit-request.ts'

export interface StreamState {
  readonly version: number
  /** Position and leaf of the stream's last event; -1 and '' when it is not there. */
  readonly position: Position
  readonly leaf: string
  readonly state: JsonText | null
}

/** A commit that has been handed in. `landed` is null until that is known; `settled` then resolves to it, and never rejects. */
export interface CommitUnderWay {
  readonly settled: Promise<boolean>
  readonly landed: boolean | null
}
/** What a commit under way would leave of one stream. */
export interface TentativeState {
  readonly version: number
  readonly state: JsonText
  readonly commit: CommitUnderWay
}

const ABSENT: StreamState = { version: 0, position: -1 as Position, leaf: '', state: null }

export class States {
  readonly #latest = new LruMap<StreamId, StreamState>(STATES_CACHED_MAX)
  readonly #tentative = new Map<StreamId, TentativeState>()
  readonly #reader: StorageReader
  readonly #sandbox: Sandbox
  readonly #committer: Committer
  readonly #release: ReleaseId
  #careful = false
  #cleared = 0
  visible: Position

  constructor(reader: StorageReader, sandbox: Sandbox, committer: Committer, release: ReleaseId) {
    this.#reader = reader
    this.#sandbox = sandbox
    this.#committer = committer
    this.#release = release
    this.visible = reader.head().position
  }

  /** The newest state, when it is in memory and not newer than this position: the usual case, without waiting. */
  cached(stream: StreamId, at: Position): StreamState | undefined {
    const known = this.#latest.get(stream)
    return known !== undefined && known.position <= at ? known : undefined
  }

  tentative(stream: StreamId): TentativeState | undefined {
    const newest = this.#tentative.get(stream)
    return newest?.commit.landed === false ? undefined : newest
  }

  /**
   * What forbids handing in a commit that read this stream: another commit under way on it, or the loss of the one whose outcome it assumed.
   * A version alone would not tell, because another commit may reach the same version with another state.
   */
  rival(stream: StreamId, assumed: TentativeState | undefined): CommitUnderWay | null {
    const newest = this.tentative(stream)
    if (newest !== undefined) return newest === assumed ? null : newest.commit
    return assumed === undefined || assumed.commit.landed === true ? null : assumed.commit
  }

  /** Notes what a commit just handed in would leave. Call `settle` with the same entries when its result is known. */
  expect(entries: ReadonlyMap<StreamId, TentativeState>): void {
    for (const [stream, entry] of entries) this.#tentative.set(stream, entry)
  }

  settle(entries: ReadonlyMap<StreamId, TentativeState>): void {
    for (const [stream, entry] of entries) if (this.#tentative.get(stream) === entry) this.#tentative.delete(stream)
  }

  /** State of a stream at a position. @throws `storage-damaged`, `application-failed`, `cancelled` */
  async at(stream: StreamId, at: Position, signal: AbortSignal): Promise<StreamState> {
    const known = this.cached(stream, at)
    if (known !== undefined) return known
    const head = this.#reader.streamHead(stream, at)
    if (head.version === 0) return ABSENT // not remembered: ids that do not exist must not drive out those that do
    const cleared = this.#cleared
    const loaded = await this.#fold(stream, at, signal)
    if (cleared !== this.#cleared) return loaded // what it rests on may be gone
    // Another commit may have landed while this one was folding; only the newest may be remembered.
    if (this.#reader.streamHead(stream).version === loaded.version && !this.#latest.has(stream)) {
      this.#latest.set(stream, loaded)
    }
    return loaded
  }

  /** Takes in what a commit wrote. Call for all of its streams, then `advance`. */
  committed(stream: StreamId, next: StreamState & { readonly state: JsonText }): void {
    const known = this.#latest.get(stream)
    if (known !== undefined && known.version >= next.version) return
    if (this.#careful) return this.#latest.delete(stream)
    this.#latest.set(stream, next)
    if (next.version % SNAPSHOT_EVERY === 0) this.#keepSnapshot(stream, next)
  }

  advance(position: Position): void {
    if (position > this.visible) this.visible = position
  }

  /** After a write of which nobody knows whether it landed: storage alone knows what there is, and how far it goes. */
  distrust(): void {
    this.#latest.clear()
    this.advance(this.#reader.head().position)
  }

  /** While data are being erased, states that rest on them are neither kept nor served ahead of their commit. */
  beCareful(careful: boolean): void {
    this.#careful = careful
    if (careful) this.clear()
  }
  get isCareful(): boolean {
    return this.#careful
  }
  clear(): void {
    this.#latest.clear()
    this.#cleared += 1
  }

  /** Drops what a lost race has shown to be stale. */
  forget(streams: Iterable<StreamId>): void {
    for (const stream of streams) this.#latest.delete(stream)
  }

  async #fold(stream: StreamId, at: Position, signal: AbortSignal): Promise<StreamState> {
    const { entity, id } = streamParts(stream)
    const usable = this.#usableSnapshot(stream, at)
    let state: JsonText | null = usable?.state ?? null
    let last: StreamState = usable === null ? ABSENT : { ...usable }
    let folded = 0
    for (;;) {
      const events = loadEvents(this.#reader, stream, last.version, at, FOLD_EVENTS_MAX)
      const tail = events.at(-1)
      if (tail === undefined) break
      state = isEngineEntity(entity)
        ? foldEngineStream(state, events)
        : await this.#foldInCell(entity, id, state, events, signal)
      last = { version: tail.version, position: tail.position, leaf: tail.leaf, state }
      folded += events.length
      if (events.length < FOLD_EVENTS_MAX) break
    }
    if (folded >= SNAPSHOT_EVERY && last.state !== null) this.#keepSnapshot(stream, { ...last, state: last.state })
    return last
  }

  /** One of this release that belongs to the very event it names. Its state is only checked by an audit (verify-snapshots.ts). */
  #usableSnapshot(stream: StreamId, at: Position): Snapshot | null {
    const snapshot = this.#reader.snapshot(stream, at)
    if (snapshot === null || snapshot.release !== this.#release) return null
    const { version, leaf } = this.#reader.streamHead(stream, snapshot.position)
    return version === snapshot.version && leaf === snapshot.leaf ? snapshot : null
  }

  async #foldInCell(
    entity: string,
    id: string,
    state: JsonText | null,
    events: readonly StoredEvent[],
    signal: AbortSignal,
  ): Promise<JsonText | null> {
    const answer = await this.#sandbox.fold(this.#release, [{ entity, id, state, events }], false, signal)
    if (answer.kind === 'failed')
      throw problem(answer.code, `\`${entity}/${id}\` could not be folded: ${answer.detail}`)
    return answer.folded[0]?.state ?? null
  }

  #keepSnapshot(stream: StreamId, at: StreamState & { readonly state: JsonText }): void {
    if (isEngineEntity(streamParts(stream).entity)) return
    this.#committer.writeSide(
      [],
      [
        {
          stream,
          version: at.version,
          position: at.position,
          leaf: at.leaf as never,
          state: at.state,
          release: this.#release,
        },
      ],
    )
  }
}
