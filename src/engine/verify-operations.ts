/**
 * The second look of an audit: every statement of stream heads against the streams, every operation of the log against what is kept beside it (the index of operations, the outbox), and every
 * admission derived again from the recorded request and the authority snapshot it names. One pass, memory bounded.
 */
import { setImmediate } from 'node:timers/promises'
import { AUTHORITY } from './engine-streams.ts'
import { HeadsAudit } from './heads/audit.ts'
import type { OperationPayload } from './operation-payload.ts'
import type { Finding } from '../event-log/verify.ts'
import type { Authority } from '../model/admission.ts'
import { sha256Hex, streamId, type Position } from '../model/ids.ts'
import { canonicalJson, type Json } from '../model/json.ts'
import { leafHash } from '../model/merkle.ts'
import { MultisetHash, operationEntry } from '../model/multiset-hash.ts'
import { sketchLine } from '../model/record-line.ts'
import type { OperationState } from '../model/operation.ts'
import { isSealedAway } from '../model/personal.ts'
import type { EventRecord, OperationRecord } from '../model/record.ts'
import type { OpenPolicy } from '../policy/open.ts'
import { policyFilesHash } from '../policy/policy-set.ts'
import { operationDigest } from '../storage/operation-digest.ts'
import type { StorageReader, StoreAudit, StoredRecord } from '../storage/storage.ts'
import type { FolderAuthoritySource } from '../warden/source.ts'
import type { VerifiedSnapshot } from '../warden/snapshot.ts'

/** What admissions are derived again with: the past snapshots, verified against the pinned key, and a policy to evaluate them. */
export interface Grounds {
  readonly authority: Pick<FolderAuthoritySource, 'past'>
  readonly policy: Pick<OpenPolicy, 'recall' | 'replay'>
}
export interface OperationsReport {
  readonly findings: readonly Finding[]
  readonly notChecked: readonly string[]
}

const PAGE_RECORDS = 100 // what is read of a page is gone before the next, and never grows old
const EFFECTS_PAGE = 1_000
const FINDINGS_MAX = 100
const SNAPSHOTS = streamId(AUTHORITY, 'snapshots')
/** Verdict that the record of a state rests on. Others end an operation without permission, and so need none. */
const VERDICT_OF: Partial<Record<OperationState, string>> = { committed: 'admitted', held: 'held', denied: 'denied' }

/** Reads up to `head`. A log that does not parse is for the first look to report: what cannot be read here is passed over. */
export async function verifyOperations(
  reader: StorageReader,
  head: Position,
  index: StoreAudit['operations'],
  grounds: Grounds | null,
  onProgress: (records: number) => void,
  signal: AbortSignal,
): Promise<OperationsReport> {
  const audit = new OperationsAudit(reader, head, index, grounds)
  for (let from = 0; from <= head;) {
    signal.throwIfAborted()
    const page = reader.records(from as Position, Math.min(PAGE_RECORDS, head + 1 - from))
    if (page.length === 0) break
    for (const record of page) await audit.add(record)
    from += page.length
    onProgress(from)
    await setImmediate()
  }
  return audit.finish()
}

class OperationsAudit {
  readonly #reader: StorageReader
  readonly #grounds: Grounds | null
  readonly #effects: Iterator<Effect, undefined>
  #effect: Effect | undefined
  readonly #findings: Finding[] = []
  /** Hash of each snapshot, as the log recorded it when it came into force. */
  readonly #snapshotHashes = new Map<number, string>()
  readonly #heads = new HeadsAudit()
  readonly #operations = new MultisetHash()
  readonly #head: Position
  readonly #index: StoreAudit['operations']
  #past: { readonly number: number; readonly verified: VerifiedSnapshot | undefined } | null = null
  #unknown = 0
  #unavailable = 0
  #sealed = 0

