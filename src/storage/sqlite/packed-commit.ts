/** One commit as one row: lines and payloads end to end, cut apart again by their sizes. */
import type { Hash, Position } from '../../model/ids.ts'
import type { JsonText } from '../../model/json.ts'
import type { PreparedCommit, StoredRecord } from '../storage.ts'

export interface CommitRow {
  readonly first: number
  readonly count: number
  readonly leaves: Uint8Array
  readonly sizes: string
  readonly body: string
}
export interface UnpackedRecord extends StoredRecord {
  readonly leaf: Hash
}

export function packCommit(commit: PreparedCommit): { leaves: Uint8Array; sizes: string; body: string } {
  let leaves = ''
  let sizes = ''
  let body = ''
  for (const { line, payload, leaf } of commit.records) {
    leaves += leaf
    sizes += `${sizes === '' ? '' : ','}${line.length},${payload === null ? -1 : payload.length}`
    body += line
    if (payload !== null) body += payload
  }
  return { leaves: Buffer.from(leaves, 'hex'), sizes, body }
}

/** Records `from` to `to` (exclusive) of a commit, counted within it. */
export function unpackCommit(row: CommitRow, from = 0, to = row.count): UnpackedRecord[] {
  const sizes = row.sizes.split(',')
  const records: UnpackedRecord[] = []
  let start = 0
  for (let place = 0; place < to; place++) {
    const lineEnd = start + Number(sizes[2 * place])
    const payloadSize = Number(sizes[2 * place + 1])
    const end = lineEnd + Math.max(payloadSize, 0)
    if (place >= from)
      records.push({
        position: (row.first + place) as Position,
        line: row.body.slice(start, lineEnd),
        payload: payloadSize < 0 ? null : (row.body.slice(lineEnd, end) as JsonText),
        leaf: leafAt(row.leaves, place),
      })
    start = end
  }
  return records
}

export const leafAt = (leaves: Uint8Array, place: number): Hash =>
  Buffer.from(leaves.buffer, leaves.byteOffset + 32 * place, 32).toString('hex') as Hash
