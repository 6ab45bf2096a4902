/**
 * The warden: owns principals, policies, operators, switches and ceilings, and the root key that signs them as authority snapshots. Changes come only
 * as requests that operators have signed. No door, no network and no timers here: those are its process's (warden-door.ts, warden-process.ts).
 *
 * W1 Nothing is published that not enough operators have signed, each with a key and roles that the snapshot in force names.
 * W2 A request fits one snapshot and is carried out at most once: replayed, outrun by another, or too late, it is refused.
 * W3 What is published was durable in the journal before any reader could see it; after a crash it is published again from there.
 * W4 Only this file and the journal touch the root key.
 */
import { createPrivateKey } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../host/clock.ts'
import type { JsonObject } from '../model/json.ts'
import { Problem, problem } from '../model/problems.ts'
import {
  formatVerifierKey,
  NoteError,
  noteSigner,
  parseVerifierKey,
  signNote,
  type NoteSigner,
} from '../model/signed-note.ts'
import type { AuthoritySnapshot, ChangeKind } from './authority.ts'
import { applyDocument } from './change-document.ts'
import {
  missingSignatures,
  parseRequest,
  REQUEST_LIFE_MS_MAX,
  requestId,
  drillBytes,
  signerOfRequest,
  verifyOperator,
  type ChangeRequest,
  type SignedRequest,
} from './change-request.ts'
import type { PolicyCheck } from './changes.ts'
import { checkedSnapshot, firstAuthority, type FirstAuthority, type PrincipalSecrets } from './first-authority.ts'
import { Journal } from './journal.ts'
import { CLOCK_SKEW_MS_MAX, LEASE_FILE, leaseText } from './lease.ts'
import { ROOT_KEY_FILE, signedText } from './publish.ts'
import { newEd25519 } from './secrets.ts'
import { maySign, openSnapshot, snapshotFile, type VerifiedSnapshot } from './snapshot.ts'

/** Requests that wait for signatures at a time, begun by one operator: whoever has stolen that key keeps nobody else's from being collected. */
const PENDING_PER_OPERATOR_MAX = 8
/** Refusals that the journal takes in an hour: enough to see an attack, too few to fill a disk. */
const REFUSALS_PER_HOUR_MAX = 1_000
const DRILL_LENGTH_MAX = 100_000
const DRILL_FRESH_MS = 3_600_000
const DRILLS_PER_HOUR_MAX = 60
const ROOT_KEY_NAME = 'plinth-authority'

export interface WardenOptions {
  /** The warden's own directory. */
  readonly dir: string
  /** Where snapshots and leases go for the runtime to read. */
  readonly publishDir: string
  readonly clock: Clock
  readonly checkPolicies: PolicyCheck
}

export type Submitted =
  | {
      readonly kind: 'published'
      readonly request: string
      readonly snapshot: number
      readonly signedBy: readonly string[]
    }
  | ({ readonly kind: 'waiting' } & PendingRequest)

export interface PendingRequest {
  readonly request: string
  /** The text that further operators sign. */
  readonly text: string
  readonly signedBy: readonly string[]
  /** Signatures that are still missing, by kind of change. */
  readonly missing: Readonly<Partial<Record<ChangeKind, number>>>
  readonly expiresAtMs: number
}

export interface WardenStatus {
  readonly snapshot: number
  readonly hash: string
  readonly rootKey: string
  readonly leaseMs: number | null
  readonly pending: number
  readonly journal: { readonly count: number; readonly hash: string }
}

interface Pending {
  readonly request: ChangeRequest
  readonly text: string
  readonly signedBy: string[]
}

/**
 * Makes a warden's directory and its first snapshot. The root key is made here and stays in the journal's file.
 * @throws `authority-change-refused` when there is one already
 */
export function createWarden(
  { dir, publishDir }: Pick<WardenOptions, 'dir' | 'publishDir'>,
  first: FirstAuthority,
): { readonly vkey: string; readonly secrets: Readonly<Record<string, PrincipalSecrets>> } {
  const { snapshot, secrets } = firstAuthority(first)
  const pair = newEd25519()
  const signer = noteSigner(ROOT_KEY_NAME, createPrivateKey(pair.privateKey))
  const vkey = formatVerifierKey(signer)
  const note = signedText(snapshot, signer)
  const journal = Journal.open(dir, true)
  try {
    if (journal.newest() > 0) throw problem('authority-change-refused', `there is a warden in \`${dir}\` already`)
    journal.append(
      'created',
      first.nowMs,
      { rootKey: vkey, snapshot: 1, hash: openSnapshot(note, signer).hash },
      () => {
        journal.putRootKey(1, vkey, pair.privateKey)
        journal.putSnapshot(1, note)
      },
    )
    publishAll(journal, publishDir)
    renewLease(journal, publishDir, first.nowMs)
  } finally {
    journal.close()
  }
  return { vkey, secrets }
}

