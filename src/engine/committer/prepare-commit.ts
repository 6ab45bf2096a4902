/** From an accepted request to the rows of its commit: lines composed, payloads and lines hashed, positions given. Changes nothing itself. */
import { hash } from 'node:crypto'
import type { Hash, Position, StreamId } from '../../model/ids.ts'
import type { JsonText } from '../../model/json.ts'
import { hashLine } from '../../model/merkle.ts'
import { problem } from '../../model/problems.ts'
import { lineComposer, type PayloadFields } from '../../model/record-line.ts'
import { RECORD_LINE_BYTES_MAX, type PreparedCommit } from '../../storage/storage.ts'
import type { CommitRequest } from './commit-request.ts'
import type { Head } from './stream-heads.ts'

export interface PreparedWithHeads {
  readonly commit: PreparedCommit
  /** Each written stream after this commit. */
  readonly heads: ReadonlyMap<StreamId, Head>
}

/** @throws `limit-exceeded` for a line that is too long, `bug` for text that is not well-formed */
export function prepareCommit(
  request: CommitRequest,
  origin: string,
  first: Position,
  recordedAtMs: number,
  headOf: (stream: StreamId) => Head,
): PreparedWithHeads {
  wellFormed(request.operation)
  const compose = lineComposer({
    log: origin,
    op: request.operation,
    n: request.events.length + 1,
    t: recordedAtMs,
    actor: request.actor,
    chain: request.chain,
    for: request.onBehalfOf,
    tenant: request.tenant,
    run: request.run,
    corr: request.correlation,
    cause: request.causation,
    release: request.release,
    gate: request.gate,
  })
  const heads = new Map<StreamId, Head>()
  const records: { line: string; payload: JsonText | null; leaf: Hash }[] = []
  const record = (line: string, payload: JsonText): Hash => {
    if (line.length * 3 > RECORD_LINE_BYTES_MAX && Buffer.byteLength(line) > RECORD_LINE_BYTES_MAX)
      throw problem('limit-exceeded', 'the names in this record are too long', {
        limit: 'recordLineBytes',
        max: RECORD_LINE_BYTES_MAX,
      })
    const { leaf, flat } = hashLine(line)
    records.push({ line: flat, payload, leaf })
    return leaf
  }
  const events = request.events.map(({ stream, version, type, data }, i) => {
    wellFormed(stream)
    const { leaf: prev } = heads.get(stream) ?? headOf(stream)
    const leaf = record(compose.event(i, stream, version, prev, type, payloadFields(data)), data)
    heads.set(stream, { version, leaf })
    return { stream, version, type, position: (first + i) as Position }
  })
  const last = (first + request.events.length) as Position
  const effects = request.effects.map(({ effect, payload }, ordinal) => {
    wellFormed(effect)
    return { position: last, ordinal, effect, payload, hash: payloadFields(payload).hash }
  })
  record(compose.operation(request.action, request.state, effects, payloadFields(request.payload)), request.payload)
  const rows = request.rows.map((row) => {
    wellFormed(row.id)
    wellFormed(row.key)
    return { ...row, position: last }
  })
  const { operation, intentHash, keys = [] } = request
  return { commit: { operation, intentHash, recordedAtMs, first, records, events, rows, effects, keys }, heads }
}

function payloadFields(text: JsonText): PayloadFields {
  wellFormed(text)
  return { hash: hash('sha256', text, 'hex') as Hash, bytes: Buffer.byteLength(text) }
}

/** Text with half a surrogate pair has no UTF-8 form: what is stored would not be what was hashed. */
function wellFormed(text: string): void {
  if (!text.isWellFormed()) throw problem('bug', 'text with half a surrogate pair cannot be recorded')
}
