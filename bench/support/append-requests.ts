/** Requests for the committer: events of about 460 bytes, onto a stream, by one principal. */
import { hash } from 'node:crypto'
import type { CommitRequest } from '../../src/engine/committer/commit-request.ts'
import type { Hash, OperationId, Position, PrincipalId, StreamId } from '../../src/model/ids.ts'
import { eventData } from './event-data.ts'

export const BENCH_ORIGIN = 'bench.example/log'
export const AGENT = 'bench-agent' as PrincipalId
const CHAIN = [{ principal: AGENT, epoch: 1 }]
/** What every operation record carries here; a governed call's is larger, with its reads and its authority. */
const PAYLOAD = JSON.stringify({ input: { account: 'account', amount: 1 }, outcome: { kind: 'committed' } })

let operations = 0

/** @param version of the stream before these events */
export function appendRequest(stream: StreamId, version: number, events = 1): CommitRequest {
  const number = operations++
  const operation = `op_${number.toString(36).padStart(26, '0')}`
  return {
    operation: operation as OperationId,
    intentHash: hash('sha256', operation, 'hex') as Hash,
    action: 'add',
    chain: CHAIN,
    actor: AGENT,
    onBehalfOf: null,
    tenant: 'default',
    run: null,
    correlation: null,
    causation: null,
    release: null,
    gate: '',
    state: 'committed',
    streams: [{ stream, version }],
    finds: [],
    readPosition: -1 as Position,
    events: Array.from({ length: events }, (_, place) => ({
      ...{ stream, version: version + place + 1, type: 'added' },
      data: JSON.stringify(eventData(number + place)),
    })),
    rows: [],
    effects: [],
    payload: PAYLOAD,
  }
}
export const appendStream = (number: number): StreamId => `account/${String(number).padStart(6, '0')}` as StreamId
