/**
 * Re-evaluates every admission of a log from the log, the authority snapshots and the manifests alone, and names each that differs:
 * what policy would not have allowed, what was asked otherwise than it happened, what rests on an authority that was not in force, what has none.
 * Needs neither a running system nor the machine that it ran on. One pass; memory does not grow with the records.
 */
import { setImmediate } from 'node:timers/promises'
import { activationFault } from './activation-fault.ts'
import { approverFault } from './approver-fault.ts'
import { principalUnder, questionOf } from './derive.ts'
import { writtenFault } from './engine-actions.ts'
import type { Evidence } from './evidence.ts'
import { AuditedHistory } from './history-facts.ts'
import { leaseFault } from './lease-fault.ts'
import { Mismatch } from './mismatch.ts'
import { ownStreamFault } from './own-streams.ts'
import { PolicyBench, type Judgement } from './policy-bench.ts'
import type { AdmissionsReport, Disagreement, GivenVerdict } from './report.ts'
import { Standing } from './standing.ts'
import { transactionsOf, type Transaction } from './transactions.ts'
import { isEngineEntity } from '../engine-streams.ts'
import { declaresPersonalData } from '../personal/open-personal.ts'
import { isInputWithheld } from '../personal/places.ts'
import { ENGINE } from '../record-once.ts'
import { principalsOf } from '../switches.ts'
import type { OperationPayload } from '../operation-payload.ts'
import type { Authority } from '../../model/admission.ts'
import { sha256Hex, streamParts, type ReleaseId } from '../../model/ids.ts'
import { canonicalJson } from '../../model/json.ts'
import type { OperationState } from '../../model/operation.ts'
import { isSealedAway } from '../../model/personal.ts'
import type { OperationRecord } from '../../model/record.ts'
import type { SideRecord } from '../../storage/storage.ts'
import { evaluator } from '../../policy/cedar.ts'
import { ContextError } from '../../policy/context-type.ts'
import { cedarRequest, emptyRequest, recordedRequest, requestFromRecord, scopeRequest } from '../../policy/request.ts'
import type { Verdict } from '../../policy/verdict.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'
import { switchInTheWay } from '../../warden/switches.ts'

export const DISAGREED_MAX = 1_000
const BREATHE_EVERY = 200 // transactions between looks at the signal and whoever else waits

/** Verdict that the record of a state rests on. Others end an operation without one. */
const VERDICT_OF: Partial<Record<OperationState, Verdict['kind']>> = {
  committed: 'admitted',
  held: 'held',
  denied: 'denied',
}

type Finding =
  | { readonly kind: 'none' | 'agreed' }
  | { readonly kind: 'unchecked'; readonly what: string }
  | { readonly kind: 'disagreed'; readonly why: string; readonly derived: GivenVerdict | null }

export async function auditAdmissions(
  evidence: Evidence,
  onProgress: (records: number, of: number | null) => void,
  signal: AbortSignal,
): Promise<AdmissionsReport> {
  const audit = new AdmissionsAudit(evidence)
  try {
    await audit.begin(signal)
    let count = 0
    for await (const transaction of transactionsOf(evidence, signal)) {
      await audit.add(transaction)
      if (++count % BREATHE_EVERY !== 0) continue
      onProgress(transaction.position + 1, evidence.size)
      await setImmediate()
    }
    return await audit.finish(signal)
  } finally {
    audit.close()
  }
}

class AdmissionsAudit {
  readonly #evidence: Evidence
  readonly #standing = new Standing()
  readonly #history = new AuditedHistory()
  readonly #bench = new PolicyBench()
  readonly #disagreed: Disagreement[] = []
  readonly #unchecked = new Map<string, number>()
  /** Snapshots that were acted on before they were on record, with the first position that did. */
  readonly #unrecorded = new Map<number, number>()
  #disagreedCount = 0
  #admissions = 0
  #agreed = 0
  #notEvaluated = 0
  #records = 0

  constructor(evidence: Evidence) {
    this.#evidence = evidence
  }

