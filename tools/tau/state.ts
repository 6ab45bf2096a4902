/** A system's state in the data set's form: all records at first, and afterwards those whose streams the log says were written. */
import { PAGE_LIMIT_MAX } from '../../src/engine/engine.ts'
import type { System } from '../../src/main/open-system.ts'
import { streamParts } from '../../src/model/ids.ts'
import type { Credentials } from '../../src/model/principal.ts'
import type { LogRecord } from '../../src/model/record.ts'
import { digestOf } from './digest.ts'
import type { Digests } from './digest.ts'
import type { Domain } from './domains.ts'

/** Streams of the engine's own: runs, approvals, releases. */
const ENGINE_PREFIX = 'plinth.'

export interface InitialState {
  readonly digests: Digests
  /** Position of the log's last record. */
  readonly position: number
}
/** A record that was written, by the data set's names. */
export interface ChangedRecord {
  readonly collection: string
  readonly id: string
}

const never = (): AbortSignal => new AbortController().signal

export const operatorOf = ({ credentials }: System): Credentials => ({
  bearer: credentials.operator.apiKey,
  onBehalfOf: null,
})

export async function initialState(system: System, { collections }: Domain): Promise<InitialState> {
  const digests = new Map<string, ReadonlyMap<string, string>>()
  for (const { name, entity, recordOf } of collections) {
    const byId = new Map<string, string>()
    let after: string | null = null
    do {
      const page = { after, limit: PAGE_LIMIT_MAX }
      const answer = await system.engine.states(operatorOf(system), entity, page, null, never())
      for (const { id, state } of answer.items) byId.set(id, digestOf(recordOf(id, state)))
      after = answer.next
    } while (after !== null)
    digests.set(name, byId)
  }
  const { position } = await system.engine.self(operatorOf(system), never())
  return { digests, position }
}

/** Domain events recorded behind a position, up to another or to the end: stream names, each once. */
export async function streamsWritten(system: System, behind: number, upTo?: number): Promise<readonly string[]> {
  const streams = new Set<string>()
  const end = upTo ?? (await system.engine.self(operatorOf(system), never())).position
  for (let from = behind + 1; from <= end; from += PAGE_LIMIT_MAX) {
    const { items } = await system.engine.records(operatorOf(system), from, PAGE_LIMIT_MAX, never())
    for (const { position, line } of items) {
      if (position > end) break
      const record = JSON.parse(line) as LogRecord
      if (record.kind === 'event' && !record.stream.startsWith(ENGINE_PREFIX)) streams.add(record.stream)
    }
  }
  return [...streams]
}

/** The state as of a position, by default now, and which of its records differ from the initial ones. */
export async function stateAsOf(
  system: System,
  { collections }: Domain,
  initial: InitialState,
  position?: number,
): Promise<{ readonly digests: Digests; readonly changed: readonly ChangedRecord[] }> {
  const digests = new Map([...initial.digests].map(([name, byId]) => [name, new Map(byId)]))
  const changed: ChangedRecord[] = []
  const at = position === undefined ? null : { position }
  for (const stream of await streamsWritten(system, initial.position, position)) {
    const { entity, id } = streamParts(stream as Parameters<typeof streamParts>[0])
    const collection = collections.find((one) => one.entity === entity)
    if (collection === undefined) throw new Error(`stream \`${stream}\` belongs to no collection`)
    const { state } = await system.engine.state(operatorOf(system), entity, id, at, never())
    const digest = digestOf(collection.recordOf(id, state))
    if (initial.digests.get(collection.name)?.get(id) === digest) continue
    digests.get(collection.name)?.set(id, digest)
    changed.push({ collection: collection.name, id })
  }
  return { digests, changed }
}
