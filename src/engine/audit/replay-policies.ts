/**
 * The past under other policies: every verdict on record is asked for again, and those that would flip are listed, with what would then have happened
 * or not. The prediction is exact up to the first flip of a run; behind it a model would have seen other answers, and what it would have called
 * nobody knows. The same holds for whatever read what would be different: it is marked, and never passed off as known.
 */
import { setImmediate } from 'node:timers/promises'
import type { Evidence } from './evidence.ts'
import { PolicyBench } from './policy-bench.ts'
import type { Flip, GivenVerdict, PredictionEnd, ReplayReport } from './report.ts'
import { transactionsOf, type Transaction } from './transactions.ts'
import { isEngineEntity } from '../engine-streams.ts'
import type { OperationPayload } from '../operation-payload.ts'
import type { Impact } from '../../model/decision.ts'
import { streamParts, type ReleaseId } from '../../model/ids.ts'
import type { Manifest } from '../../model/manifest.ts'
import { isSealedAway } from '../../model/personal.ts'
import type { CedarRequest, Entity } from '../../policy/cedar.ts'
import { requestFromRecord } from '../../policy/request.ts'
import type { SideRecord } from '../../storage/storage.ts'
import type { AuthoritySnapshot } from '../../warden/authority.ts'

export interface ReplayOptions {
  /** The policies to try, as a snapshot would hold them. */
  readonly policies: AuthoritySnapshot['policies']
  /** Verdicts from this time on; what came before stays as it was. */
  readonly sinceMs: number
  /** Flips on the page, and how many come before it. */
  readonly limit: number
  readonly skip: number
}

/** Denials and reads are kept in rings of this many each, so all of them fit in memory. */
const BESIDE_KINDS = ['denied', 'read'] as const
const STREAMS_MAX = 1_000 // listed; more are counted
const VERSIONS_MAX = 1_000 // kept of one stream
const ENDS_MAX = 1_000
const BREATHE_EVERY = 200

/** One verdict of the past, from the log or from beside it. */
interface Past {
  readonly position: number | null
  readonly operation: string | null
  readonly actor: string
  readonly action: string
  readonly run: string | null
  readonly atMs: number
  readonly release: ReleaseId | null
  readonly state: 'committed' | 'held' | 'denied' | 'read'
  readonly payload: OperationPayload
  readonly events: readonly { readonly stream: string; readonly type: string; readonly version: number }[]
  readonly effects: readonly string[]
}
/** What would be different of one stream, and the operation that made the difference. */
interface Difference {
  missing: number
  besides: number
  readonly without: number[]
  predictable: boolean
  readonly by: string | null
}

export async function replayPolicies(
  evidence: Evidence,
  options: ReplayOptions,
  onProgress: (records: number, of: number | null) => void,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const replay = new Replay(evidence, options)
  try {
    await replay.readBeside(signal)
    let count = 0
    for await (const transaction of transactionsOf(evidence, signal)) {
      await replay.add(transaction)
      if (++count % BREATHE_EVERY !== 0) continue
      onProgress(transaction.position + 1, evidence.size)
      await setImmediate()
    }
    return await replay.finish()
  } finally {
    replay.close()
  }
}

class Replay {
  readonly #evidence: Evidence
  readonly #options: ReplayOptions
  readonly #bench = new PolicyBench()
  /** Denials and reads, by the position that they were decided at. */
  #beside: (Past & { readonly after: number })[] = []
  readonly #flips: Flip[] = []
  readonly #flippedRuns = new Map<string, PredictionEnd & { after: number }>()
  /** Operations that were held, and would not have been: what their hold says now, and whether that is certain. */
  readonly #flippedHolds = new Map<string, { readonly change: Flip['change']; readonly certain: boolean }>()
  readonly #differing = new Map<string, Difference>()
  readonly #endings = new Map<string, PredictionEnd & { after: number }>()
  readonly #notChecked = new Map<string, number>()
  #verdicts = 0
  #flipped = 0
  #certain = 0
  #release: ReleaseId | null = null

  constructor(evidence: Evidence, options: ReplayOptions) {
    this.#evidence = evidence
    this.#options = options
  }

  async readBeside(signal: AbortSignal): Promise<void> {
    if (this.#evidence.beside === null) return this.#note('denials and reads, which this evidence does not hold')
    for (const kind of BESIDE_KINDS)
      for await (const side of this.#evidence.beside(kind, signal)) {
        const past = side.recordedAtMs >= this.#options.sinceMs ? pastOfSide(side) : null
        if (past !== null) this.#beside.push(past)
      }
    this.#beside.sort((one, other) => one.after - other.after || one.atMs - other.atMs)
  }

  async add({ position, record, payload, events, damage }: Transaction): Promise<void> {
    if (damage !== null || record === null || payload === null) return
    this.#release ??= record.release
    // What was decided before this record was written comes first.
    await this.#besideUpTo(position - events.length)
    this.#release = record.release
    const { state } = record
    if (record.t < this.#options.sinceMs || record.chain.length === 0) return
    if (state !== 'committed' && state !== 'held' && state !== 'denied') return
    const domain = events.filter((event) => !isEngineEntity(streamParts(event.record.stream).entity))
    await this.#judge({
      ...{ position, operation: record.op, actor: record.actor, action: record.action, run: record.run },
      ...{ atMs: record.t, release: record.release, state, payload },
      events: domain.map(({ record: { stream, type, n } }) => ({ stream, type, version: n })),
      effects: record.effects.map(({ effect }) => effect),
    })
  }

