/**
 * What the log itself says, up to the operation that is looked at: which snapshots and releases were in force, what was attested for a run, what
 * waits for approval and who approved it. All that an admission rests on beside its own record.
 */
import { OpenedRuns } from './opened-runs.ts'
import type { AuditedEvent, Transaction } from './transactions.ts'
import { APPROVAL, AUTHORITY, foldEngineStream, GRANT, RELEASE, RUN } from '../engine-streams.ts'
import { LruMap } from '../lru-map.ts'
import type { ApprovalState } from '../approval-request.ts'
import type { GrantState } from '../../model/approval-grant.ts'
import { sha256Hex, streamParts, type Hash, type PrincipalId, type ReleaseId, type StreamId } from '../../model/ids.ts'
import { canonicalJson, type JsonObject, type JsonText } from '../../model/json.ts'
import type { ChainLink } from '../../model/principal.ts'
import type { OperationRecord } from '../../model/record.ts'

/** Runs whose attested facts are kept at hand; what rests on an older one is said to be unchecked. */
const RUNS_KEPT = 50_000
/** Versions kept of one run's facts: an operation that is held may rest on one that is not the last. */
const VERSIONS_KEPT = 8

interface Waiting {
  readonly operation: string
  /** Of input, facts and impact, as they were when it was held. */
  readonly subject: Hash | null
}

export class Standing {
  /** By number: the hash on record, and where it was recorded. */
  readonly #adopted = new Map<number, { readonly hash: string; readonly position: number }>()
  #inForce = 0
  readonly #releases = new Set<string>()
  #active: ReleaseId | null = null
  readonly #runs = new LruMap<StreamId, { readonly version: number; readonly state: JsonText }[]>(RUNS_KEPT)
  /** To whom each run was open. */
  readonly runs = new OpenedRuns()
  readonly #approvals = new Map<string, ApprovalState>()
  readonly #grants = new Map<string, GrantState>()
  /** Who approved a request that is open, with the owner chains of then. */
  readonly #approvers = new Map<string, { readonly by: PrincipalId; readonly chain: readonly ChainLink[] }[]>()
  readonly #waiting = new Map<string, Waiting & { readonly approval: string }>()

  adopted(number: number): { readonly hash: string; readonly position: number } | undefined {
    return this.#adopted.get(number)
  }
  /** Number of the snapshot recorded last; 0 before the first. */
  get inForce(): number {
    return this.#inForce
  }
  /** Where the first snapshot behind this one was put on record; null while there is none. */
  firstAdoptedAfter(number: number): number | null {
    const later = this.firstNumberAfter(number)
    return later === null ? null : (this.#adopted.get(later)?.position ?? null)
  }
  firstNumberAfter(number: number): number | null {
    for (let later = number + 1; later <= this.#inForce; later++) if (this.#adopted.has(later)) return later
    return null
  }
  /** The release that became active last; null before the first. */
  get active(): ReleaseId | null {
    return this.#active
  }
  hasActivated(release: string | null): boolean {
    return release !== null && this.#releases.has(release)
  }
  get releases(): readonly ReleaseId[] {
    return [...this.#releases] as ReleaseId[]
  }
  /** What was attested in this version of a run's facts; undefined when that is not at hand any more. */
  attested(stream: StreamId, version: number): JsonObject | undefined {
    if (version === 0) return {}
    const found = this.#runs.get(stream)?.find((one) => one.version === version)
    return found === undefined ? undefined : (JSON.parse(found.state) as JsonObject)
  }
  /** A standing grant, as its last use left it. */
  grant(id: string): GrantState | undefined {
    return this.#grants.get(id)
  }
  approval(id: string): ApprovalState | undefined {
    return this.#approvals.get(id)
  }
  /** Those who gave an approval or a grant, as they were then. */
  approvers(id: string): readonly { readonly by: PrincipalId; readonly chain: readonly ChainLink[] }[] {
    const grant = this.#grants.get(id)
    return grant === undefined
      ? (this.#approvers.get(id) ?? [])
      : [{ by: grant.by, chain: grant.chain as unknown as readonly ChainLink[] }]
  }
  /** The approval request that an operation waits behind. */
  waiting(operation: string): { readonly approval: ApprovalState | undefined; readonly subject: Hash | null } | null {
    const held = this.#waiting.get(operation)
    return held === undefined ? null : { approval: this.#approvals.get(held.approval), subject: held.subject }
  }

  /** Takes in what a transaction leaves behind. */
  after({ position, record, payload, events }: Transaction): void {
    for (const event of events) this.#event(position, event)
    if (record === null) return
    for (const { record: event } of events) this.#approvedBy(event, record)
    const approval = payload?.hold?.approval
    if (record.state === 'held' && approval !== undefined)
      this.#waiting.set(record.op, { operation: record.op, approval, subject: subjectOf(payload) })
    else this.#waiting.delete(record.op)
  }

  #event(position: number, event: AuditedEvent): void {
    const { record, data } = event
    this.runs.take(event)
    if (data === null) return
    const { entity, id } = streamParts(record.stream)
    if (entity === AUTHORITY && id === 'snapshots') {
      const { snapshot, hash } = data
      if (typeof snapshot !== 'number' || typeof hash !== 'string') return
      this.#adopted.set(snapshot, { hash, position })
      this.#inForce = Math.max(this.#inForce, snapshot)
    } else if (entity === RELEASE) {
      if (typeof data['release'] !== 'string' || data['release'] === '') return
      this.#releases.add(data['release'])
      this.#active = data['release'] as ReleaseId
    } else if (entity === RUN) this.#attest(record.stream, record.n, data)
    else if (entity === APPROVAL) this.#approve(id, record.type, data)
    else if (entity === GRANT)
      for (const [grant, state] of Object.entries(data)) this.#grants.set(grant, state as unknown as GrantState)
  }

  #attest(stream: StreamId, version: number, data: JsonObject): void {
    const versions = this.#runs.get(stream) ?? []
    const last = versions.at(-1)
    const state = foldEngineStream(last?.state ?? null, [{ data: canonicalJson(data) }])
    // Of a run that was forgotten meanwhile the earlier facts are not known: it stays unknown.
    if (version !== (last?.version ?? 0) + 1) return this.#runs.delete(stream)
    this.#runs.set(stream, [...versions.slice(1 - VERSIONS_KEPT), { version, state }])
  }

  #approvedBy({ stream, type }: AuditedEvent['record'], { actor, chain }: OperationRecord): void {
    const { entity, id } = streamParts(stream)
    if (entity !== APPROVAL) return
    if (type === 'closed') this.#approvers.delete(id)
    else if (type === 'approved') this.#approvers.set(id, [...(this.#approvers.get(id) ?? []), { by: actor, chain }])
  }

  #approve(id: string, type: string, data: JsonObject): void {
    const before = this.#approvals.get(id) ?? {}
    if (type === 'closed') this.#approvals.delete(id)
    else this.#approvals.set(id, { ...before, ...data } as unknown as ApprovalState)
  }
}

/** What an approval stands for and a resumed operation must still be. */
export const subjectOf = (payload: Transaction['payload']): Hash | null =>
  payload === null ? null : sha256Hex(canonicalJson([payload.input, payload.facts, payload.impact]))
