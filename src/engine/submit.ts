/**
 * The path of one action, from caller to receipt. Each step is a call that returns and opens to one short file:
 * authenticate → begin → scope → switches → decide → admit on impact → commit. A refusal, a denial and a hold leave the path where they arise.
 */
import { askedLevel } from './acknowledgement/asked-level.ts'
import { admit } from './admit.ts'
import { BOUND_PARTS, bindsOf, boundBy, changedParts, type BoundPart } from './approval-binding.ts'
import { ATTEMPTS_MAX } from './bounds.ts'
import { gate } from './gate.ts'
import { begin } from './begin.ts'
import { commit } from './commit.ts'
import { decide, type Accepted } from './decide.ts'
import { denied } from './denied.ts'
import { changedSinceApproval, hold } from './hold.ts'
import type { Timed } from './engine.ts'
import { recordFailure } from './failed.ts'
import { adoptLimits } from './history/adopt-limits.ts'
import { usableGrant, type GrantUse } from './grants.ts'
import { historyStillHolds } from './history/history.ts'
import type { Parts } from './parts.ts'
import type { Proposal } from './proposal.ts'
import { refused } from './refused.ts'
import { streamsNamed } from './streams-named.ts'
import { Stopwatch } from './stopwatch.ts'
import { passSwitches } from './switches.ts'
import { highest, type Level } from '../model/acknowledgement.ts'
import { streamId } from '../model/ids.ts'
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
  const { acknowledgement } = parts
  const asked = intent.acknowledge ?? null
  if (begun.kind === 'known') {
    const answer = await acknowledgement.answer(await begun.outcome, asked, acknowledgement.waitMs, signal)
    watch.lap('begin')
    return { answer, timings: watch.timings() }
  }
  const { operation, intentHash } = begun
  if (!parts.policy.inScope(principal, intent.command)) {
    passSwitches(parts, principal, { command: '', run: intent.run }, 'change') // who is stopped is told so, whatever they ask for
    throw problem('no-such-command', `there is no command \`${intent.command}\` here`)
  }
  const input = parts.validators.commandInput(intent.command, intent.input)
  acknowledgement.require(highest(asked, parts.release.manifest.commands[intent.command]?.acknowledge))
  watch.lap('begin')
  const proposal: Proposal = { operation, intentHash, principal, intent, input, approvals: [], resumed: null }
  gate(parts, proposal)
  const work = (stop: AbortSignal): Promise<Outcome> => perform(parts, proposal, watch, stop)
  const outcome = await parts.running.run(operation, intentHash, principal, signal, work, intent)
  const answer = await acknowledgement.answer(outcome, asked, acknowledgement.waitMs, signal)
  watch.lap('commit')
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
    const outcome = await attempt(parts, proposal, watch, signal)
    parts.breakers.ended(parts, proposal, outcome)
    return outcome
  } catch (error) {
    if (error instanceof Error) parts.breakers.ended(parts, proposal, error)
    recordFailure(parts, proposal, error)
    throw error
  }
}

async function attempt(parts: Parts, proposal: Proposal, watch: Stopwatch, signal: AbortSignal): Promise<Outcome> {
  const inTurn = new Set(streamsNamed(parts, proposal))
  for (let attempts = 1; attempts <= ATTEMPTS_MAX; attempts++) {
    const turn = await parts.turns.take([...inTurn], signal)
    try {
      const decision = await decide(parts, proposal, signal)
      watch.lap('decide')
      if (decision.kind === 'unfounded') continue
      if (decision.kind === 'refused') {
        turn.end()
        if (!(await decision.session.stillHolds())) continue
        return await refused(parts, proposal, decision, attempts)
      }
      const changed = changedSince(parts, proposal, decision)
      if (changed.length > 0) {
        turn.end()
        if (!(await decision.session.stillHolds())) continue
        return await changedSinceApproval(parts, proposal, decision, attempts, changed)
      }
      if (parts.history.distrusted) await adoptLimits(parts, parts.authority.current())
      const admitted = admit(parts, proposal, decision.admitRequest)
      const { admission, read } = admitted
      watch.lap('admit')
      if (
        admission.kind === 'held' &&
        admission.grants &&
        proposal.resumed === null &&
        proposal.approvals.length === 0
      ) {
        const use = await usableGrant(parts, proposal, decision, admission.requires, signal)
        if (use !== null) {
          const result = await commitUnderGrant(parts, proposal, decision, use, attempts, signal)
          turn.end()
          if (result === null) continue
          watch.lap('commit')
          if (result.kind !== 'moved') return result
          inTurn.add(use.stream)
          continue
        }
      }
      if (admission.kind !== 'denied') parts.acknowledgement.require(levelOf(parts, proposal, decision))
      if (admission.kind !== 'admitted') {
        turn.end()
        if (!(await decision.session.stillHolds())) continue
        if (read !== null && !(await historyStillHolds(read))) continue
        return admission.kind === 'held'
          ? await hold(parts, proposal, decision, { admission, read }, attempts)
          : await denied(parts, proposal, decision, { admission, read }, attempts)
      }
      signal.throwIfAborted()
      const handedIn = commit(parts, proposal, decision, admitted, attempts)
      turn.end() // the next in line decides on what this commit would leave
      const result = await handedIn
      watch.lap('commit')
      if (result.kind !== 'moved') return result
      for (const stream of decision.impact.streams) inTurn.add(stream) // contended without being named in the input
    } finally {
      turn.end()
    }
  }
  throw problem('stream-contended', `decided ${ATTEMPTS_MAX} times and lost each time`, {
    operation: proposal.operation,
    attempts: ATTEMPTS_MAX,
  })
}

/** What this commit would have to be acknowledged at: known before it is made. */
function levelOf({ release }: Parts, { intent: { acknowledge, command } }: Proposal, { events }: Accepted): Level {
  const written = events.map(({ entity, id, type }) => ({ stream: streamId(entity, id), type }))
  return askedLevel(release.manifest, { acknowledge, command, events: written })
}

/** What is not as it was when it was approved: then it is asked anew. One held before its parts were recorded counts as changed altogether. */
function changedSince(parts: Parts, proposal: Proposal, decision: Accepted): readonly BoundPart[] {
  if (proposal.resumed === null) return []
  const { binds, bound } = proposal.resumed
  const now = boundBy(parts, proposal, decision)
  if (bindsOf(now) === binds) return []
  return bound === null || bindsOf(bound) !== binds ? BOUND_PARTS : changedParts(bound, now)
}

/** The same once more, with what a grant stands in for; null when it is still not admitted, and so is to be decided again. */
function commitUnderGrant(
  parts: Parts,
  proposal: Proposal,
  decision: Accepted,
  use: GrantUse,
  attempts: number,
  signal: AbortSignal,
): ReturnType<typeof commit> | null {
  signal.throwIfAborted()
  const admitted = admit(parts, proposal, { ...decision.admitRequest, approvals: use.approvals })
  if (admitted.admission.kind !== 'admitted') return null
  parts.acknowledgement.require(levelOf(parts, proposal, decision))
  return commit(parts, proposal, decision, admitted, attempts, use)
}