  async finish(): Promise<ReplayReport> {
    await this.#besideUpTo(Number.POSITIVE_INFINITY)
    const { sinceMs, limit, skip, policies } = this.#options
    const streams = [...this.#differing].flatMap(([stream, { by: _by, ...difference }]) =>
      difference.missing + difference.besides > 0 ? [{ stream, ...difference }] : [],
    )
    const ends = [...this.#flippedRuns.values(), ...this.#endings.values()]
    return {
      ...{ policySet: this.#bench.hashOf(policies), sinceMs, verdicts: this.#verdicts },
      ...{ flipped: this.#flipped, certain: this.#certain, flips: this.#flips },
      next: this.#flipped > skip + limit ? String(skip + limit) : null,
      streams: streams.slice(0, STREAMS_MAX),
      streamsMore: Math.max(0, streams.length - STREAMS_MAX),
      ends: ends.slice(0, ENDS_MAX),
      endsMore: Math.max(0, ends.length - ENDS_MAX),
      notChecked: [
        ...[...this.#notChecked].map(([what, count]) => (count > 1 ? `${what} (${count} times)` : what)),
        'what was out of scope for somebody, which leaves no record, and would be in scope now',
        'counts and sums of history as they would have become: each verdict is asked with those that there were',
        'finds that would have returned rows of what did not happen',
      ],
    }
  }

  close(): void {
    this.#bench.close()
  }

  #note(what: string): void {
    this.#notChecked.set(what, (this.#notChecked.get(what) ?? 0) + 1)
  }

  async #besideUpTo(position: number): Promise<void> {
    const until = this.#beside.findIndex(({ after }) => after >= position)
    const due = this.#beside.splice(0, until < 0 ? this.#beside.length : until)
    for (const past of due) await this.#judge({ ...past, release: this.#release })
  }

  async #judge(past: Past): Promise<void> {
    const { payload, release, operation, run } = past
    const { authority, request } = payload
    const full = authority === null || request === null || isSealedAway(payload) ? null : requestFromRecord(request)
    if (authority === null || full === null) return this.#note('a verdict whose request was not kept, or is sealed')
    const manifest = release === null ? null : await this.#evidence.manifest(release)
    if (release === null || manifest === null) return this.#note(`a verdict under \`${release}\`, which is not at hand`)
    this.#verdicts += 1
    const was: GivenVerdict = {
      verdict: past.state === 'held' ? 'held' : past.state === 'denied' ? 'denied' : 'admitted',
      rules: authority.rules,
    }
    const would = this.#would(full, past, release, manifest)
    const hold = operation === null || past.state === 'held' ? undefined : this.#flippedHolds.get(operation)
    const flips = would.verdict !== was.verdict
    const cause = this.#readsWhatDiffers(payload, manifest)
    const runEnd = run === null ? undefined : this.#flippedRuns.get(run)
    if (runEnd !== undefined) runEnd.after += 1
    else if (cause !== null && hold === undefined) this.#endBy(past, cause)
    const predictable = runEnd === undefined && cause === null
    if (hold !== undefined) return this.#afterHold(past, hold)
    if (!flips) {
      if (!predictable) this.#taint(past)
      return
    }
    this.#flip(past, was, would, predictable)
  }

  #would(full: CedarRequest, { state, action }: Past, release: ReleaseId, manifest: Manifest): Flip['would'] {
    const judgement = this.#bench.judge(this.#options.policies, release, manifest)
    const [principal, , ...above] = full.entities
    const scope: CedarRequest = {
      ...full,
      resource: { type: 'Application', id: judgement.schema.application },
      context: {},
      entities: [
        ...(principal === undefined ? [] : [principal]),
        applicationEntity(judgement.schema.application),
        ...above,
      ],
    }
    if (!judgement.inScope(scope)) return { verdict: 'out-of-scope', rules: judgement.scopeRules(scope), requires: [] }
    if (judgement.limits.length > 0 && Object.hasOwn(manifest.commands, action))
      this.#note('verdicts under limits of the policies to try: only those that the record has values for')
    const verdict = judgement.verdict(full)
    const requires = verdict.kind === 'held' ? verdict.requires : []
    // A read cannot wait: what a rule would hold is denied.
    const kind = verdict.kind === 'held' && state === 'read' ? 'denied' : verdict.kind
    return { verdict: kind, rules: verdict.rules, requires }
  }

