/**
 * A release becomes the active one: before anything is decided under it, every read model holds what it would have held had the release always been
 * there. Rows change by records of the log, so a read at an earlier position still sees the earlier rows, unless they lack a column that is indexed now.
 *
 * A crash while rows are rebuilt leaves the log saying `rebuilding`, and the next opening rebuilds again, under whichever release it has.
 */
import { ENGINE_READ_MODELS } from './approval-request.ts'
import { APPROVAL, isEngineEntity, RELEASE } from './engine-streams.ts'
import type { Parts } from './parts.ts'
import { refuseUnsigned } from './protected.ts'
import { commitOnce, recordOnce } from './record-once.ts'
import { switchedProblem } from './switches.ts'
import { rebuildStreams } from './verify-fold.ts'
import { FIND_LIMIT_MAX, type Row, type RowChange } from '../model/decision.ts'
import { sha256Hex, streamId, type Position, type StreamId } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonObject } from '../model/json.ts'
import { Problem, problem } from '../model/problems.ts'
import { switchInTheWay } from '../warden/switches.ts'

const STREAMS_PER_CALL = 100
/** Row changes in one record: a commit of about a megabyte. */
const ROWS_PER_RECORD = 1_000

/** @throws `release-invalid` when what is there does not fit the release, `protected-declaration`; the one before can still be opened */
export async function activate(parts: Parts, signal: AbortSignal): Promise<void> {
  const { id, manifest, bundle } = parts.release
  const stream = streamId(RELEASE, manifest.name)
  const { version, state, position } = await parts.states.at(stream, parts.states.visible, signal)
  const isActive = state !== null && (JSON.parse(state) as JsonObject)['release'] === id
  // A log that was imported (src/main/import-log.ts) brings no rows along: they are made anew before anything is decided on them.
  const isImported = position <= Number(parts.reader.meta('imported') ?? -1)
  if (isActive && !isImported) return
  const snapshot = parts.authority.current().number
  if (!isActive) refuseUnsigned(parts)
  if (state !== null) {
    if (!isActive) refuseFrozen(parts)
    const attempt = `${id}:${version}`
    await recordOnce(parts, stream, 'plinth.activate', `rebuild:${attempt}`, 'rebuilding', { release: '' })
    await rebuildRows(parts, attempt, signal)
  }
  const data = { release: id, manifest: sha256Hex(canonicalJson(manifest)), bundle: sha256Hex(bundle), snapshot }
  await recordOnce(parts, stream, 'plinth.activate', `release:${id}:${version}`, 'activated', data)
}

/** @throws `switched-frozen` and its like: another release than the one that was active may not become so */
function refuseFrozen(parts: Parts): void {
  const { switches } = parts.authority.current()
  const subject = { application: parts.release.manifest.name, tenant: '', principals: [], run: null, command: '' }
  const found = switchInTheWay(switches, { ...subject, effects: [], policySet: null }, 'activate')
  if (found !== null) throw switchedProblem(found)
}

async function rebuildRows(parts: Parts, attempt: string, signal: AbortSignal): Promise<void> {
  const at = parts.states.visible
  let waiting: RowChange[] = []
  let records = 0
  const write = async (atLeast: number): Promise<void> => {
    while (waiting.length >= atLeast && waiting.length > 0) {
      const rows = waiting.slice(0, ROWS_PER_RECORD)
      waiting = waiting.slice(ROWS_PER_RECORD)
      const key = `rows:${attempt}:${records++}`
      await commitOnce(parts, 'plinth.activate', key, { rows: rows.length }, () =>
        Promise.resolve({ streams: [], events: [], rows, after: new Map(), result: null }),
      )
    }
  }
  for (const entity of [...Object.keys(parts.release.manifest.entities), APPROVAL]) {
    for await (const changes of changesOf(parts, entity, at, signal)) {
      waiting.push(...changes)
      await write(ROWS_PER_RECORD)
    }
  }
  await write(1)
}

/** Which rows of an entity's read models must change, stream by stream: live rows and rebuilt ones, both in order of id. */
async function* changesOf(
  parts: Parts,
  entity: string,
  at: Position,
  signal: AbortSignal,
): AsyncGenerator<RowChange[]> {
  const models = Object.entries({ ...parts.release.manifest.readModels, ...ENGINE_READ_MODELS }).flatMap(
    ([model, { of }]) => (of === entity ? [new LiveRows(parts, model, at)] : []),
  )
  let after: string | null = null
  for (;;) {
    signal.throwIfAborted()
    const streams: readonly StreamId[] = parts.reader.streams(entity, after, at, STREAMS_PER_CALL)
    const last = streams.at(-1)
    const until = last?.slice(entity.length + 1) ?? null
    const rebuilt = await rebuiltRows(parts, entity, streams, at, signal)
    yield models.flatMap((live) => live.changesUntil(until, rebuilt))
    if (last === undefined) return
    after = until
  }
}

async function rebuiltRows(
  parts: Parts,
  entity: string,
  streams: readonly StreamId[],
  at: Position,
  signal: AbortSignal,
): Promise<readonly RowChange[]> {
  try {
    const rebuilt = (await rebuildStreams(parts, entity, streams, at, signal)).flatMap(({ rows }) => rows)
    if (isEngineEntity(entity)) return rebuilt
    for (const { model, row } of rebuilt) if (row !== null) parts.validators.row(model, row)
    return rebuilt
  } catch (error) {
    if (
      !(error instanceof Problem) ||
      (error.code !== 'application-failed' && error.code !== 'application-output-invalid')
    )
      throw error
    const [first] = streams
    throw problem(
      'release-invalid',
      `what is recorded does not fit this release (\`${first}\` and those after it): ${error.detail}`,
      { entity },
      error,
    )
  }
}

class LiveRows {
  readonly #parts: Parts
  readonly #model: string
  readonly #at: Position
  #page: readonly Row[] = []
  #next = 0
  #ended = false

  constructor(parts: Parts, model: string, at: Position) {
    this.#parts = parts
    this.#model = model
    this.#at = at
  }

  /** Changes for all ids up to this one (null: for all that are left). */
  changesUntil(id: string | null, rebuilt: readonly RowChange[]): RowChange[] {
    const model = this.#model
    const wanted = new Map<string, RowChange>()
    for (const row of rebuilt)
      if (row.model === model && row.row !== null) wanted.set(JSON.stringify([row.id, row.key]), row)
    const changes: RowChange[] = []
    for (let live = this.#peek(); live !== null && (id === null || inOrder(live.id, id)); live = this.#peek()) {
      this.#next += 1
      const place = JSON.stringify([live.id, live.key])
      const row = wanted.get(place)?.row ?? null
      wanted.delete(place)
      if (row === null || canonicalJson(row) !== canonicalJson(live.row as Json))
        changes.push({ model, id: live.id, key: live.key, row })
    }
    return [...changes, ...wanted.values()]
  }

  #peek(): Row | null {
    if (this.#next >= this.#page.length && !this.#ended) {
      const last = this.#page.at(-1)
      const after = last === undefined ? null : { id: last.id, key: last.key }
      const query = { model: this.#model, where: {}, order: [], limit: FIND_LIMIT_MAX, after }
      this.#page = this.#parts.reader.find(query, this.#at)
      this.#next = 0
      this.#ended = this.#page.length < FIND_LIMIT_MAX
    }
    return this.#page[this.#next] ?? null
  }
}

/** The order in which storage lists ids: by their UTF-8 bytes. */
const inOrder = (one: string, other: string): boolean => Buffer.compare(Buffer.from(one), Buffer.from(other)) <= 0