  constructor(reader: StorageReader, head: Position, index: StoreAudit['operations'], grounds: Grounds | null) {
    this.#index = index
    this.#reader = reader
    this.#grounds = grounds
    this.#head = head
    this.#effects = effectsOf(reader, head)
    this.#effect = this.#effects.next().value
  }

  /** What has lost the form of a record, a byte of a member's name for one, is a finding like any other. */
  async add(stored: StoredRecord): Promise<void> {
    try {
      await this.#add(stored)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      this.#find(stored.position, `the record has not the form of one: ${error.message}`)
    }
  }

  async #add({ position, line, payload }: StoredRecord): Promise<void> {
    const record = parsed<OperationRecord | EventRecord>(line)
    const body = payload === null ? null : parsed<OperationPayload>(payload)
    if (record === null || body === null) return
    if (record.kind === 'event') {
      if (record.stream === SNAPSHOTS) this.#noteSnapshot(body as unknown as { snapshot: number; hash: string })
      const event = sketchLine(line)?.event
      if (event == null) return
      const { stream, version, type } = event
      const wrong = this.#heads.event(position, stream, version, leafHash(line), type, body as unknown as Json)
      if (wrong !== null) this.#find(position, wrong)
      return
    }
    this.#operations.add(operationEntry(operationDigest(record.op), position))
    this.#checkIndex(position, record, body)
    this.#checkEffects(position, record)
    await this.#checkAdmission(position, record, body)
  }

  finish(): OperationsReport {
    if (this.#effect !== undefined) this.#find(this.#effect.position, 'the outbox holds an effect of no operation')
    const { count, sum } = this.#operations
    if (count !== this.#index.count || sum !== this.#index.sum)
      this.#find(this.#head, 'the index of operations is not that of the records')
    const notChecked: string[] = []
    if (this.#heads.statements === 0) notChecked.push('stated heads of streams: the log holds none')
    if (this.#grounds === null) notChecked.push('the admissions: the authority they rest on was not given')
    if (this.#unknown > 0)
      notChecked.push(`${this.#unknown} admissions under another release or evaluator: audit them with that one`)
    if (this.#sealed > 0) notChecked.push(`${this.#sealed} admissions whose request was erased, or is sealed`)
    if (this.#unavailable > 0)
      notChecked.push(`${this.#unavailable} admissions whose authority snapshot is not at hand`)
    return { findings: this.#findings, notChecked }
  }

  #find(position: number, what: string): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push({ position, what })
  }

  #noteSnapshot({ snapshot, hash }: { readonly snapshot: number; readonly hash: string }): void {
    this.#snapshotHashes.set(snapshot, hash)
  }

  /** A held operation has a later record, which ends it; every other is the last of its operation. */
  #checkIndex(position: Position, record: OperationRecord, body: OperationPayload): void {
    const indexed = this.#reader.operation(record.op)
    const found =
      indexed !== null && (indexed.position === position || (record.state === 'held' && indexed.position > position))
    if (!found) this.#find(position, `the index of operations does not name \`${record.op}\` here`)
    else if (indexed.position === position && indexed.intentHash !== body.intentHash)
      this.#find(position, `the index holds \`${record.op}\` with another payload`)
  }

  #checkEffects(position: Position, record: OperationRecord): void {
    const stored: Effect[] = []
    for (; this.#effect !== undefined && this.#effect.position <= position; this.#effect = this.#effects.next().value) {
      if (this.#effect.position === position) stored.push(this.#effect)
      else this.#find(this.#effect.position, 'the outbox holds an effect of no operation')
    }
    const same =
      stored.length === record.effects.length &&
      record.effects.every(
        ({ effect, hash }, i) =>
          stored[i]?.ordinal === i && stored[i].effect === effect && sha256Hex(stored[i].payload) === hash,
      )
    if (!same) this.#find(position, 'the outbox does not hold the effects of this operation')
  }

  async #checkAdmission(position: Position, record: OperationRecord, body: OperationPayload): Promise<void> {
    const { authority, request } = body
    if (isSealedAway(body)) {
      this.#sealed += 1
      if (record.gate !== '' && record.gate !== sha256Hex(canonicalJson(authority)))
        this.#find(position, 'the line commits to another admission than the payload holds')
      return
    }
    if (authority === null || request === null) {
      if (VERDICT_OF[record.state] !== undefined && record.chain.length > 0)
        this.#find(position, `\`${record.op}\` is ${record.state} without an admission`)
      return
    }
    if (record.gate !== '' && record.gate !== sha256Hex(canonicalJson(authority)))
      this.#find(position, 'the line commits to another admission than the payload holds')
    if (this.#grounds === null) return
    const past = await this.#snapshot(authority.snapshot)
    if (past === undefined) {
      this.#unavailable += 1
      return
    }
    const wrong = this.#differs(this.#grounds.policy, record, body, authority, past)
    if (wrong !== null) this.#find(position, `the admission of \`${record.op}\`: ${wrong}`)
  }

  /** What does not come out as recorded; null when all does, or when it cannot be evaluated here (which is counted). */
  #differs(
    policy: Grounds['policy'],
    record: OperationRecord,
    { request }: OperationPayload,
    authority: Authority,
    { snapshot, hash }: VerifiedSnapshot,
  ): string | null {
    const recordedHash = this.#snapshotHashes.get(snapshot.number)
    if (recordedHash !== undefined && recordedHash !== hash)
      return `snapshot ${snapshot.number} is not the one that was in force`
    if (policyFilesHash(snapshot.policies) !== authority.policySet)
      return `snapshot ${snapshot.number} holds another policy set`
    if (record.gate !== '') {
      if (canonicalJson(authority.chain) !== canonicalJson(record.chain)) return 'it was given to another chain'
      for (const { principal, epoch } of authority.chain) {
        const entry = snapshot.principals.find(({ id }) => id === principal)
        if (entry === undefined || entry.revoked || entry.epoch !== epoch)
          return `\`${principal}\` was not live under snapshot ${snapshot.number}`
      }
    }
    if (request === null) return null
    let replayed = policy.replay(request, authority)
    if (replayed.kind === 'unknown') {
      policy.recall(snapshot)
      replayed = policy.replay(request, authority)
    }
    if (replayed.kind === 'unknown') {
      this.#unknown += 1
      return null
    }
    if (replayed.kind === 'differs') return `evaluated again, the rules are ${JSON.stringify(replayed.rules)}`
    const expected = VERDICT_OF[record.state]
    return expected === undefined || replayed.verdict === expected
      ? null
      : `evaluated again it is ${replayed.verdict}, and yet it is ${record.state}`
  }

  /** Snapshots follow each other in the log, so one at hand is enough. */
  async #snapshot(number: number): Promise<VerifiedSnapshot | undefined> {
    if (this.#past?.number !== number)
      this.#past = { number, verified: await this.#grounds?.authority.past(number).catch(() => undefined) }
    return this.#past.verified
  }
}

type Effect = ReturnType<StorageReader['effects']>[number]

function* effectsOf(reader: StorageReader, head: Position): Generator<Effect, undefined> {
  let after = -1 as Position
  for (let limit = EFFECTS_PAGE; ;) {
    const page = reader.effects(after, limit)
    const last = page.at(-1)
    if (last === undefined) return undefined
    // A page may end between the effects of one operation: those go with the next page.
    const whole = page.length < limit
    if (!whole && page[0]?.position === last.position) {
      limit *= 2
      continue
    }
    for (const effect of page) {
      if (effect.position > head) return undefined
      if (whole || effect.position < last.position) yield effect
    }
    after = (whole ? last.position : last.position - 1) as Position
  }
}

function parsed<Value>(text: string): Value | null {
  try {
    return JSON.parse(text) as Value
  } catch {
    return null
  }
}
