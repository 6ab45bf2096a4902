/**
 * Personal data on its way to the store: whatever is written of a data subject is sealed under that subject's key, wherever it goes. Events member by
 * member, as declared; whole where the engine cannot know what is in it (the operation's input, outcome, facts and finds, effects, rows, snapshots).
 *
 * P1 No personal value reaches the committer's thread, and so no file, unless it is sealed.
 * P2 A key is durable before anything sealed under it is handed in.
 * P3 What was decided on the data of a subject before an erasure is not committed after it (`era`).
 */
import type { CommitRequest } from '../committer/commit-request.ts'
import type { OpenCommitter, Sealer } from '../committer/committer.ts'
import { isEngineEntity } from '../engine-streams.ts'
import type { OperationPayload } from '../operation-payload.ts'
import {
  approvalPlaces,
  EFFECT,
  isEngineAction,
  payloadPlaces,
  personalInput,
  ROWS,
  sealText,
  SNAPSHOT,
  subjectOf,
} from './places.ts'
import type { FindEntry, RowChange } from '../../model/decision.ts'
import { streamId, streamParts, type StreamId } from '../../model/ids.ts'
import type { Json, JsonObject, JsonText } from '../../model/json.ts'
import type { Manifest } from '../../model/manifest.ts'
import type { PersonalManifest } from '../../model/personal.ts'
import { problem } from '../../model/problems.ts'
import {
  effectContext,
  eventContext,
  operationContext,
  rowContext,
  sideContext,
  snapshotContext,
} from '../../personal-data/contexts.ts'
import { sealDocument, withhold } from '../../personal-data/documents.ts'
import type { KeyStore } from '../../personal-data/key-store.ts'
import { blindedColumns, blindedQuery, OpeningReader, ROW } from '../../personal-data/opening-reader.ts'
import type { SubjectKey } from '../../personal-data/seal.ts'
import type { SideReader, SideRecord, Snapshot, StorageReader, StreamKeyReader } from '../../storage/storage.ts'
import { SIDE_BODY_BYTES_MAX } from '../../storage/storage.ts'

/** Subjects that one operation may concern: what reads more is a report, to be made elsewhere. */
export const SUBJECTS_PER_OPERATION_MAX = 1_000
const STREAMS_KEPT = 100_000 // whose keys are at hand; about 20 MB

export interface Subject {
  readonly tenant: string
  readonly subject: string
}

export class Personal implements Sealer {
  readonly keys: KeyStore
  /** Opens what this seals. */
  readonly reader: OpeningReader
  readonly streams: StreamKeyReader
  readonly committer: Pick<OpenCommitter, 'replaceDerived' | 'answered'>
  readonly #manifest: Manifest
  readonly #origin: string
  readonly #kids = new Map<StreamId, Set<string>>()
  /** Counts erasures as they begin and as they end (P3). */
  era = 0

  constructor(
    stored: StorageReader & SideReader & StreamKeyReader,
    committer: Pick<OpenCommitter, 'replaceDerived' | 'answered'>,
    keys: KeyStore,
    manifest: Manifest,
    origin: string,
  ) {
    this.committer = committer
    this.keys = keys
    this.streams = stored
    this.#manifest = manifest
    this.#origin = origin
    this.reader = new OpeningReader(stored, keys, manifest)
  }

  /** Whose data each written stream holds, from the states after. @throws `application-output-invalid` */
  subjectsOf(after: ReadonlyMap<StreamId, JsonText>): NonNullable<CommitRequest['subjects']> {
    const subjects: { stream: StreamId; subject: string }[] = []
    for (const [stream, state] of after) {
      const personal = this.#declared(stream)
      if (personal !== undefined) subjects.push({ stream, subject: subjectOf(personal, stream, state) })
    }
    return subjects
  }