  #flip(past: Past, was: GivenVerdict, would: Flip['would'], predictable: boolean): void {
    const { position, operation, actor, action, run, atMs, state } = past
    const change = changeOf(past, would.verdict)
    this.#flipped += 1
    if (predictable) this.#certain += 1
    const { skip, limit } = this.#options
    if (this.#flipped > skip && this.#flips.length < limit)
      this.#flips.push({ ...{ position, operation, actor, action, run, atMs, was, would, change, predictable } })
    if (state === 'held' && operation !== null) this.#flippedHolds.set(operation, { change, certain: predictable })
    if (!predictable) this.#taint(past)
    else if (state === 'committed') this.#miss(past)
    else if (change.kind === 'would-have-happened')
      for (const stream of change.streams) this.#difference(stream, operation).besides += 1
    if (run !== null && !this.#flippedRuns.has(run) && this.#flippedRuns.size < ENDS_MAX * 100)
      this.#flippedRuns.set(run, { run, operation, position, because: 'first-flip-of-its-run', after: 0 })
  }

  /** What was approved and went on, where there would have been nothing to approve: done earlier, or not at all. */
  #afterHold(past: Past, { change, certain }: { readonly change: Flip['change']; readonly certain: boolean }): void {
    if (!certain) this.#taint(past)
    else if (change.kind !== 'would-have-happened') this.#miss(past)
    else if (past.state === 'committed')
      for (const stream of change.streams) {
        const known = this.#differing.get(stream)
        if (known !== undefined) known.besides = Math.max(0, known.besides - 1)
      }
  }

  #difference(stream: string, by: string | null): Difference {
    let known = this.#differing.get(stream)
    if (known === undefined) {
      known = { missing: 0, besides: 0, without: [], predictable: true, by }
      this.#differing.set(stream, known)
    }
    return known
  }

  #miss({ events, operation }: Past): void {
    for (const { stream, version } of events) {
      const known = this.#difference(stream, operation)
      known.missing += 1
      if (known.without.length < VERSIONS_MAX) known.without.push(version)
      else known.predictable = false
    }
  }

  /** What it wrote may be different: whoever reads it rests on what is not known. */
  #taint({ events, operation }: Past): void {
    for (const { stream } of events) this.#difference(stream, operation).predictable = false
  }

  /** The first stream, among what an operation read or found, that would be different. */
  #readsWhatDiffers({ reads }: OperationPayload, manifest: Manifest): string | null {
    if (reads === null || this.#differing.size === 0) return null
    for (const { stream } of reads.streams) if (this.#differing.has(stream)) return stream
    for (const { query, rows } of reads.finds) {
      const of = manifest.readModels[query.model]?.of
      const found = rows.find(({ id }) => this.#differing.has(`${of}/${id}`))
      if (found !== undefined) return `${of}/${found.id}`
    }
    return null
  }

  #endBy({ run, operation, position }: Past, stream: string): void {
    const key = this.#differing.get(stream)?.by ?? stream
    const known = this.#endings.get(key)
    if (known !== undefined) known.after += 1
    else if (this.#endings.size < ENDS_MAX * 100)
      this.#endings.set(key, { run, operation, position, because: 'read-what-would-differ', after: 0 })
  }
}

const nameOf = ({ stream, type }: { readonly stream: string; readonly type: string }): string =>
  `${streamParts(stream as never).entity}.${type}`
const applicationEntity = (id: string): Entity => ({ uid: { type: 'Application', id }, attrs: { id }, parents: [] })

/** From what it did, or, of what did not happen, from the impact that its record holds. */
function changeOf({ state, events, effects, payload }: Past, would: GivenVerdict['verdict']): Flip['change'] {
  const nothing = { events: [], streams: [], effects: [] }
  if (state === 'committed' && would !== 'admitted') {
    const done = { events: events.map(nameOf), streams: [...new Set(events.map(({ stream }) => stream))], effects }
    return { kind: would === 'held' ? 'would-have-waited' : 'would-not-have-happened', ...done }
  }
  const impact = payload.impact as Impact | null
  if (would === 'admitted' && (state === 'held' || state === 'denied') && impact !== null)
    return { kind: 'would-have-happened', events: impact.events, streams: impact.streams, effects: impact.effects }
  return { kind: would === 'held' && state === 'denied' ? 'would-have-waited' : 'none', ...nothing }
}

function pastOfSide(side: SideRecord): (Past & { readonly after: number }) | null {
  const payload = JSON.parse(side.body) as OperationPayload
  const { operation, principal: actor, action, kind, recordedAtMs } = side
  if (payload.authority === null) return null
  const run = payload.reads?.streams.find(({ stream }) => stream.startsWith('plinth.run/'))?.stream
  return {
    ...{ position: null, operation, actor, action, atMs: recordedAtMs, release: null, payload },
    run: run === undefined ? null : run.slice('plinth.run/'.length),
    state: kind === 'read' ? 'read' : 'denied',
    events: [],
    effects: [],
    after: payload.reads?.position ?? -1,
  }
}
