/**
 * What did not change anything: refusals, denials, failures, reads. Recorded apart from the log, bounded, and written lazily; the newest are kept
 * here as well, so that a retry finds its outcome before it has reached the disk.
 */
import { LruMap } from './lru-map.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Clock } from '../host/clock.ts'
import type { OperationId } from '../model/ids.ts'
import type { Principal } from '../model/principal.ts'
import { SIDE_BODY_BYTES_MAX, type SideReader, type SideRecord } from '../storage/storage.ts'
import type { Committer } from './committer/commit-request.ts'

/** Covers what the committer has not written yet many times over. */
const NEWEST_KEPT = 4_096

export class Aside {
  readonly #newest = new LruMap<OperationId, SideRecord>(NEWEST_KEPT)
  readonly #reader: SideReader
  readonly #committer: Pick<Committer, 'writeSide'>
  readonly #clock: Clock

  constructor(reader: SideReader, committer: Pick<Committer, 'writeSide'>, clock: Clock) {
    this.#reader = reader
    this.#committer = committer
    this.#clock = clock
  }

  record(kind: SideRecord['kind'], principal: Principal, operation: OperationId, payload: OperationPayload): void {
    const record: SideRecord = {
      operation,
      kind,
      principal: principal.id,
      action: payload.command,
      recordedAtMs: this.#clock.nowMs(),
      body: boundedBody(payload),
    }
    if (kind !== 'read') this.#newest.set(operation, record)
    this.#committer.writeSide([record], [])
  }

  /** The latest side record of an operation, while it is kept; `ref` names it in an answer. */
  find(operation: OperationId): { readonly record: SideRecord; readonly ref: string } | null {
    const stored = this.#reader.sideRecords({ operation }, null, 1)[0]
    if (stored !== undefined) return { record: stored, ref: `side:${stored.id}` }
    const newest = this.#newest.get(operation)
    return newest === undefined ? null : { record: newest, ref: 'side:new' }
  }
}

/** The verdict and its grounds matter more than a long input: that goes first, and the record says so. */
function boundedBody(payload: OperationPayload): string {
  const whole = JSON.stringify(payload)
  if (whole.length <= SIDE_BODY_BYTES_MAX) return whole
  const input = { omittedCharacters: JSON.stringify(payload.input).length }
  const shorter = JSON.stringify({ ...payload, input, request: null, reads: null, facts: null })
  if (shorter.length <= SIDE_BODY_BYTES_MAX) return shorter
  const { command, intentHash, principal, authority, usage, attempts, outcome } = payload
  const verdict = outcome.kind === 'refused' ? { ...outcome, detail: {} } : outcome
  return JSON.stringify({
    command,
    input,
    intentHash,
    principal,
    reads: null,
    facts: null,
    attested: {},
    impact: null,
    authority: authority === null ? null : { ...authority, rules: authority.rules.slice(0, 20) },
    request: null,
    usage,
    attempts,
    hold: null,
    outcome: verdict.kind === 'committed' ? { kind: 'committed', result: null } : verdict,
  } satisfies OperationPayload)
}
