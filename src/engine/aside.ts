/**
 * What did not change anything: refusals, denials, failures, reads. Recorded apart from the log, bounded, and written lazily; the newest are kept
 * here as well, so that a retry finds its outcome before it has reached the disk.
 */
import { LruMap } from './lru-map.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Clock } from '../host/clock.ts'
import type { OperationId, ReleaseId, RunId } from '../model/ids.ts'
import type { Principal } from '../model/principal.ts'
import { SIDE_BODY_BYTES_MAX, SIDE_RECORDS_MAX, type SideReader, type SideRecord } from '../storage/storage.ts'
import type { Committer } from './committer/commit-request.ts'

/** Covers what the committer has not written yet many times over. */
const NEWEST_KEPT = 4_096
/** Of the rules behind a verdict, and of roles, in a record that would otherwise be too long. A name has at most 128 characters. */
const RULES_KEPT = 20
const OWNERS_KEPT = 8
/** Kinds whose outcome a retry gets again. */
const VERDICTS = ['refused', 'denied'] as const
const PAGE = 1_000

export class Aside {
  readonly #newest = new LruMap<OperationId, SideRecord>(NEWEST_KEPT)
  /** Every operation with a verdict on record, so that a new key, the usual case, costs no look at the disk. Holds more than the tables keep. */
  readonly #withVerdict = new LruMap<OperationId, true>(VERDICTS.length * SIDE_RECORDS_MAX + NEWEST_KEPT)
  readonly #reader: SideReader
  readonly #committer: Pick<Committer, 'writeSide'>
  readonly #clock: Clock

  constructor(reader: SideReader, committer: Pick<Committer, 'writeSide'>, clock: Clock) {
    this.#reader = reader
    this.#committer = committer
    this.#clock = clock
    for (const kind of VERDICTS) this.#recallVerdicts(kind)
  }

  /** @param where the release that it was asked of, and the run that it belongs to */
  record(
    kind: SideRecord['kind'],
    principal: Principal,
    operation: OperationId,
    payload: OperationPayload,
    where: { readonly release: ReleaseId; readonly run: RunId | null },
  ): void {
    const { onBehalfOf, chain } = principal
    const who = { for: onBehalfOf, run: where.run, chain, release: where.release }
    const record: SideRecord = {
      operation,
      kind,
      principal: principal.id,
      action: payload.command,
      recordedAtMs: this.#clock.nowMs(),
      body: boundedBody({ ...payload, who }),
    }
    if (kind !== 'read') this.#newest.set(operation, record)
    if (kind === 'refused' || kind === 'denied') this.#withVerdict.set(operation, true)
    this.#committer.writeSide([record], [])
  }

  /** Drops what is in memory: the tables have it, sealed. */
  forget(): void {
    this.#newest.clear()
  }

  /** The refusal or denial of an operation, while it is kept. */
  verdict(operation: OperationId): SideRecord | null {
    if (!this.#withVerdict.has(operation)) return null
    const record = this.find(operation)?.record
    return record?.kind === 'refused' || record?.kind === 'denied' ? record : null
  }

  /** The latest side record of an operation, while it is kept; `ref` names it in an answer. */
  find(operation: OperationId): { readonly record: SideRecord; readonly ref: string } | null {
    const stored = this.#reader.sideRecords({ operation }, null, 1)[0]
    const newest = this.#newest.get(operation)
    if (newest !== undefined && newest.body !== stored?.body) return { record: newest, ref: 'side:new' } // not on disk yet
    return stored === undefined ? null : { record: stored, ref: `side:${stored.id}` }
  }

  #recallVerdicts(kind: SideRecord['kind']): void {
    let before: number | null = null
    for (;;) {
      const page: ReturnType<SideReader['sideRecords']> = this.#reader.sideRecords({ kind }, before, PAGE)
      for (const { operation } of page) if (operation !== null) this.#withVerdict.set(operation, true)
      if (page.length < PAGE) return
      before = page.at(-1)?.id ?? null
    }
  }
}

const fits = (body: string): boolean => Buffer.byteLength(body) <= SIDE_BODY_BYTES_MAX

/** The verdict and its grounds matter more than a long input: that goes first, and the record says so. */
export function boundedBody(payload: OperationPayload): string {
  const whole = JSON.stringify(payload)
  if (fits(whole)) return whole
  const input = { omittedCharacters: JSON.stringify(payload.input).length }
  const shorter = JSON.stringify({ ...payload, input, request: null, reads: null, facts: null })
  if (fits(shorter)) return shorter
  const { command, intentHash, principal, authority, usage, attempts, outcome, who } = payload
  const verdict =
    outcome.kind === 'refused'
      ? { ...outcome, detail: {} }
      : outcome.kind === 'denied'
        ? { ...outcome, rules: outcome.rules.slice(0, RULES_KEPT) }
        : outcome
  return JSON.stringify({
    command,
    input,
    intentHash,
    principal: { ...principal, roles: principal.roles.slice(0, RULES_KEPT) },
    reads: null,
    facts: null,
    attested: {},
    impact: null,
    authority: authority === null ? null : { ...authority, rules: authority.rules.slice(0, RULES_KEPT), approvals: [] },
    request: null,
    usage,
    attempts,
    hold: null,
    outcome: verdict.kind === 'committed' ? { kind: 'committed', result: null } : verdict,
    ...(who === undefined ? {} : { who: { ...who, chain: who.chain.slice(0, OWNERS_KEPT) } }),
  } satisfies OperationPayload)
}
