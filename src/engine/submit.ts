/**
 * The path of one action, from caller to receipt. Each step is a call that returns and opens to one short file:
 * authenticate → begin → propose → gate → decide → admit on impact → commit → acknowledge. A refusal, a denial and a hold leave the path where they arise.
 */
import { levelOf } from './acknowledgement/asked-level.ts'
import { atLevel } from './acknowledgement/at-level.ts'
import { admit } from './admit.ts'
import { changedSinceHeld } from './approval-binding.ts'
import { ATTEMPTS_MAX } from './bounds.ts'
import { gate } from './gate.ts'
import { begin } from './begin.ts'
import { commit } from './commit.ts'
import { decide } from './decide.ts'
import { denied } from './denied.ts'
import { askAnew, hold } from './hold.ts'
import type { Timed } from './engine.ts'
import { adoptLimits } from './history/adopt-limits.ts'
import { usableGrant } from './grants.ts'
import { historyStillHolds } from './history/history.ts'
import type { Parts } from './parts.ts'
import { noteFailure } from './pauses.ts'
import type { Proposal } from './proposal.ts'
import { propose } from './propose.ts'
import { refused } from './refused.ts'
import { enterRun } from './run-opened.ts'
import { streamsNamed } from './streams-named.ts'
import { Stopwatch } from './stopwatch.ts'
import type { Turn } from './turns.ts'
import type { StreamId } from '../model/ids.ts'
import type { Intent, Outcome } from '../model/operation.ts'
import type { Credentials } from '../model/principal.ts'
import { problem } from '../model/problems.ts'

/**
 * Takes one intent from caller to outcome. `signal` ends the waiting at once. When nobody else waits under the same key, it also ends the work,
 * until its commit is handed in; whichever it was, the same key asks for the outcome.
 * @throws the faults of src/model/problems.ts; refused, denied and held are answers
 */
export async function submit(
  parts: Parts,
  credentials: Credentials,
  intent: Intent,
  signal: AbortSignal,
): Promise<Timed<Outcome>> {
  const watch = new Stopwatch(parts.clock)
  const principal = await parts.identity.authenticate(credentials, signal)
  watch.lap('authenticate')
  const begun = begin(parts, principal, intent, signal)
  if (begun.kind === 'known') return acknowledged(parts, intent, await begun.outcome, watch, 'begin', signal)
  const proposal = propose(parts, principal, intent, begun)
  watch.lap('begin')
  gate(parts, proposal)
  const { operation, intentHash } = begun
  const work = (stop: AbortSignal): Promise<Outcome> => perform(parts, proposal, watch, stop)
  const outcome = await parts.running.run(operation, intentHash, principal, signal, work, intent)
  return acknowledged(parts, intent, outcome, watch, 'commit', signal)
}

/** The answer at the level that is asked for, once it stands there, and how long each step took. */
async function acknowledged(
  parts: Parts,
  { acknowledge }: Intent,
  outcome: Outcome,
  watch: Stopwatch,
  phase: 'begin' | 'commit',
  signal: AbortSignal,
): Promise<Timed<Outcome>> {
  const answer = await atLevel(parts, outcome, acknowledge ?? null, signal)
  watch.lap(phase)
  return { answer, timings: watch.timings() }
}

/** Decides, admits and commits; decides again when another operation won a stream that was read. Also how a held operation resumes. */
export async function perform(
  parts: Parts,
  proposal: Proposal,
  watch: Stopwatch,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    await enterRun(parts, proposal.principal, proposal.intent.run, signal)
    const outcome = await decideAndCommit(parts, proposal, watch, signal)
    parts.breakers.ended(parts, proposal, outcome)
    return outcome
  } catch (error) {
    if (error instanceof Error) parts.breakers.ended(parts, proposal, error)
    noteFailure(parts, proposal, error)
    throw error
  }
}

/** Attempt after attempt, each in its turn on the streams that this one or those before it named. */
async function decideAndCommit(
  parts: Parts,
  proposal: Proposal,
  watch: Stopwatch,
  signal: AbortSignal,
): Promise<Outcome> {
  const inTurn = new Set(streamsNamed(parts, proposal))
  for (let attempts = 1; attempts <= ATTEMPTS_MAX; attempts++) {
    const turn = await parts.turns.take([...inTurn], signal)
    try {
      const outcome = await attempt(parts, proposal, { attempts, turn, watch, signal })
      if (outcome.kind !== 'moved') return outcome
      for (const stream of outcome.contended) inTurn.add(stream)
    } finally {
      turn.end()
    }
  }
  throw problem('stream-contended', `decided ${ATTEMPTS_MAX} times and lost each time`, {
    operation: proposal.operation,
    attempts: ATTEMPTS_MAX,
  })
}

/** One attempt: how many there were with it, and its turn on the streams that it names, which ends as soon as others need not wait for it. */
interface Attempt {
  readonly attempts: number
  readonly turn: Turn
  readonly watch: Stopwatch
  readonly signal: AbortSignal
}

/** What was decided on is not so any more: to be decided again, in turn on the streams that were contended. */
interface Moved {
  readonly kind: 'moved'
  readonly contended: readonly StreamId[]
}
const MOVED: Moved = { kind: 'moved', contended: [] }

async function attempt(
  parts: Parts,
  proposal: Proposal,
  { attempts, turn, watch, signal }: Attempt,
): Promise<Outcome | Moved> {
  const decision = await decide(parts, proposal, signal)
  watch.lap('decide')
  if (decision.kind === 'unfounded') return MOVED
  if (decision.kind === 'refused') {
    turn.end()
    return (await decision.session.stillHolds()) ? refused(parts, proposal, decision, attempts) : MOVED
  }
  const changed = changedSinceHeld(parts, proposal, decision)
  if (changed.length > 0) {
    turn.end()
    return (await decision.session.stillHolds()) ? askAnew(parts, proposal, decision, attempts, changed) : MOVED
  }
  if (parts.history.distrusted) await adoptLimits(parts, parts.authority.current())
  // From here to the commit nobody may come between, or two would fit under one limit: it waits only for a grant, and then asks policy again.
  let { admission, read } = admit(parts, proposal, decision.admitRequest)
  const use = admission.kind === 'held' ? await usableGrant(parts, proposal, decision, admission, signal) : null
  if (use !== null)
    ({ admission, read } = admit(parts, proposal, { ...decision.admitRequest, approvals: use.approvals }))
  watch.lap('admit')
  if (admission.kind !== 'denied')
    parts.acknowledgement.require(levelOf(parts.release.manifest, proposal.intent, decision))
  if (admission.kind === 'admitted') {
    signal.throwIfAborted()
    const committing = commit(parts, proposal, decision, { admission, read }, attempts, use)
    if (use === null) turn.end() // the next in line decides on what this commit would leave
    const result = await committing
    watch.lap('commit')
    if (result.kind !== 'moved') return result
    return {
      kind: 'moved',
      contended: use === null ? decision.impact.streams : [...decision.impact.streams, use.stream],
    }
  }
  turn.end()
  if (!(await decision.session.stillHolds()) || !(read === null || (await historyStillHolds(read)))) return MOVED
  return admission.kind === 'held'
    ? hold(parts, proposal, decision, { admission, read }, attempts)
    : denied(parts, proposal, decision, { admission, read }, attempts)
}
