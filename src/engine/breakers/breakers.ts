/**
 * All breakers of the policy set in force, one for each principal, command or release that they tell apart. They only ever narrow: what they refuse, policy
 * might have allowed. Each change of state goes on record in the log, with its evidence; what was open when the process ended is open when it starts again,
 * for as long as the policy set says the same of that breaker, and, where releases are told apart, the same release is active.
 */
import { Breaker, type BreakerState, type Ended, type Transition } from './breaker.ts'
import { BREAKER } from '../engine-streams.ts'
import { LruMap } from '../lru-map.ts'
import type { Parts } from '../parts.ts'
import type { Proposal } from '../proposal.ts'
import { recordOnce } from '../record-once.ts'
import { sha256Hex, streamId, streamParts, type Hash, type Position } from '../../model/ids.ts'
import { canonicalJson, type Json, type JsonObject } from '../../model/json.ts'
import type { Outcome } from '../../model/operation.ts'
import { Problem, problem } from '../../model/problems.ts'
import { readBreakers, type BreakerRule } from '../../policy/breakers.ts'

const KEPT_MAX = 20_000 // breakers in memory; one that was forgotten while it was closed begins anew
const RESTORED_MAX = 1_000
const LAST = Number.MAX_SAFE_INTEGER as Position
const FAULTS: ReadonlySet<string> = new Set(['application-failed', 'application-output-invalid', 'limit-exceeded'])

/** What a breaker covers, as it is shown and recorded. */
interface Subject {
  readonly breaker: string
  readonly principal: string | null
  readonly command: string | null
  readonly release: string | null
}
export interface OpenBreaker extends Subject {
  readonly state: Exclude<BreakerState, 'closed'>
  readonly untilMs: number
}
interface Watched {
  readonly rule: BreakerRule
  readonly subject: Subject
  readonly key: string
  readonly breaker: Breaker
}

export class Breakers {
  readonly #watched = new LruMap<string, Watched>(KEPT_MAX)
  /** Whole answers of what was committed, before rules took anything out of them: what was moved counts. */
  readonly #made = new WeakMap<Proposal, Json>()
  /** Those that are not closed; never forgotten. */
  readonly #open = new Map<string, Watched>()
  #policies: object | null = null
  #rules: readonly BreakerRule[] = []

  /** At start, before the first call: what was open stays open until its time. */
  async restore(parts: Parts, signal: AbortSignal): Promise<void> {
    this.#read(parts)
    for (const stream of parts.reader.streams(BREAKER, null, LAST, RESTORED_MAX)) {
      const { state } = await parts.states.at(stream, parts.states.visible, signal)
      if (state === null) continue
      const { to, untilMs, breaker, principal, command, release = null, rule: said } = JSON.parse(state) as Recorded
      const rule = this.#rules.find(({ name }) => name === breaker)
      if (to === 'closed' || rule === undefined || said !== hashOf(rule)) continue
      if (release !== null && release !== parts.release.id) continue
      const subject = { breaker, principal, command, release }
      const key = streamParts(stream).id
      this.#open.set(key, { rule, subject, key, breaker: new Breaker(rule, untilMs ?? 0) })
    }
  }

  /** @throws `breaker-open` with what tripped it. Otherwise the call is let through, and `ended` must be told how it ended. */
  pass(parts: Parts, proposal: Proposal): void {
    this.#read(parts)
    const nowMs = parts.clock.nowMs()
    const taken: Watched[] = []
    for (const watched of this.#over(parts, proposal)) {
      const { passes, transition } = watched.breaker.take(nowMs)
      if (transition !== null) this.#record(parts, watched, transition, proposal)
      if (passes) {
        taken.push(watched)
        continue
      }
      for (const { breaker } of taken) breaker.left()
      const { subject, breaker } = watched
      throw problem('breaker-open', `breaker \`${subject.breaker}\` has tripped and is ${breaker.stateAt(nowMs)}`, {
        ...subject,
        untilMs: breaker.untilMs,
        operation: proposal.operation,
      })
    }
  }

  /** What a call that is committed answers, as it was decided. To be told before `ended`. */
  made(proposal: Proposal, result: Json): void {
    this.#made.set(proposal, result)
  }