/** @throws `warden-unavailable` when there is none, or another process has it open; `storage-damaged` */
export function openWarden({ dir, publishDir, clock, checkPolicies }: WardenOptions): Warden {
  const journal = Journal.open(dir)
  try {
    publishAll(journal, publishDir) // what a crash kept from its readers
    return new Warden(journal, publishDir, clock, checkPolicies)
  } catch (error) {
    journal.close()
    throw error
  }
}

export class Warden {
  readonly #journal: Journal
  readonly #publishDir: string
  readonly #clock: Clock
  readonly #checkPolicies: PolicyCheck
  readonly #pending = new Map<string, Pending>()
  #current: VerifiedSnapshot
  #refusals = { hour: 0, count: 0 }

  constructor(journal: Journal, publishDir: string, clock: Clock, checkPolicies: PolicyCheck) {
    this.#journal = journal
    this.#publishDir = publishDir
    this.#clock = clock
    this.#checkPolicies = checkPolicies
    this.#current = newestSnapshot(journal)
    this.#recallPending()
  }

  get current(): VerifiedSnapshot {
    return this.#current
  }
  status(): WardenStatus {
    const { snapshot, hash } = this.#current
    return {
      snapshot: snapshot.number,
      hash,
      rootKey: this.#journal.rootKey(snapshot.number + 1).vkey,
      leaseMs: snapshot.leaseMs,
      pending: this.pending().length,
      journal: this.#journal.head,
    }
  }
  pending(): readonly PendingRequest[] {
    const nowMs = this.#clock.nowMs()
    return [...this.#pending.values()]
      .filter(({ request }) => request.expiresAtMs > nowMs)
      .map((one) => this.#view(one))
  }
  /** Entries of the journal as stored. */
  journal(from: number, limit: number): readonly string[] {
    return this.#journal.texts(from, limit)
  }

  /**
   * Takes one operator's signature on a request, and carries the request out when that was the last one needed.
   * @throws `malformed-request`, `change-not-authorized`, `change-stale`, `authority-change-refused`; nothing is changed by any of them
   */
  submit(signed: SignedRequest): Submitted {
    const request = parseRequest(signed.request)
    const id = requestId(signed.request)
    try {
      return this.#submit(id, request, signed)
    } catch (error) {
      if (error instanceof Problem) this.#recordRefusal(id, signed.operator, error)
      throw error
    }
  }

  /**
   * Puts a drill's report on record, signed by the operator who ran it, once and while it is fresh.
   * @throws `change-not-authorized`, `malformed-request`, `change-stale`, `overloaded`
   */
  recordDrill({ request: report, operator, signature }: SignedRequest): void {
    if (report.length > DRILL_LENGTH_MAX) throw problem('malformed-request', 'the report is too long')
    verifyOperator(this.#current.snapshot, operator, drillBytes(report), signature)
    this.#refuseOldDrill(report)
    this.#journal.append('drilled', this.#clock.nowMs(), { report, operator, signature })
  }

  /** What was reported once is no new drill when somebody hands it in again. */
  #refuseOldDrill(report: string): void {
    const nowMs = this.#clock.nowMs()
    const startedAtMs = startOf(report)
    if (!(startedAtMs > nowMs - DRILL_FRESH_MS && startedAtMs <= nowMs + CLOCK_SKEW_MS_MAX))
      throw problem('change-stale', 'the report is not of a drill of the last hour: compare the clocks')
    let drills = 0
    for (const entry of this.#journal.backwards()) {
      if (entry.atMs < nowMs - DRILL_FRESH_MS - CLOCK_SKEW_MS_MAX) return
      if (entry.kind !== 'drilled') continue
      if (entry['report'] === report) throw problem('change-stale', 'this report is on record already')
      if (++drills >= DRILLS_PER_HOUR_MAX)
        throw problem('overloaded', `${drills} drills are on record for this hour`, { limit: DRILLS_PER_HOUR_MAX })
    }
  }

  renewLease(): void {
    renewLease(this.#journal, this.#publishDir, this.#clock.nowMs())
  }

  close(): void {
    this.#journal.close()
  }

  #submit(id: string, request: ChangeRequest, signed: SignedRequest): Submitted {
    const { snapshot, hash } = this.#current
    const nowMs = this.#clock.nowMs()
    if (request.base !== snapshot.number || request.baseHash !== hash)
      throw problem('change-stale', `it is made to snapshot ${request.base}; now there is ${snapshot.number}`, {
        snapshot: snapshot.number,
      })
    if (request.expiresAtMs <= nowMs) throw problem('change-stale', 'it has expired')
    if (request.expiresAtMs > nowMs + REQUEST_LIFE_MS_MAX + CLOCK_SKEW_MS_MAX)
      throw problem('malformed-request', 'it would wait for longer than a request may: compare the clocks')
    const operator = signerOfRequest(snapshot, request, signed)
    const known = this.#pending.get(id)
    const first = known?.signedBy[0] ?? operator.id
    this.#prepare(request, first, nowMs, () => PLACEHOLDER_KEY) // what could never be published is not collected for
    const pending = known ?? this.#begin(id, request, signed.request, operator.id)
    if (!pending.signedBy.includes(operator.id)) {
      this.#journal.append('signed', nowMs, { request: id, operator: operator.id, signature: signed.signature })
      pending.signedBy.push(operator.id)
    }
    const view = this.#view(pending)
    if (Object.keys(view.missing).length > 0) return { kind: 'waiting', ...view }
    return this.#publish(id, pending, nowMs)
  }

  /** What needs no further signature waits for nothing: there is always room for it. @throws `overloaded` */
  #begin(id: string, request: ChangeRequest, text: string, by: string): Pending {
    const nowMs = this.#clock.nowMs()
    for (const [waiting, { request: other }] of this.#pending)
      if (other.expiresAtMs <= nowMs) this.#pending.delete(waiting)
    const waits = Object.keys(missingSignatures(this.#current.snapshot, request, [by])).length > 0
    const begun = [...this.#pending.values()].filter(({ signedBy }) => signedBy[0] === by).length
    if (waits && begun >= PENDING_PER_OPERATOR_MAX)
      throw problem('overloaded', `${begun} requests that \`${by}\` began are waiting for signatures`, {
        limit: PENDING_PER_OPERATOR_MAX,
      })
    this.#journal.append('requested', this.#clock.nowMs(), { request: id, text })
    const pending: Pending = { request, text, signedBy: [] }
    this.#pending.set(id, pending)
    return pending
  }

  /** The next snapshot, whole and checked. @throws `authority-change-refused` */
  #prepare(request: ChangeRequest, by: string, nowMs: number, newRootKey: () => string): AuthoritySnapshot {
    const { snapshot, hash } = this.#current
    const context = { by, nowMs, checkPolicies: this.#checkPolicies, newRootKey }
    let next: AuthoritySnapshot = { ...snapshot, nextRootKey: null }
    for (const document of request.changes) next = applyDocument(document, next, context)
    if (!next.operators.some((operator) => maySign(operator, 'operators')))
      throw problem('authority-change-refused', 'nobody would be left who may change operators')
    return checkedSnapshot({
      ...next,
      number: snapshot.number + 1,
      previous: hash,
      createdAtMs: Math.max(nowMs, snapshot.createdAtMs),
    })
  }

  #publish(id: string, { request, signedBy }: Pending, nowMs: number): Submitted {
    const made: { readonly vkey: string; readonly pem: string }[] = []
    const next = this.#prepare(request, signedBy[0] as string, nowMs, () => {
      const key = newRootKey()
      made.push(key)
      return key.vkey
    })
    const signer = signerFor(this.#journal, next.number)
    const note = signedText(next, signer)
    const published = openSnapshot(note, signer)
    const { number } = next
    this.#journal.append('published', nowMs, { request: id, snapshot: number, hash: published.hash, signedBy }, () => {
      this.#journal.putSnapshot(number, note)
      const key = made.at(-1)
      if (key !== undefined) this.#journal.putRootKey(number + 1, key.vkey, key.pem)
    })
    this.#current = published
    this.#pending.clear() // all of them were made to the snapshot before
    publishOne(this.#publishDir, snapshotFile(number), note)
    this.renewLease()
    return { kind: 'published', request: id, snapshot: number, signedBy }
  }

  #view({ request, text, signedBy }: Pending): PendingRequest {
    const missing = missingSignatures(this.#current.snapshot, request, signedBy)
    return { request: requestId(text), text, signedBy: [...signedBy], missing, expiresAtMs: request.expiresAtMs }
  }

  #recordRefusal(id: string, operator: string, { code, detail }: Problem): void {
    const nowMs = this.#clock.nowMs()
    const hour = Math.floor(nowMs / 3_600_000)
    if (hour !== this.#refusals.hour) this.#refusals = { hour, count: 0 }
    if (++this.#refusals.count > REFUSALS_PER_HOUR_MAX) return
    this.#journal.append('refused', nowMs, {
      ...{ request: id, operator: operator.slice(0, 128), code, detail: detail.slice(0, 500) },
    })
  }

  /** Requests made to the snapshot in force, with their signatures, as the journal has them since it was published. */
  #recallPending(): void {
    const since: JsonObject[] = []
    for (const entry of this.#journal.backwards()) {
      if (entry.kind === 'published' || entry.kind === 'created') break
      since.unshift(entry)
    }
    for (const entry of since) {
      const id = String(entry['request'])
      if (entry['kind'] === 'requested') {
        const text = String(entry['text'])
        this.#pending.set(id, { request: parseRequest(text), text, signedBy: [] })
      } else if (entry['kind'] === 'signed') this.#pending.get(id)?.signedBy.push(String(entry['operator']))
    }
  }
}

