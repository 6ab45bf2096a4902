/** The engine as doors see it. Doors translate between wire form and these calls, nothing else. */
import type { OpenBreaker } from './breakers/breakers.ts'
import type { TimestampState } from './acknowledgement/timestamping.ts'
import type { EffectState } from './ready-effects.ts'
import type { Level } from '../model/acknowledgement.ts'
import type { Bound } from './approval-binding.ts'
import type { HandedDecision } from './decide-approval.ts'
import type { ImportedRecords } from './import-records.ts'
import type { ShownChange } from './shown-change.ts'
import type { ObservedVerdict } from '../model/admission.ts'
import type { CardView } from '../model/approval-card.ts'
import type { GrantState } from '../model/approval-grant.ts'
import type { Answer } from '../model/answer.ts'
import type { ApprovalId, Hash, OperationId, Position, PrincipalId, RunId } from '../model/ids.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { StopMark } from '../model/log-stop.ts'
import type { Manifest, Release, Risk } from '../model/manifest.ts'
import type { Intent, Outcome, OperationState, Timings } from '../model/operation.ts'
import type { Credentials, Principal } from '../model/principal.ts'
import type { Consistency } from '../model/receipt.ts'
import type { StopReport } from './stop-reports.ts'
import type { ProblemCode } from '../model/problems.ts'
import type { AuthorityFinding, CeilingEntry, SwitchEntry } from '../warden/authority.ts'
import type { SigningState } from './committer/signing-state.ts'
import type { SandboxStatus } from '../sandbox/sandbox.ts'
import type { StoredRecord } from '../storage/storage.ts'
import type { AnchorState } from '../transparency-log/anchor/anchoring.ts'
import type { WitnessState } from '../transparency-log/witness/witness-client.ts'

/** `at`: a position, or a time in ms since the epoch; the record at or before it. */
export type At = { readonly position: number } | { readonly timeMs: number } | null

export interface Page<T> {
  readonly items: readonly T[]
  /** Cursor of the next page; it pins the position. Null at the end. */
  readonly next: string | null
  readonly asOf: Position
}
export const PAGE_LIMIT_MAX = 200
export const PAGE_LIMIT_DEFAULT = 50
export interface PageRequest {
  readonly after: string | null
  readonly limit: number
}

export interface Timed<T> {
  readonly answer: T
  readonly timings: Timings
}

export type QueryOutcome =
  | {
      readonly kind: 'answered'
      readonly result: Json
      readonly asOf: Position
      /** Signed checkpoint of the log that was read: over the position it was read at, and maybe more. */
      readonly checkpoint: string
      readonly operation: OperationId
    }
  | {
      readonly kind: 'refused'
      readonly code: string
      readonly title: string
      readonly detail: JsonObject
      readonly operation: OperationId
    }
  | { readonly kind: 'denied'; readonly rules: readonly string[]; readonly operation: OperationId }

export interface EraseRequest {
  /** `<entity>/<id>`. */
  readonly subject: string
  /** Null: the caller's own. */
  readonly tenant: string | null
  /** Goes on record, for good: no personal data in it. */
  readonly reason: string
  /** Legal basis, e.g. `GDPR Art. 17(1)(b)`. */
  readonly basis: string | null
  readonly idempotencyKey: string
  /** Level that the answer is to stand for. The keys are gone before it is waited for. */
  readonly acknowledge?: Level | null
}
export interface EntityState {
  readonly entity: string
  readonly id: string
  readonly version: number
  readonly state: Json
  readonly leaf: string
  readonly asOf: Position
  /** Records that have erased personal data of it: what stands in their place is declared. Left out when there are none. */
  readonly erasedBy?: readonly number[]
}

/** One line of `plinth ops`. */
export interface OperationSummary {
  readonly operation: string
  readonly action: string
  readonly state: OperationState | 'read'
  readonly actor: string
  readonly onBehalfOf: string | null
  readonly run: string | null
  readonly recordedAtMs: number
  readonly position: Position | null
  readonly rules: readonly string[]
  /** Level that a committed one stands at; null for others. */
  readonly level: Level | null
  /** Of its effects that is furthest from leaving; null when it has none. */
  readonly effects: EffectState | null
  /** What rules that only observe would have made of it; left out when that is the same. */
  readonly observed?: ObservedVerdict
}

