/**
 * One commit as one row: lines and payloads end to end, cut apart again by their sizes. The lines of a commit share most of their bytes, so
 * only the first is stored whole; of the others, what follows the shared part. They come back byte for byte, or they are stored whole.
 */
import type { Hash, Position } from '../../model/ids.ts'
import type { JsonText } from '../../model/json.ts'
import { sharedParts, type SharedParts } from '../../model/record-line.ts'
import type { PreparedCommit, StoredLeaf } from '../storage.ts'

const HASH_BYTES = 32

export interface CommitRow {
  readonly first: number
  readonly count: number
  readonly leaves: Uint8Array
  /** Two numbers a record, in UTF-16 units: of the line, below zero (-1 - size) where only its rest is stored; of the payload, -1 for none. */
  readonly sizes: string
  readonly body: string
}

export function packCommit({ records }: Pick<PreparedCommit, 'records'>): Pick<CommitRow, 'leaves' | 'sizes' | 'body'> {
  let leaves = ''
  let sizes = ''
  let body = ''
  const shared = sharedParts((records[0] as (typeof records)[number]).line)
  for (const [place, { line, payload, leaf }] of records.entries()) {
    const rest = place === 0 ? null : restOf(line, shared, place)
    leaves += leaf
    sizes += `${place === 0 ? '' : ','}${rest === null ? line.length : -1 - rest.length},${payload === null ? -1 : payload.length}`
    body += rest ?? line
    if (payload !== null) body += payload
  }
  return { leaves: Buffer.from(leaves, 'hex'), sizes, body }
}

/** Records `from` to `to` (exclusive) of a commit, counted within it. */
export function unpackCommit(row: CommitRow, from = 0, to = row.count): StoredLeaf[] {
  const sizes = row.sizes.split(',')
  const records: StoredLeaf[] = []
  const leaves = Buffer.from(row.leaves.buffer, row.leaves.byteOffset, row.leaves.byteLength)
  const hashes = leaves.toString('hex', HASH_BYTES * from, HASH_BYTES * to)
  let shared: SharedParts | null = null
  let start = 0
  for (let place = 0; place < to; place++) {
    const lineSize = Number(sizes[2 * place])
    const payloadSize = Number(sizes[2 * place + 1])
    const lineEnd = start + (lineSize < 0 ? -1 - lineSize : lineSize)
    const end = lineEnd + Math.max(payloadSize, 0)
    if (place === 0 && to > 1) shared = sharedParts(row.body.slice(start, lineEnd))
    if (place >= from) {
      const stored = row.body.slice(start, lineEnd)
      records.push({
        position: (row.first + place) as Position,
        line: lineSize < 0 ? lineBefore(shared, place) + stored : stored,
        payload: payloadSize < 0 ? null : (row.body.slice(lineEnd, end) as JsonText),
        leaf: hashes.slice(2 * HASH_BYTES * (place - from), 2 * HASH_BYTES * (place - from + 1)) as Hash,
      })
    }
    start = end
  }
  return records
}

/** '' where there is none. */
export const leafAt = (leaves: Uint8Array, place: number): Hash =>
  32 * (place + 1) > leaves.length
    ? ('' as Hash)
    : (Buffer.from(leaves.buffer, leaves.byteOffset + 32 * place, 32).toString('hex') as Hash)

/** What precedes the rest of a commit's line number `place`; '' when the first line has no shared part. */
const lineBefore = (shared: SharedParts | null, place: number): string =>
  shared === null ? '' : `${shared.head}${place}${shared.middle}`

function restOf(line: string, shared: SharedParts | null, place: number): string | null {
  const before = lineBefore(shared, place)
  return before !== '' && line.slice(0, before.length) === before ? line.slice(before.length) : null
}