/** When a drill began, by its report; NaN where that does not say. */
function startOf(report: string): number {
  try {
    return Number((JSON.parse(report) as { readonly startedAtMs?: unknown } | null)?.startedAtMs ?? Number.NaN)
  } catch {
    return Number.NaN
  }
}

function newRootKey(): { readonly vkey: string; readonly pem: string } {
  const { privateKey: pem } = newEd25519()
  return { vkey: formatVerifierKey(noteSigner(ROOT_KEY_NAME, createPrivateKey(pem))), pem }
}
/** Stands in for a key when a request is only tried out. */
const PLACEHOLDER_KEY = newRootKey().vkey

const signerFor = (journal: Journal, number: number): NoteSigner =>
  noteSigner(ROOT_KEY_NAME, createPrivateKey(journal.rootKey(number).pem))

function newestSnapshot(journal: Journal): VerifiedSnapshot {
  const number = journal.newest()
  const note = journal.snapshot(number)
  if (note === null) throw problem('storage-damaged', 'the warden has no snapshot')
  return openSnapshot(note, parseVerifierKey(journal.rootKey(number).vkey))
}

function renewLease(journal: Journal, publishDir: string, nowMs: number): void {
  const { snapshot, hash } = newestSnapshot(journal)
  if (snapshot.leaseMs === null) return
  const text = leaseText({
    ...{ format: 1, snapshot: snapshot.number, hash },
    ...{ issuedAtMs: nowMs, untilMs: nowMs + snapshot.leaseMs },
  })
  publishOne(publishDir, LEASE_FILE, signNote(text, [signerFor(journal, snapshot.number + 1)]))
}

