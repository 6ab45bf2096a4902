/**
 * The log as JSON lines, for other tools: `{"record":…,"payload":…,"effects":[…]}`, each part the exact text that was hashed. What is read
 * back recomputes the tree, so a copy that went through other hands still shows whether it is the log.
 */
import { hash } from 'node:crypto'
import type { Hash } from '../model/ids.ts'
import { Frontier, leafHash } from '../model/merkle.ts'
import { problem } from '../model/problems.ts'
import { parseRecord } from '../model/record-line.ts'
import type { StorageReader } from '../storage/storage.ts'
import { EffectPages, GROUP_RECORDS, readGroup } from './export.ts'

/**
 * Lines of the first `size` records, each with its newline. A payload that the store no longer has leaves its member out, an effect is null.
 * @throws `storage-damaged`
 */
export function* exportJsonLines(reader: StorageReader, size: number): Generator<string> {
  const pages = new EffectPages(reader)
  for (let first = 0; first < size; first += GROUP_RECORDS) {
    for (const record of readGroup(reader, first, Math.min(GROUP_RECORDS, size - first))) {
      const { position, line, payload } = record
      if (payload?.includes('\n') === true)
        throw problem('storage-damaged', `the payload at ${position} is not one line`)
      const sent = pages.of(record)
      const effects = sent.length === 0 ? '' : `,"effects":[${sent.map((effect) => effect ?? 'null').join(',')}]`
      yield `{"record":${line}${payload === null ? '' : `,"payload":${payload}`}${effects}}\n`
    }
  }
}

export interface JsonLinesRecord {
  readonly line: string
  readonly payload: string | null
  readonly effects: readonly (string | null)[]
}

/** Reads one line back to the texts that were hashed, and compares payload and effects with their hashes. @throws `storage-damaged` */
export function readJsonLine(text: string): JsonLinesRecord {
  const damaged = (what: string): Error => problem('storage-damaged', what)
  const whole = text.endsWith('\n') ? text.slice(0, -1) : text
  const parsed = parse(whole)
  const line = JSON.stringify(parsed?.record)
  const record = typeof line === 'string' ? parseRecord(line) : null
  if (parsed === null || record === null || !whole.startsWith(`{"record":${line}`))
    throw damaged('a line does not begin with a record')
  const listed = record.kind === 'operation' ? record.effects : []
  const effects = (parsed.effects ?? []).map((effect) => JSON.stringify(effect))
  const tail = effects.length === 0 ? '}' : `,"effects":[${effects.join(',')}]}`
  const head = `{"record":${line},"payload":`
  if (!whole.endsWith(tail)) throw damaged('the effects of a line are not as they were written')
  const payload = parsed.payload === undefined ? null : whole.slice(head.length, -tail.length)
  const again = `{"record":${line}${payload === null ? '' : `,"payload":${payload}`}${tail}`
  if (again !== whole) throw damaged('a line is not as it was written')
  if (payload !== null && hash('sha256', payload, 'hex') !== record.payload.hash)
    throw damaged('a payload does not match its hash')
  if (
    effects.length !== listed.length ||
    effects.some((effect, place) => effect !== 'null' && hash('sha256', effect, 'hex') !== listed[place]?.hash)
  )
    throw damaged('an effect does not match its hash')
  return { line, payload, effects: effects.map((effect) => (effect === 'null' ? null : effect)) }
}

/** Size and root of the tree over exported lines: equal to those of the log's checkpoint when nothing was changed. @throws `storage-damaged` */
export function rootOfJsonLines(lines: Iterable<string>): { readonly size: number; readonly rootHash: Hash } {
  const tree = new Frontier()
  for (const text of lines) tree.append(leafHash(readJsonLine(text).line))
  return { size: tree.size, rootHash: tree.rootHash() }
}

function parse(text: string): { record: unknown; payload?: unknown; effects?: unknown[] } | null {
  try {
    const value: unknown = JSON.parse(text)
    const isLine = typeof value === 'object' && value !== null && 'record' in value
    if (!isLine || ('effects' in value && !Array.isArray(value.effects))) return null
    return value
  } catch {
    return null
  }
}