  /** @param outcome what the call came to, or what it failed with */
  ended(parts: Parts, proposal: Proposal, outcome: Outcome | Error): void {
    for (const watched of this.#over(parts, proposal)) {
      const ended = endedOf(watched.rule, outcome, { input: proposal.input, result: this.#made.get(proposal) ?? null })
      if (ended === null) watched.breaker.left()
      else {
        const transition = watched.breaker.ended(ended, parts.clock.nowMs())
        if (transition !== null) this.#record(parts, watched, transition, proposal)
      }
    }
  }

  /** Those that are not closed, at most `limit`. */
  list(parts: Parts, limit: number): readonly OpenBreaker[] {
    this.#read(parts)
    const nowMs = parts.clock.nowMs()
    return [...this.#open.values()].slice(0, limit).flatMap(({ subject, breaker }) => {
      const state = breaker.stateAt(nowMs)
      return state === 'closed' ? [] : [{ ...subject, state, untilMs: breaker.untilMs }]
    })
  }

  #read(parts: Parts): void {
    const { policies } = parts.authority.current()
    if (policies === this.#policies) return
    this.#policies = policies
    this.#rules = readBreakers(policies).breakers
    this.#watched.clear()
    const rules = new Set(this.#rules.map(hashOf))
    for (const [key, { rule }] of this.#open) if (!rules.has(hashOf(rule))) this.#open.delete(key)
  }

  #over({ release }: Parts, { principal, intent }: Proposal): readonly Watched[] {
    if (!Object.hasOwn(release.manifest.commands, intent.command)) return []
    return this.#rules
      .filter(({ of }) => of === null || of.includes(intent.command))
      .map((rule) => {
        const subject: Subject = {
          breaker: rule.name,
          principal: rule.per.includes('principal') ? principal.id : null,
          command: rule.per.includes('command') ? intent.command : null,
          release: rule.per.includes('release') ? release.id : null,
        }
        const { breaker, principal: who, command, release: which } = subject
        const key = sha256Hex(JSON.stringify([breaker, who, command, ...(which === null ? [] : [which])])).slice(0, 32)
        const known = this.#open.get(key) ?? this.#watched.get(key)
        if (known !== undefined) return known
        const watched = { rule, subject, key, breaker: new Breaker(rule) }
        this.#watched.set(key, watched)
        return watched
      })
  }

  /** In memory at once; on record soon. A record that is lost with the process costs a restart its open breaker, and is reported. */
  #record(parts: Parts, watched: Watched, { to, evidence, untilMs }: Transition, { operation }: Proposal): void {
    const { key, subject, rule } = watched
    if (to === 'closed') {
      this.#open.delete(key)
      this.#watched.set(key, watched)
    } else this.#open.set(key, watched)
    const data = { ...subject, rule: hashOf(rule), to, untilMs, evidence, last: operation } satisfies Recorded &
      JsonObject
    const once = `breaker:${key}:${operation}:${to}`
    recordOnce(parts, streamId(BREAKER, key), 'plinth.breaker', once, to, data).catch((error: unknown) =>
      process.emitWarning(`breaker \`${subject.breaker}\` is not on record: ${String(error)}`, 'PlinthBreakers'),
    )
  }
}

interface Recorded extends Subject {
  /** Of the rule that it obeys: one that has changed since begins anew. */
  readonly rule: Hash
  readonly to: BreakerState
  readonly untilMs: number | null
}

const hashOf = (rule: BreakerRule): Hash => sha256Hex(canonicalJson(rule as unknown as JsonObject))

/** Null for what says nothing of how well it goes: held, cancelled, or turned away before it was tried. */
function endedOf({ trip }: BreakerRule, outcome: Outcome | Error, body: JsonObject): Ended | null {
  if (outcome instanceof Error)
    return outcome instanceof Problem && FAULTS.has(outcome.code) ? { how: 'failed', amount: 0 } : null
  if (outcome.kind === 'refused' || outcome.kind === 'denied') return { how: 'refused', amount: 0 }
  if (outcome.kind !== 'committed') return null
  return { how: 'changed', amount: trip.kind === 'sum' ? amountAt(body, trip.path) : 0 }
}

function amountAt(body: JsonObject, path: readonly string[]): number {
  let value: Json | undefined = body
  for (const member of path)
    value = typeof value === 'object' && value !== null ? (value as JsonObject)[member] : undefined
  return typeof value === 'number' ? Math.abs(value) : 0
}