/** Everything that readers need, where it is not there as it should be. */
function publishAll(journal: Journal, publishDir: string): void {
  const newest = journal.newest()
  if (newest === 0) throw problem('storage-damaged', 'the warden has no snapshot')
  mkdirSync(publishDir, { recursive: true, mode: 0o755 })
  const pinned = `${journal.rootKey(1).vkey}\n`
  if (textOf(join(publishDir, ROOT_KEY_FILE)) !== pinned) publishOne(publishDir, ROOT_KEY_FILE, pinned)
  for (let number = 1; number <= newest; number++) {
    const note = journal.snapshot(number)
    if (note === null || !isSigned(note, journal, number))
      throw problem('storage-damaged', `snapshot ${number} of the warden is not what was signed`)
    if (textOf(join(publishDir, snapshotFile(number))) !== note) publishOne(publishDir, snapshotFile(number), note)
  }
}

/** What was edited here must not take the place of what the runtime has. */
function isSigned(note: string, journal: Journal, number: number): boolean {
  try {
    return openSnapshot(note, parseVerifierKey(journal.rootKey(number).vkey)).snapshot.number === number
  } catch (error) {
    if (error instanceof Problem || error instanceof NoteError) return false
    throw error
  }
}

const textOf = (path: string): string | null => (existsSync(path) ? readFileSync(path, 'utf8') : null)

/** In one step, in place of whatever is there: what lies in that folder is a copy. */
function publishOne(publishDir: string, name: string, text: string): void {
  const temporary = join(publishDir, `.${name}.${process.pid}`)
  const file = openSync(temporary, 'w', 0o644)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, join(publishDir, name))
}
