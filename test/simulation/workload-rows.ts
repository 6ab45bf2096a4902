/** Rows of the crash workload against a rebuild: a row counts the events of its stream, so the log says what every row must be. */
import type { Position } from '../../src/model/ids.ts'
import { FIND_LIMIT_MAX } from '../../src/model/decision.ts'
import type { StorageReader } from '../../src/storage/storage.ts'

export const WORKLOAD_MODEL = 'accounts'

export function brokenRows(reader: StorageReader): string[] {
  const broken: string[] = []
  const head = reader.head().position
  const rebuilt = new Map(
    reader
      .streams('account', null, head, FIND_LIMIT_MAX)
      .map((stream) => [stream.slice(stream.indexOf('/') + 1), reader.streamHead(stream).version]),
  )
  if (head < 0) return []
  const rows = reader.find({ model: WORKLOAD_MODEL, where: {}, order: [], limit: FIND_LIMIT_MAX, after: null })
  for (const { id, row } of rows) {
    if (row['events'] !== rebuilt.get(id))
      broken.push(`row \`${id}\` counts ${String(row['events'])} of ${String(rebuilt.get(id))} events`)
    rebuilt.delete(id)
  }
  for (const id of rebuilt.keys()) broken.push(`row \`${id}\` is missing`)
  const operations = reader
    .records(0 as Position, Number.MAX_SAFE_INTEGER)
    .filter(({ line }) => line.includes('"effects":[{')).length
  if (operations !== reader.effectCount())
    broken.push(`${reader.effectCount()} effects are counted, ${operations} recorded`)
  if (reader.effects(-1 as Position, Number.MAX_SAFE_INTEGER).length !== operations)
    broken.push('the outbox does not hold every effect')
  return broken
}
