/**
 * Rebuilds every read model from the log, beside the live ones, and compares: the rows of each stream folded anew must add up to the rows that
 * are served. The sum is over a hash of each row, so that order does not matter and memory stays bounded whatever the size.
 */
import { FIND_LIMIT_MAX, type RowKey } from '../model/decision.ts'
import { sha256Hex, type Position, type StreamId } from '../model/ids.ts'
import { canonicalJson, type JsonObject } from '../model/json.ts'
import type { Manifest } from '../model/manifest.ts'
import type { StorageReader } from '../storage/storage.ts'

export interface RebuiltStream {
  readonly rows: readonly {
    readonly model: string
    readonly id: string
    readonly key: string
    readonly row: JsonObject | null
  }[]
}
export type FoldStreams = (
  entity: string,
  streams: readonly StreamId[],
  at: Position,
) => Promise<readonly RebuiltStream[]>

export interface Comparison {
  readonly rows: number
  readonly equal: boolean
}
const STREAMS_PER_CALL = 100
const MODULUS = 2n ** 256n

class RowSum {
  rows = 0
  #sum = 0n
  add(id: string, key: string, row: JsonObject): void {
    this.rows += 1
    this.#sum = (this.#sum + BigInt(`0x${sha256Hex(canonicalJson([id, key, row]))}`)) % MODULUS
  }
  equals(other: RowSum): boolean {
    return this.rows === other.rows && this.#sum === other.#sum
  }
}

/** @param fold folds streams from their first event in the sandbox. @returns per read model: how many rows, and whether both sides are the same bytes */
export async function compareReadModels(
  reader: StorageReader,
  manifest: Manifest,
  at: Position,
  fold: FoldStreams,
  onProgress: (streams: number) => void,
  signal: AbortSignal,
): Promise<Readonly<Record<string, Comparison>>> {
  const rebuilt = new Map(Object.keys(manifest.readModels).map((model) => [model, new RowSum()]))
  let done = 0
  for (const entity of new Set(Object.values(manifest.readModels).map(({ of }) => of))) {
    let after: string | null = null
    for (;;) {
      signal.throwIfAborted()
      const streams = reader.streams(entity, after, at, STREAMS_PER_CALL)
      const last = streams.at(-1)
      if (last === undefined) break
      for (const { rows } of await fold(entity, streams, at))
        for (const { model, id, key, row } of rows) if (row !== null) rebuilt.get(model)?.add(id, key, row)
      after = last.slice(entity.length + 1)
      onProgress((done += streams.length))
    }
  }
  const result: Record<string, Comparison> = {}
  for (const [model, expected] of rebuilt) {
    const live = sumOfLive(reader, model, at, signal)
    result[model] = { rows: live.rows, equal: live.equals(expected) }
  }
  return result
}

function sumOfLive(reader: StorageReader, model: string, at: Position, signal: AbortSignal): RowSum {
  const sum = new RowSum()
  let after: RowKey | null = null
  for (;;) {
    signal.throwIfAborted()
    const rows = reader.find({ model, where: {}, order: [], limit: FIND_LIMIT_MAX, after }, at)
    for (const { id, key, row } of rows) sum.add(id, key, row)
    const last = rows.at(-1)
    if (last === undefined || rows.length < FIND_LIMIT_MAX) return sum
    after = { id: last.id, key: last.key }
  }
}