  async begin(signal: AbortSignal): Promise<void> {
    for await (const snapshot of this.#evidence.snapshots(signal)) this.#history.begin(snapshot)
  }

  async add(transaction: Transaction): Promise<void> {
    this.#records = transaction.position + 1
    const finding = await this.#judge(transaction)
    if (finding.kind !== 'none') this.#admissions += 1
    if (finding.kind === 'agreed') this.#agreed += 1
    if (finding.kind === 'unchecked') {
      this.#notEvaluated += 1
      this.#count(finding.what)
    }
    if (finding.kind === 'disagreed') this.#disagree(transaction, finding)
    this.#standing.after(transaction)
    this.#history.after(transaction)
  }

  async finish(signal: AbortSignal): Promise<AdmissionsReport> {
    for (const [number, position] of this.#unrecorded) {
      if (this.#standing.adopted(number) === undefined && !(await this.#isLinked(number)))
        this.#count(`that snapshot ${number}, first acted on at ${position}, was put on record: it is not yet`)
    }
    const beside = this.#evidence.beside === null ? null : await this.#besideTheLog(signal)
    const { faults, notChecked } = await this.#evidence.conclude()
    for (const why of faults) this.#note({ ...NOWHERE, why })
    return {
      admissions: this.#admissions,
      agreed: this.#agreed,
      unchecked: this.#notEvaluated,
      disagreed: this.#disagreed,
      disagreedCount: this.#disagreedCount,
      records: this.#records,
      beside,
      notChecked: [
        ...[...this.#unchecked].map(([what, count]) => (count > 1 ? `${what} (${count} times)` : what)),
        ...notChecked,
        'refusals out of scope, which leave no record, and that the application states true facts',
      ],
    }
  }

  close(): void {
    this.#bench.close()
  }

  #count(what: string): void {
    this.#unchecked.set(what, (this.#unchecked.get(what) ?? 0) + 1)
  }

  #note(disagreement: Disagreement): void {
    this.#disagreedCount += 1
    if (this.#disagreed.length < DISAGREED_MAX) this.#disagreed.push(disagreement)
  }

  #disagree(
    { position, record, payload }: Transaction,
    { why, derived }: { readonly why: string; readonly derived: GivenVerdict | null },
  ): void {
    const verdict = record === null ? undefined : VERDICT_OF[record.state]
    const recorded =
      verdict === undefined
        ? null
        : { verdict: payload?.authority == null ? ('none' as const) : verdict, rules: payload?.authority?.rules ?? [] }
    const { op = null, actor = null, action = null } = record ?? {}
    this.#note({ position, operation: op, actor, action, recorded, derived, why })
  }

  async #judge(transaction: Transaction): Promise<Finding> {
    const { record, payload, events, damage } = transaction
    if (damage !== null) return { kind: 'disagreed', why: damage, derived: null }
    if (record === null) return { kind: 'disagreed', why: 'its record is missing', derived: null }
    const own = ownStreamFault(record, transaction, this.#standing)
    if (own !== null) return disagreed(own)
    const changes = events.filter((event) => !isEngineEntity(streamParts(event.record.stream).entity))
    if (record.chain.length === 0 || VERDICT_OF[record.state] === undefined) {
      // The engine by itself, or the end of what was held: neither may touch the application or the world.
      const touches = changes.length > 0 || record.effects.length > 0
      const poses = record.state === 'committed' && (!record.action.startsWith('plinth.') || record.actor !== ENGINE.id)
      if (touches || poses) return disagreed('nobody was admitted to do this')
      // No admission, but as much the operators' to say.
      const fault = await activationFault(transaction, this.#standing, this.#evidence)
      if (fault !== null && 'why' in fault) this.#disagree(transaction, { why: fault.why, derived: null })
      else if (fault !== null) this.#count(fault.unchecked)
      return { kind: 'none' }
    }
    if (payload === null) return { kind: 'unchecked', what: 'an admission whose payload is gone' }
    if (isSealedAway(payload) && !(await this.#maySeal(record)))
      return disagreed('it is sealed, and nothing of it can be personal')
    if (isSealedAway(payload))
      return {
        kind: 'unchecked',
        what: 'an admission whose record is sealed under the keys of data subjects, or erased',
      }
    return await this.#admission({ ...transaction, record, payload })
  }

  async #admission(
    transaction: Transaction & { readonly record: OperationRecord; readonly payload: OperationPayload },
  ): Promise<Finding> {
    const { position, record, payload } = transaction
    const { authority } = payload
    const number = authority?.snapshot ?? this.#standing.inForce
    const found = await this.#evidence.snapshot(number)
    if (found.kind === 'missing')
      return { kind: 'unchecked', what: `an admission under snapshot ${number}, which is not at hand` }
    if (found.kind === 'invalid') return disagreed(`snapshot ${number} cannot be used: ${found.why}`)
    const release = record.release as ReleaseId | null
    const manifest = release === null ? null : await this.#evidence.manifest(release)
    if (release === null || manifest === null)
      return { kind: 'unchecked', what: `an admission under release \`${release}\`, whose manifest is not at hand` }
    if (payload.request === null && isInputWithheld(payload, manifest))
      return { kind: 'unchecked', what: 'an admission over personal input that was not kept: it belongs to nobody' }
    const { snapshot } = found
    const judgement = this.#bench.judge(snapshot.policies, release, manifest)
    const { schema } = judgement
    let derived: GivenVerdict | null = null
    try {
      const principal = principalUnder(snapshot, record)
      const history = this.#history.facts(transaction, judgement.limits, (limit) =>
        judgement.seesHistory(record.action, limit),
      )
      const { asked, taken } = questionOf(transaction, principal, manifest, this.#standing, history)
      for (const what of taken) this.#count(what)
      let request
      let verdict: Verdict
      try {
        const full = cedarRequest(schema, asked)
        request = recordedRequest(full)
        verdict = judgement.verdict(full)
      } catch (error) {
        if (!(error instanceof ContextError)) throw error
        request = emptyRequest(schema, asked)
        verdict = { kind: 'denied', rules: [], errors: [error.message] }
      }
      const scope = scopeRequest(schema, principal, record.action)
      derived = judgement.inScope(scope)
        ? { verdict: verdict.kind, rules: verdict.rules }
        : { verdict: 'out-of-scope', rules: judgement.scopeRules(scope) }
      const isAsked = canonicalJson(request) === canonicalJson(payload.request)
      // Another version shows policies more, or less: then nothing here says what they would have seen.
      if (!isAsked && authority !== null && authority.schema !== schema.hash)
        return { kind: 'unchecked', what: OTHER_VERSION }
      const why =
        this.#authorityFault(position, transaction, authority, { snapshot, hash: found.hash, schema: schema.hash }) ??
        (this.#standing.hasActivated(release) ? null : `release \`${release}\` was never activated`) ??
        (isAsked ? null : 'policy was asked something else') ??
        verdictFault(record, payload, verdict, derived) ??
        approverFault(record, asked.approvals, snapshot, this.#standing) ??
        writtenFault(transaction, principal, manifest, snapshot, this.#standing) ??
        leaseFault(record, snapshot, await this.#evidence.snapshot(number + 1)) ??
        (await this.#switchFault(transaction, manifest.name, snapshot))
      return why === null ? { kind: 'agreed' } : { kind: 'disagreed', why, derived }
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error
      return { kind: 'disagreed', why: error.message, derived: derived ?? recordedVerdict(judgement, payload) }
    }
  }

  /** The engine's own actions hold nothing personal, and an application only when a release of it has said so. */
  async #maySeal({ action }: OperationRecord): Promise<boolean> {
    if (isEngineEntity(action)) return false
    for (const release of this.#standing.releases) {
      const manifest = await this.#evidence.manifest(release)
      if (manifest === null || declaresPersonalData(manifest)) return true
    }
    return false
  }

  /** Whether the grounds that the record names are the ones that were in force. */
  #authorityFault(
    position: number,
    { record, payload }: { readonly record: OperationRecord; readonly payload: OperationPayload },
    authority: Authority | null,
    {
      snapshot,
      hash,
      schema,
    }: { readonly snapshot: AuthoritySnapshot; readonly hash: string; readonly schema: string },
  ): string | null {
    const { number } = snapshot
    const adopted = this.#standing.adopted(number)
    if (adopted === undefined) {
      if (!this.#unrecorded.has(number)) this.#unrecorded.set(number, position)
    } else if (adopted.hash !== hash) return `snapshot ${number} is not the one on record`
    if (authority === null) return 'it holds no admission'
    if (record.gate !== (record.state === 'denied' && record.gate === '' ? '' : sha256Hex(canonicalJson(authority))))
      return 'its line commits to another admission than its payload holds'
    if (this.#bench.hashOf(snapshot.policies) !== authority.policySet)
      return `snapshot ${number} holds another policy set`
    // The schema follows from the manifest and from the version of Plinth; what counts is what comes out under this one.
    if (authority.schema !== schema) this.#count(OTHER_VERSION)
    if (canonicalJson(authority.chain) !== canonicalJson(record.chain) || authority.onBehalfOf !== record.for)
      return 'it was given to somebody else'
    if (payload.request === null || sha256Hex(canonicalJson(payload.request)) !== authority.request)
      return 'its request does not match its hash'
    if (record.state === 'committed' && !isEngineEntity(record.action) && typeof payload.reads?.position !== 'number')
      return 'it does not say as of when it was decided'
    const later = this.#standing.firstAdoptedAfter(number)
    if (later !== null && payload.reads !== null && payload.reads.position >= later)
      return `it was decided after snapshot ${number} had been replaced`
    if (authority.evaluator !== evaluator())
      this.#count(`that \`${authority.evaluator}\` and \`${evaluator()}\`, with which this was evaluated, are alike`)
    return null
  }

  /**
   * Levers are compared in the commit, in the thread that puts snapshots in force: what lands behind the record of one passed its switches. One that
   * is off again in the next may have been off by then.
   */
  async #switchFault(
    { record, payload }: { readonly record: OperationRecord; readonly payload: OperationPayload },
    application: string,
    decidedUnder: AuthoritySnapshot,
  ): Promise<string | null> {
    if (record.state === 'denied') return null
    const number = Math.max(decidedUnder.number, this.#standing.inForce)
    const [now, next] = [await this.#evidence.snapshot(number), await this.#evidence.snapshot(number + 1)]
    if (now.kind !== 'found') return null
    const subject = {
      application,
      tenant: record.tenant,
      principals: principalsOf({ chain: record.chain, onBehalfOf: record.for }),
      run: record.run,
      command: record.action,
      effects: record.effects.map(({ effect }) => effect),
      policySet: payload.authority?.policySet ?? null,
    }
    const found = switchInTheWay(now.snapshot.switches, subject, 'change')
    if (found === null) return null
    if (next.kind === 'found' && !next.snapshot.switches.some(({ id }) => id === found.id)) return null
    return `the switch \`${found.id}\` was on: ${found.action}`
  }

  /** A snapshot that was passed over quickly is bound by the links of a later one that is on record. */
  async #isLinked(number: number): Promise<boolean> {
    const later = this.#standing.firstNumberAfter(number)
    if (later === null) return false
    let hash: string | undefined = this.#standing.adopted(later)?.hash
    for (let at = later; at > number; at--) {
      const found = await this.#evidence.snapshot(at)
      if (found.kind !== 'found' || found.hash !== hash) return false
      hash = found.snapshot.previous
    }
    const found = await this.#evidence.snapshot(number)
    return found.kind === 'found' && found.hash === hash
  }

  async #besideTheLog(signal: AbortSignal): Promise<AdmissionsReport['beside']> {
    let verdicts = 0
    let agreed = 0
    for (const kind of ['denied', 'read'] as const)
      for await (const side of this.#evidence.beside?.(kind, signal) ?? []) {
        const judged = await this.#beside(side)
        if (judged === null) continue
        verdicts += 1
        if (judged === 'agreed') agreed += 1
        else this.#note(judged)
        if (verdicts % BREATHE_EVERY === 0) await setImmediate()
      }
    return { verdicts, agreed }
  }

  /** From its own record: what it rests on is not under the tree. Null when too little of it was kept. */
  async #beside({ operation, principal, action, kind, body }: SideRecord): Promise<'agreed' | Disagreement | null> {
    const payload = JSON.parse(body) as OperationPayload
    const { authority, request } = payload
    if (authority === null || request === null) return null
    const found = await this.#evidence.snapshot(authority.snapshot)
    if (found.kind !== 'found') return null
    const named = this.#standing.releases.find((one) => one === payload.who?.release)
    const release =
      named ??
      (await this.#releaseWithSchema(authority.schema, found.snapshot.policies)) ??
      this.#standing.releases.at(-1) ??
      null
    const manifest = release === null ? null : await this.#evidence.manifest(release)
    if (release === null || manifest === null) return null
    const full = requestFromRecord(request)
    const recorded = { verdict: kind === 'read' ? 'admitted' : 'denied', rules: authority.rules } as const
    const wrong = (why: string, derived: GivenVerdict | null = null): Disagreement => ({
      ...{ position: null, operation, actor: principal, action, recorded, derived, why },
    })
    if (full === null || sha256Hex(canonicalJson(request)) !== authority.request)
      return wrong('its request does not match its hash')
    if (this.#bench.hashOf(found.snapshot.policies) !== authority.policySet)
      return wrong(`snapshot ${authority.snapshot} holds another policy set`)
    const verdict = this.#bench.judge(found.snapshot.policies, release, manifest).verdict(full)
    // A read cannot be parked: what a rule would hold is denied.
    const same = kind === 'read' ? verdict.kind === 'admitted' : verdict.kind !== 'admitted'
    const rules = canonicalJson(verdict.rules) === canonicalJson(authority.rules)
    return same && rules ? 'agreed' : wrong('evaluated again it comes out otherwise', given(verdict))
  }

  /** For side records of earlier development versions, which name no release: any that was active with this schema asks the same of policy. */
  async #releaseWithSchema(schema: string, files: AuthoritySnapshot['policies']): Promise<ReleaseId | null> {
    for (const release of this.#standing.releases) {
      const manifest = await this.#evidence.manifest(release)
      if (manifest !== null && this.#bench.judge(files, release, manifest).schema.hash === schema) return release
    }
    return null
  }
}

const OTHER_VERSION = 'an admission under the schema of another version of Plinth'
const NOWHERE = { position: null, operation: null, actor: null, action: null, recorded: null, derived: null } as const

const disagreed = (why: string): Finding => ({ kind: 'disagreed', why, derived: null })
const given = (verdict: Verdict): GivenVerdict => ({ verdict: verdict.kind, rules: verdict.rules })

function verdictFault(
  record: OperationRecord,
  payload: OperationPayload,
  verdict: Verdict,
  derived: GivenVerdict,
): string | null {
  if (derived.verdict === 'out-of-scope') return 'the action is not in scope for who did it'
  if (verdict.kind !== VERDICT_OF[record.state]) return `policy says ${verdict.kind}, and yet it is ${record.state}`
  if (canonicalJson(verdict.rules) !== canonicalJson(payload.authority?.rules ?? [])) return 'other rules determine it'
  if (verdict.kind === 'held' && canonicalJson(verdict.requires) !== canonicalJson(payload.hold?.requires ?? []))
    return 'it waits for the approval of somebody else'
  return null
}

/** What comes out for the request as recorded, where no other could be derived. */
function recordedVerdict(judgement: Judgement, { request }: OperationPayload): GivenVerdict | null {
  const full = request === null ? null : requestFromRecord(request)
  return full === null ? null : given(judgement.verdict(full))
}