/** What the card shows (src/model/approval-card.ts), with how the request stands. */
export interface ApprovalView extends CardView {
  readonly approval: ApprovalId
  readonly operation: OperationId
  readonly state: 'pending' | 'approved' | 'refused' | 'expired'
  readonly binds: Hash
  /** The parts that `binds` is over, by name: what is compared again before it is done. */
  readonly bound?: Bound
  readonly change?: ShownChange
  readonly decidedBy: string | null
}

/** The one answer to "what is the system's current state". */
export interface Self {
  readonly application: string
  readonly release: string
  readonly position: Position
  readonly treeSize: number
  readonly rootHash: Hash
  readonly origin: string
  readonly checkpoint: string
  readonly authority: {
    readonly snapshot: number
    readonly policySet: Hash
    readonly principals: number
    /** Until when changes may be made on the warden's last sign of life; null when none is asked for. */
    readonly leaseUntilMs: number | null
    /** What is wrong in the authority folder. The snapshot in force stays what it is. */
    readonly findings: readonly AuthorityFinding[]
  }
  /** Switches that are on. */
  readonly switches: readonly SwitchEntry[]
  /** Budget ceilings that are in force. Nothing spends yet: what will spend holds against them in the commit, as limits do. */
  readonly ceilings: readonly CeilingEntry[]
  /** How many declarations no release may change unsigned. */
  readonly protected: number
  /** Breakers that have tripped and not closed again, at most 100. */
  readonly breakers: readonly OpenBreaker[]
  /** Declared states in which the system does less than it is asked to; empty on a good day. */
  readonly degraded: readonly { readonly state: 'read-only'; readonly code: ProblemCode; readonly sinceMs: number }[]
  readonly sandbox: SandboxStatus
  readonly signer: SigningState
  /** `paused`: held back by a switch until it is off; `held`: waiting for somebody's approval. */
  readonly queues: {
    readonly running: number
    readonly paused: number
    readonly held: number
    readonly outbox: number
    /** Refusals, denials, failures and reads since the start that are not on record: more came at once than are kept waiting, or the disk refused. */
    readonly lost: number
  }
  readonly acknowledgement: AcknowledgementStatus
  /** What anchors the log outside, each with its lag and its failures. */
  readonly anchors: readonly AnchorState[]
  readonly startedAtMs: number
}

/** One anchored checkpoint. */
export interface AnchorView {
  /** Records that it is over. */
  readonly size: number
  /** When, by the anchor's clock, in whole seconds. */
  readonly timeMs: number
  readonly anchor: string
  /** Form of the proof: `tsr` is an RFC 3161 reply. */
  readonly kind: string
  readonly cause: 'cadence' | 'asked'
  /** Signed note: exactly what is anchored. */
  readonly checkpoint: string
  /** Base64. */
  readonly proof: string
}

/** One effect in the outbox. */
export interface EffectView {
  /** Null when the log does not hold its record, which an audit says more of. */
  readonly operation: OperationId | null
  readonly position: Position
  readonly ordinal: number
  readonly effect: string
  readonly risk: Risk
  readonly state: EffectState
  /** What would make it ready; null when it is. */
  readonly next: string | null
}

/** What stands behind answers now. */
export interface AcknowledgementStatus {
  /** The highest level that this system can reach. */
  readonly highest: Level
  /** The pinned policy; null when there is none. `safety`: how many witnesses may be down, and how many malicious. */
  readonly policy: {
    readonly path: string
    readonly digest: Hash
    readonly liveWithDown: number
    readonly safeWithMalicious: number
    /** The file has changed since, and cannot be taken up: why. */
    readonly fault: string | null
  } | null
  /** Records before this position are witnessed. */
  readonly witnessedSize: number
  /** Records that are not. */
  readonly lag: number
  /** What stands in the way of those; null when nothing is known to. */
  readonly obstacle: string | null
  readonly witnesses: readonly WitnessState[]
  /** Callers that wait for witnesses. */
  readonly waiting: number
  readonly timestamps: TimestampState | null
  /** Effects in the outbox that may not leave before they are witnessed; `complete` false when more than were looked at. */
  readonly effectsAwaitingWitness: { readonly count: number; readonly complete: boolean; readonly next: string | null }
  /** Null unless the log is stopped: then nothing is written until an operator has looked. */
  readonly stopped: StopMark | null
}

export type { StopReport }