  /** A promise only where a subject has no key yet. */
  seal(request: CommitRequest): CommitRequest | Promise<CommitRequest> {
    const payload = JSON.parse(request.payload) as OperationPayload
    const subjects = new Map(request.subjects?.map(({ stream, subject }) => [stream, subject]))
    const wanted: Subject[] = []
    for (const { stream, type } of request.events)
      if (this.#standIns(stream, type) !== undefined) {
        const subject = subjects.get(stream)
        if (subject === undefined) throw problem('bug', `nobody says whose data \`${stream}\` holds`)
        wanted.push({ tenant: request.tenant, subject })
      }
    const touched = isEngineAction(payload) ? [] : this.#touched(request.events, payload)
    for (const { dead } of touched.map((stream) => this.#keysOf(stream)))
      for (const { subject } of dead) wanted.push({ tenant: request.tenant, subject })
    const missing = wanted.filter(({ tenant, subject }) => this.keys.live(tenant, subject) === null)
    const sealed = (): CommitRequest => this.#sealed(request, payload, subjects, touched, wanted)
    if (missing.length === 0) return sealed()
    return Promise.all(missing.map(({ tenant, subject }) => this.keys.create(tenant, subject))).then(sealed)
  }

  #sealed(
    request: CommitRequest,
    payload: OperationPayload,
    subjects: ReadonlyMap<StreamId, string>,
    touched: readonly StreamId[],
    wanted: readonly Subject[],
  ): CommitRequest {
    const { tenant, operation, state } = request
    const whole = isEngineAction(payload) ? [] : this.#all(touched, wanted)
    const keys: { kid: string; stream: StreamId }[] = []
    const use = (stream: StreamId, key: SubjectKey): SubjectKey => {
      keys.push({ kid: key.kid, stream })
      this.#kidsOf(stream).add(key.kid)
      return key
    }
    const events = request.events.map((event) => {
      const { stream, version, type, data } = event
      const context = eventContext(this.#origin, tenant, stream, version, type)
      if (isEngineEntity(streamParts(stream).entity)) {
        if (type !== 'requested' || whole.length === 0) return event
        for (const key of whole) use(stream, key)
        return { ...event, data: sealText(data, approvalPlaces, whole, context) }
      }
      const standIns = this.#standIns(stream, type)
      if (standIns === undefined) return event
      const key = use(stream, this.#key({ tenant, subject: subjects.get(stream) as string }))
      const places = Object.entries(standIns).map(([member, standIn]) => ({ path: [member], standIn }))
      return { ...event, data: sealText(data, places, [key], context) }
    })
    const effect = (text: JsonText, ordinal: number): JsonText =>
      whole.length === 0 ? text : sealText(text, EFFECT, whole, effectContext(this.#origin, tenant, operation, ordinal))
    const { subjects: _, ...rest } = request
    const { input, facts } = payload
    const counted = { input, facts, resource: payload.request?.resource ?? '' }
    return {
      ...rest,
      ...(state === 'committed' && !isEngineAction(payload) ? { counted } : {}),
      events,
      rows: request.rows.map((row) => this.row(row)),
      finds: request.finds.map((find) => this.#find(find)),
      effects: request.effects.map((one, ordinal) => ({ ...one, payload: effect(one.payload, ordinal) })),
      payload: this.#payload(request.payload, payload, whole, operationContext(this.#origin, tenant, operation, state)),
      keys,
    }
  }

  /** Every key of whom the operation concerns. @throws `limit-exceeded` */
  #all(touched: readonly StreamId[], wanted: readonly Subject[]): readonly SubjectKey[] {
    const all = new Map<string, SubjectKey>()
    for (const subject of wanted) {
      const key = this.#key(subject)
      all.set(key.kid, key)
    }
    for (const stream of touched) for (const key of this.#keysOf(stream).live) all.set(key.kid, key)
    if (all.size > SUBJECTS_PER_OPERATION_MAX)
      throw problem('limit-exceeded', `an operation may concern at most ${SUBJECTS_PER_OPERATION_MAX} data subjects`, {
        limit: 'subjects_per_operation',
        observed: all.size,
      })
    return [...all.values()]
  }

  #payload(text: JsonText, payload: OperationPayload, whole: readonly SubjectKey[], context: string): JsonText {
    if (isEngineAction(payload)) return text
    const document = payload as unknown as JsonObject
    if (whole.length > 0) return JSON.stringify(sealDocument(document, payloadPlaces(document), whole, context))
    const places = personalInput(this.#manifest, payload)
    return places.length === 0 ? text : JSON.stringify(withhold(document, places))
  }

  /** A row of a read model over an entity with personal data: whole under the keys of its stream, beside its indexed columns. */
  row<Change extends RowChange>(change: Change): Change {
    const { model, id, key, row } = change
    const of = this.#personalModel(model)
    if (row === null || of === null) return change
    const { indexes, personal = [] } = this.#manifest.readModels[model] as Manifest['readModels'][string]
    const indexed = Object.fromEntries(indexes.flat().map((column) => [column, row[column] as Json]))
    const document = { ...blindedColumns(indexed, model, personal, this.keys), [ROW]: row }
    const { live } = this.#keysOf(streamId(of, id))
    return {
      ...change,
      row: live.length === 0 ? document : sealDocument(document, ROWS, live, rowContext(model, id, key)),
    }
  }

  snapshot(snapshot: Snapshot): Snapshot {
    const { stream, version, state } = snapshot
    const { live } = this.#keysOf(stream)
    if (live.length === 0) return snapshot
    return { ...snapshot, state: sealText(`{"state":${state}}`, SNAPSHOT, live, snapshotContext(stream, version)) }
  }

  /** What a record beside the log says of whom it concerns is sealed, or, where they have no key any more, not kept. */
  side(side: SideRecord): SideRecord {
    const payload = JSON.parse(side.body) as OperationPayload
    const document = payload as unknown as JsonObject
    const keys = this.#touched([], payload).map((stream) => this.#keysOf(stream))
    const live = new Map(keys.flatMap((one) => one.live).map((key) => [key.kid, key]))
    const isErased = keys.some(({ dead }) => dead.length > 0)
    if (live.size > 0 && live.size <= SUBJECTS_PER_OPERATION_MAX && !isErased) {
      const context = sideContext(side.operation, side.kind, side.recordedAtMs)
      const body = JSON.stringify(sealDocument(document, payloadPlaces(document), [...live.values()], context))
      if (Buffer.byteLength(body) <= SIDE_BODY_BYTES_MAX) return { ...side, body }
    }
    const places = live.size > 0 || isErased ? payloadPlaces(document) : personalInput(this.#manifest, payload)
    return places.length === 0 ? side : { ...side, body: JSON.stringify(withhold(document, places)) }
  }

  /** Erasures, by position, that cover data of a stream. */
  erasuresOf(stream: StreamId): readonly number[] {
    if (this.#declared(stream) === undefined) return []
    const positions = [...this.#kidsOf(stream)].flatMap((kid) => {
      const standing = this.keys.standing(kid)
      const position = this.keys.retired.get(kid) ?? (standing.kind === 'erased' ? standing.position : null)
      return position === null ? [] : [position]
    })
    return [...new Set(positions)].sort((one, other) => one - other)
  }

  /** Entity that a read model with personal data is over; null when it has none. */
  #personalModel(model: string): string | null {
    const { readModels, entities } = this.#manifest
    const of = Object.hasOwn(readModels, model) ? readModels[model]?.of : undefined
    return of === undefined || entities[of]?.personal === undefined ? null : of
  }

  /** Streams with personal data that an operation has read, found or written. */
  #touched(events: CommitRequest['events'], { reads }: OperationPayload): readonly StreamId[] {
    const streams = new Set<StreamId>()
    for (const { stream } of events) if (this.#declared(stream) !== undefined) streams.add(stream)
    for (const { stream } of reads?.streams ?? []) if (this.#declared(stream) !== undefined) streams.add(stream)
    for (const { query, rows } of reads?.finds ?? []) {
      const of = this.#personalModel(query.model)
      if (of !== null) for (const { id } of rows) streams.add(streamId(of, id))
    }
    return [...streams]
  }

  /** The keys of a stream's data; `dead`: whose data nothing opens any more. */
  #keysOf(stream: StreamId): { readonly live: readonly SubjectKey[]; readonly dead: readonly Subject[] } {
    const live: SubjectKey[] = []
    const dead: Subject[] = []
    for (const kid of this.#kidsOf(stream)) {
      const standing = this.keys.standing(kid)
      if (standing.kind === 'live' && !this.keys.retired.has(kid)) live.push(standing.key)
      else {
        const name = this.keys.name(kid)
        if (name !== null) dead.push(name)
      }
    }
    if (dead.length === 0) return { live, dead }
    return { live, dead: dead.filter(({ subject }) => !live.some((key) => key.subject === subject)) }
  }
  #kidsOf(stream: StreamId): Set<string> {
    let kids = this.#kids.get(stream)
    if (kids === undefined) {
      if (this.#kids.size >= STREAMS_KEPT) this.#kids.clear()
      this.#kids.set(stream, (kids = new Set(this.streams.streamKeys(stream))))
    }
    return kids
  }
  #key({ tenant, subject }: Subject): SubjectKey {
    const key = this.keys.live(tenant, subject)
    if (key === null) throw problem('stream-contended', `\`${subject}\` is being erased`)
    return key
  }

  #find(find: FindEntry): FindEntry {
    if (this.#personalModel(find.query.model) === null) return find
    return { ...find, query: blindedQuery(find.query, this.#manifest, this.keys) }
  }
  #declared(stream: StreamId): PersonalManifest | undefined {
    const { entity } = streamParts(stream)
    return Object.hasOwn(this.#manifest.entities, entity) ? this.#manifest.entities[entity]?.personal : undefined
  }
  #standIns(stream: StreamId, type: string): JsonObject | undefined {
    const events = this.#declared(stream)?.events
    return events !== undefined && Object.hasOwn(events, type) ? events[type] : undefined
  }
}
