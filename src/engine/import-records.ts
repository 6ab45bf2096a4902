/**
 * Imports outside records as opening events: mapped in a cell, checked, committed in bounded batches. Running it again imports nothing twice:
 * what is there already with the same opening event is passed over, however the records are batched.
 */
import { IMPORT_BATCH_RECORDS } from './bounds.ts'
import { atLevel } from './acknowledgement/at-level.ts'
import { engineOperation } from './engine-operation.ts'
import type { Parts } from './parts.ts'
import { checkId, checkRows } from './check-decision.ts'
import { loadEvents } from '../event-log/load.ts'
import { highest, type Level } from '../model/acknowledgement.ts'
import { sha256Hex, streamId, type Position, type StreamId } from '../model/ids.ts'
import { canonicalJson, type Json, type JsonText } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

export const IMPORT = 'plinth.import'

export interface ImportedRecords {
  readonly imported: number
  readonly position: Position
  /** Level that all of it stands at, and the one that was asked for; left out when there was nothing to import. */
  readonly level?: Level
  readonly asked?: Level
}

/** @throws `no-such-entity` for an unknown importer, `invalid-input` with the record's number, `forbidden` */
export async function importRecords(
  parts: Parts,
  credentials: Credentials,
  importer: string,
  source: AsyncIterable<Json>,
  onProgress: (done: number) => void,
  acknowledge: Level | null,
  signal: AbortSignal,
): Promise<ImportedRecords> {
  const principal = await parts.identity.authenticate(credentials, signal)
  const declared = Object.hasOwn(parts.release.manifest.importers, importer)
    ? parts.release.manifest.importers[importer]
    : undefined
  if (declared === undefined) throw problem('no-such-entity', `there is no importer \`${importer}\``)
  if (!parts.policy.inScope(principal, IMPORT))
    throw problem('forbidden', `\`${principal.id}\` may not do \`${IMPORT}\``)
  parts.acknowledgement.require(highest(acknowledge))
  let imported = 0
  let position = parts.states.visible
  let last: Outcome | null = null
  for await (const batch of inBatches(source)) {
    for (const [i, record] of batch.entries()) {
      try {
        parts.validators.importerRecord(importer, record)
      } catch (error) {
        throw problem(
          'invalid-input',
          `record ${imported + i + 1} for \`${importer}\`: ${(error as Error).message}`,
          {},
          error,
        )
      }
    }
    const answer = await parts.sandbox.mapRecords(parts.release.id, importer, batch, imported, signal)
    if (answer.kind === 'failed') throw problem(answer.code, answer.detail)
    if (answer.mapped.length !== batch.length)
      throw problem('application-output-invalid', `importer \`${importer}\` did not map each record`)
    const seen = new Set<StreamId>()
    const streams = answer.mapped.map(({ id, data, state, rows }, i) => {
      const stream = streamId(declared.of, id)
      if (seen.has(stream))
        throw problem('invalid-input', `record ${imported + i + 1} for \`${importer}\` makes \`${stream}\` once more`)
      seen.add(stream)
      checkId(declared.of, id)
      parts.validators.event(declared.of, declared.event, data)
      parts.validators.state(declared.of, state)
      checkRows(parts, rows, new Set([stream]))
      return { stream, data: JSON.stringify(data), state: JSON.stringify(state), rows }
    })
    const digest = sha256Hex(canonicalJson(batch))
    const outcome = await engineOperation(
      parts,
      principal,
      {
        command: IMPORT,
        input: { importer, records: batch.length, digest },
        idempotencyKey: `import:${importer}:${imported}:${digest}`,
        acknowledge,
      },
      async () => {
        const missing = streams.filter(({ stream, data }) => !isThere(parts, stream, declared.event, data))
        return {
          streams: missing.map(({ stream }) => ({ stream, version: 0 })),
          events: missing.map(({ stream, data }) => ({ stream, version: 1, type: declared.event, data })),
          rows: missing.flatMap(({ rows }) => rows),
          after: new Map(missing.map(({ stream, state }) => [stream, state])),
          result: { imported: missing.length },
        }
      },
      signal,
    )
    if (outcome.kind !== 'committed')
      throw problem(
        'forbidden',
        `the import was ${outcome.kind}`,
        outcome.kind === 'denied' ? { rules: outcome.rules } : {},
      )
    imported += batch.length
    position = outcome.position
    last = outcome
    onProgress(imported)
  }
  if (last === null) return { imported, position }
  // Once, at the end: the last batch lies behind all others.
  const answer = await atLevel(parts, last, acknowledge, signal)
  return 'level' in answer && answer.level !== undefined
    ? { imported, position, level: answer.level, asked: highest(acknowledge) }
    : { imported, position }
}

/** @throws `invalid-input` when the stream is there and began in another way */
function isThere(parts: Parts, stream: StreamId, type: string, data: JsonText): boolean {
  const { version, position } = parts.reader.streamHead(stream)
  if (version === 0) return false
  const first = loadEvents(parts.reader, stream, 0, position, 1)[0]
  const same =
    first?.type === type && canonicalJson(JSON.parse(first.data) as Json) === canonicalJson(JSON.parse(data) as Json)
  // Erased since: what is asked for cannot be compared, and must not come back by an import.
  if (same || (parts.personal?.erasuresOf(stream).length ?? 0) > 0) return true
  throw problem('invalid-input', `\`${stream}\` is there already, and began with other data`)
}

async function* inBatches(source: AsyncIterable<Json>): AsyncGenerator<Json[]> {
  let batch: Json[] = []
  for await (const record of source) {
    batch.push(record)
    if (batch.length < IMPORT_BATCH_RECORDS) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