/** Why a standing grant lets nothing through any more, or `open`. */
export const GRANT_STANDINGS = ['open', 'used-up', 'expired', 'withdrawn', 'tool-changed', 'approver-gone'] as const
export type GrantStanding = (typeof GRANT_STANDINGS)[number]
export interface GrantView extends Omit<GrantState, 'chain'> {
  readonly standing: GrantStanding
}

export interface Engine {
  readonly manifest: Manifest
  readonly release: Release
  // Every call takes credentials, and throws what they are refused with: `credentials-missing`, `credentials-invalid`, `credentials-expired`,
  // `principal-revoked`, `delegation-refused`. `signal` ends the waiting, never what has been committed.
  authenticate(credentials: Credentials, signal: AbortSignal): Promise<Principal>
  /** Asks for a change. Refused, denied and held are answers; a fault says whether the same key is safe to try again. */
  submit(credentials: Credentials, intent: Intent, signal: AbortSignal): Promise<Timed<Outcome>>
  /** Reads as of now, or of `at`. @throws `no-such-query`, `invalid-input`, `invalid-position`, and as any fault of the sandbox */
  query(
    credentials: Credentials,
    request: { readonly query: string; readonly input: Json; readonly run: RunId | null; readonly at: At },
    signal: AbortSignal,
  ): Promise<Timed<QueryOutcome>>
  /** Actions in this principal's surface: what a door lists. */
  surface(
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<{
    readonly commands: readonly string[]
    readonly queries: readonly string[]
    /** Engine actions in scope, e.g. `plinth.read-records`. */
    readonly engine?: readonly string[]
  }>
  /** Facts about a run, by a front door in scope for `plinth.attest`; merged over earlier ones. Idempotent by key. */
  attest(
    credentials: Credentials,
    run: RunId,
    facts: JsonObject,
    idempotencyKey: string,
    signal: AbortSignal,
    acknowledge?: Level | null,
    /** Whose run it is; without, it belongs to who calls under it first. */
    agent?: PrincipalId | null,
  ): Promise<Timed<Outcome>>
  /** Outcome of an operation, or waits up to `waitMs` while it is held or running. @throws `no-such-operation`, `operation-running` */
  outcome(
    credentials: Credentials,
    operation: OperationId,
    waitMs: number,
    signal: AbortSignal,
    acknowledge?: Level | null,
  ): Promise<Outcome>

  // Reading records: for principals in scope for `plinth.read-records`; others get `forbidden`. Lists throw `invalid-cursor`.
  /** @throws `no-such-entity`, `not-found`, `invalid-position` */
  state(credentials: Credentials, entity: string, id: string, at: At, signal: AbortSignal): Promise<EntityState>
  states(
    credentials: Credentials,
    entity: string,
    page: PageRequest,
    at: At,
    signal: AbortSignal,
  ): Promise<Page<EntityState>>
  rows(
    credentials: Credentials,
    model: string,
    where: JsonObject,
    order: readonly string[],
    page: PageRequest,
    at: At,
    signal: AbortSignal,
  ): Promise<Page<JsonObject>>
  operations(
    credentials: Credentials,
    filter: {
      readonly state?: string
      readonly actor?: string
      readonly run?: string
      readonly action?: string
      readonly observed?: 'differs'
    },
    page: PageRequest,
    signal: AbortSignal,
  ): Promise<Page<OperationSummary>>
  /** What an operation read and wrote, why it was allowed or not, and what would take it back. @throws `no-such-operation` */
  why(credentials: Credentials, operation: OperationId, signal: AbortSignal): Promise<Answer>
  records(credentials: Credentials, from: number, limit: number, signal: AbortSignal): Promise<Page<StoredRecord>>
  /** Effects in the outbox, oldest first. */
  effects(
    credentials: Credentials,
    filter: { readonly state?: string },
    page: PageRequest,
    signal: AbortSignal,
  ): Promise<Page<EffectView>>
  approvals(
    credentials: Credentials,
    filter: { readonly state?: ApprovalView['state'] },
    page: PageRequest,
    signal: AbortSignal,
  ): Promise<Page<ApprovalView>>
  approval(credentials: Credentials, approval: ApprovalId, signal: AbortSignal): Promise<ApprovalView>
  /**
   * The door only carries it.
   * @param decision canonical ApprovalDecision JSON; `signature` base64 Ed25519 over it, by the approver's key
   * @param card what the approver was shown; its hash is in the decision. Recorded with it
   * @returns outcome of the held operation: held still (another role is needed), or final
   * @throws `approval-invalid`, `approval-settled`, `no-such-approval`, `forbidden`
   */
  decideApproval(
    credentials: Credentials,
    decision: string,
    signature: string,
    signal: AbortSignal,
    card?: string | null,
    acknowledge?: Level | null,
  ): Promise<Outcome>
  /** A standing grant: `grant` is canonical ApprovalGrant JSON, `signature` base64 Ed25519 by the approver's key. */
  giveGrant(
    credentials: Credentials,
    grant: string,
    signature: string,
    signal: AbortSignal,
    acknowledge?: Level | null,
  ): Promise<Outcome>
  /** Standing grants, by principal and command. @throws `forbidden`, `invalid-cursor` */
  grants(
    credentials: Credentials,
    filter: { readonly standing?: GrantStanding; readonly to?: string },
    page: PageRequest,
    signal: AbortSignal,
  ): Promise<Page<GrantView>>
  /** Takes one back. @throws `no-such-grant`, `forbidden`, `approval-settled` */
  withdrawGrant(
    credentials: Credentials,
    asked: { readonly grant: string; readonly reason: string },
    signal: AbortSignal,
    acknowledge?: Level | null,
  ): Promise<Outcome>
  /** Several decisions of one approver, all recorded or none; each operation then goes on by itself. Outcomes in order. @throws as `decideApproval` */
  decideApprovals(
    credentials: Credentials,
    decisions: readonly HandedDecision[],
    signal: AbortSignal,
    acknowledge?: Level | null,
  ): Promise<readonly Outcome[]>
  /** What became of each operation that a switch, or a revocation, stopped. @throws `no-such-switch`, `forbidden` */
  stopReport(credentials: Credentials, id: string, signal: AbortSignal): Promise<StopReport>
  self(credentials: Credentials, signal: AbortSignal): Promise<Self>
  checkpoint(): Promise<string>
  /** The newest checkpoint that a quorum of the witnesses has cosigned, with the cosignatures. @throws `level-unavailable` when there is none */
  witnessedCheckpoint(): string
  /** What stands behind answers now; part of `self`. */
  acknowledgement(): AcknowledgementStatus
  /** Proof that the log of `to` records begins with its first `from`: for whoever keeps checkpoints. @throws `invalid-position` */
  consistency(from: number, to: number): Promise<Consistency>

  /** Anchored checkpoints, newest first. */
  anchors(credentials: Credentials, page: PageRequest, signal: AbortSignal): Promise<Page<AnchorView>>
  /** Anchors the newest checkpoint now, with every anchor. @throws `anchor-unavailable` */
  anchorNow(credentials: Credentials, signal: AbortSignal): Promise<readonly AnchorView[]>

  /**
   * Destroys the keys of a data subject's personal data, by an operation with a record of its own. When it resolves with `committed`, nothing that the
   * system keeps opens any more.
   */
  erase(credentials: Credentials, request: EraseRequest, signal: AbortSignal): Promise<Timed<Outcome>>
  /** Imports outside records as opening events, in bounded commits; reports progress. By a principal in scope for `plinth.import`. */
  importRecords(
    credentials: Credentials,
    importer: string,
    records: AsyncIterable<Json>,
    onProgress: (done: number) => void,
    signal: AbortSignal,
    acknowledge?: Level | null,
  ): Promise<ImportedRecords>
  /** Re-hashes the whole log, checks stream links, tree and checkpoint, rebuilds every read model beside the live one and compares bytes. */
  verify(onProgress: (done: number, total: number) => void, signal: AbortSignal): Promise<VerifyReport>
  /** Ends the waiting of what a pause holds back, for good: before the doors close, which wait for their requests. */
  letGo(): void
  close(): Promise<void>
}

export interface VerifyReport {
  readonly verdict: 'valid' | 'valid-with-erasures' | 'invalid'
  /** Records of which personal data were erased, as records of the log say. */
  readonly erased: number
  readonly records: number
  readonly treeSize: number
  readonly rootHash: string
  /** First things that do not hold, at most 20, each with its position. */
  readonly findings: readonly { readonly position: number | null; readonly what: string }[]
  readonly readModels: Readonly<Record<string, { readonly rows: number; readonly equal: boolean }>>
  readonly notChecked: readonly string[]
}
