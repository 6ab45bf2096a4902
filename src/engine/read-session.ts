/**
 * Serves the reads of one execution, all at one log position, and keeps what it served: that is the read set, whatever the cell may claim.
 * One that decides may be served what a commit under way would leave, and answers for that (`stillHolds`); one that only reads never is.
 */
import { READS_MAX } from './bounds.ts'
import type { Parts } from './parts.ts'
import type { States, TentativeState } from './states.ts'
import { findDigest } from '../model/find-digest.ts'
import { streamId, type Position, type StreamId } from '../model/ids.ts'
import type { FindEntry, FindQuery, ReadEntry, ReadSet, Row } from '../model/decision.ts'
import { FIND_LIMIT_MAX } from '../model/decision.ts'
import type { JsonText } from '../model/json.ts'
import type { Manifest, Target } from '../model/manifest.ts'
import { problem } from '../model/problems.ts'
import type { ReadPort } from '../sandbox/sandbox.ts'
import type { StorageReader } from '../storage/storage.ts'

export interface Prefetched {
  readonly entity: string
  readonly id: string
  readonly version: number
  readonly state: JsonText | null
}

type Served = { readonly version: number; readonly state: JsonText | null }

export class ReadSession implements ReadPort {
  readonly position: Position
  /** Which erasures it has seen (src/engine/personal/). */
  readonly era: number
  readonly #states: States
  readonly #reader: StorageReader
  readonly #manifest: Manifest
  readonly #ahead: boolean
  readonly #personal: Parts['personal']
  readonly #signal: AbortSignal
  readonly #streams = new Map<StreamId, ReadEntry>()
  readonly #served = new Map<StreamId, Served>()
  readonly #finds: FindEntry[] = []
  readonly #assumed = new Map<StreamId, TentativeState>()

  /** @param ground `ahead`: what a commit under way would leave may be served; `committed`: only what is on record at the position */
  constructor(
    { states, reader, release, personal }: Pick<Parts, 'states' | 'reader' | 'release' | 'personal'>,
    position: Position,
    ground: 'ahead' | 'committed',
    signal: AbortSignal,
  ) {
    this.#states = states
    this.#reader = reader
    this.#manifest = release.manifest
    this.position = position
    this.#ahead = ground === 'ahead' && !states.isCareful
    this.#personal = personal
    this.era = personal?.era ?? 0
    this.#signal = signal
  }

  /** The states that the input names, sent along with the call. They count as read. */
  async prefetch(targets: readonly Target[], input: unknown): Promise<readonly Prefetched[]> {
    const members = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>
    const found: Prefetched[] = []
    for (const { entity, member } of targets) {
      const id = Object.hasOwn(members, member) ? members[member] : undefined
      if (typeof id !== 'string') continue
      if (!id.isWellFormed())
        throw problem('invalid-input', `\`${member}\` is not well-formed Unicode`, {
          errors: [{ pointer: `/${member}`, message: 'is not well-formed Unicode' }],
        })
      const { version, state } = await this.get(entity, id)
      found.push({ entity, id, version, state })
    }
    return found
  }

  async get(entity: string, id: string): Promise<Served> {
    if (!Object.hasOwn(this.#manifest.entities, entity))
      throw problem('application-output-invalid', `the code asked for entity \`${entity}\`, which is not declared`)
    if (!id.isWellFormed())
      throw problem('application-output-invalid', `the code asked for an id of \`${entity}\` that is not Unicode`)
    const stream = streamId(entity, id)
    const before = this.#served.get(stream)
    if (before !== undefined) return before
    this.#count(1)
    const tentative = this.#ahead ? this.#states.tentative(stream) : undefined
    if (tentative !== undefined) {
      this.#assumed.set(stream, tentative)
      return this.#serve(stream, tentative, '')
    }
    const found =
      this.#states.cached(stream, this.position) ?? (await this.#states.at(stream, this.position, this.#signal))
    return this.#serve(stream, found, found.leaf)
  }

  /** The first answer counts: asked again, an execution sees what it saw, whatever has been committed since. */
  #serve(stream: StreamId, served: Served, hash: string): Served {
    const before = this.#served.get(stream)
    if (before !== undefined) return before
    this.#served.set(stream, served)
    this.#streams.set(stream, { stream, version: served.version, hash })
    return served
  }

  async find(query: FindQuery): Promise<readonly Row[]> {
    if (!Object.hasOwn(this.#manifest.readModels, query.model))
      throw problem('application-output-invalid', `the code asked read model \`${query.model}\`, which is not declared`)
    if (!(query.limit >= 1 && query.limit <= FIND_LIMIT_MAX))
      throw problem('application-output-invalid', `a find may return 1 to ${FIND_LIMIT_MAX} rows`)
    this.#count(1)
    const rows = this.#reader.find(query, this.position)
    this.#finds.push({ query, digest: findDigest(rows), rows: rows.map(({ id, key }) => ({ id, key })) })
    return rows[0]?.stored === undefined ? rows : rows.map(({ id, key, row }) => ({ id, key, row }))
  }

  /** What was served of a stream; null when nothing is there, or it was not read. */
  stateRead(stream: StreamId): JsonText | null {
    return this.#served.get(stream)?.state ?? null
  }

  /** A stream of the engine's own that this execution rests on, e.g. the facts attested for its run. */
  async getEngineStream(stream: StreamId): Promise<JsonText | null> {
    const found = await this.#states.at(stream, this.position, this.#signal)
    this.#streams.set(stream, { stream, version: found.version, hash: found.leaf })
    return found.state
  }

  /** What was served of commits that were under way then. */
  get assumed(): ReadonlyMap<StreamId, TentativeState> {
    return this.#assumed
  }

  /**
   * True when all that was served is what is committed now. An answer that writes nothing (a refusal, a denial, a failure) is only given on
   * such ground; a commit checks the same by itself. Waits for the commits whose outcome was assumed.
   */
  async stillHolds(): Promise<boolean> {
    if (this.#assumed.size === 0) return this.#seesErasures // all of it was committed, at one position
    const landed = await Promise.all([...this.#assumed.values()].map(({ commit }) => commit.settled))
    if (landed.includes(false)) return false
    for (const { stream, version } of this.#streams.values())
      if (this.#reader.streamHead(stream).version !== version) return false
    return (
      this.#seesErasures && this.#finds.every(({ query, digest }) => findDigest(this.#reader.find(query)) === digest)
    )
  }

  /** What was read before an erasure goes into no answer and no record after it. */
  get #seesErasures(): boolean {
    return this.era === (this.#personal?.era ?? 0)
  }

  readSet(): ReadSet {
    return { position: this.position, streams: [...this.#streams.values()], finds: this.#finds }
  }

  #count(more: number): void {
    const reads = this.#streams.size + this.#finds.length + more
    if (reads > READS_MAX)
      throw problem('limit-exceeded', `a decision may read at most ${READS_MAX} streams and finds`, {
        limit: 'read_count',
        observed: reads,
      })
  }
}
