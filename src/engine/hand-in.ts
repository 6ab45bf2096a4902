/** Posts a request to the committer, and keeps the states in step with it: tentative while it is under way, committed when it has landed. */
import type { CommitRequest, CommitResult } from './committer/commit-request.ts'
import { countedRequest } from './history/counted-operation.ts'
import type { Parts } from './parts.ts'
import { recordedOutcome } from './recorded-outcome.ts'
import { leaseProblem, switchedProblem } from './switches.ts'
import type { CommitUnderWay, TentativeState } from './states.ts'
import type { Position, StreamId } from '../model/ids.ts'
import type { JsonText } from '../model/json.ts'
import type { Outcome } from '../model/operation.ts'
import { Problem, problem, type ProblemCode } from '../model/problems.ts'

/** Whatever the signer says, the commit may be written: only its signature is missing. */
const MAY_BE_WRITTEN: ReadonlySet<ProblemCode> = new Set([
  'storage-unavailable',
  'signer-unavailable',
  'signer-refused',
  'signer-fenced',
  'signer-state-damaged',
  'log-behind-signer',
  'log-forked',
])

export type HandedIn =
  | Extract<CommitResult, { kind: 'committed' }>
  | { readonly kind: 'moved' }
  | { readonly kind: 'known'; readonly outcome: Outcome }

/**
 * @param after state of each written stream; `versions` its version
 * @param assumed what was read of commits that were under way then
 * @param era of the read session: what was read before an erasure is not written after it
 * @returns `moved` also without asking the committer, when a commit under way stands between this one and what it read; then that has settled
 * @returns `known` when the operation is on record already: its recorded outcome
 * @throws `storage-unavailable`, `signer-unavailable`, `overloaded`, `principal-revoked`, `idempotency-key-reused`
 */
export async function handIn(
  parts: Parts,
  request: CommitRequest,
  after: ReadonlyMap<StreamId, JsonText>,
  versions: ReadonlyMap<StreamId, number>,
  assumed: ReadonlyMap<StreamId, TentativeState> = new Map(),
  era: number | null = null,
): Promise<HandedIn> {
  if (era !== null && parts.personal !== null && era !== parts.personal.era) return { kind: 'moved' }
  for (const { stream } of request.streams) {
    const rival = parts.states.rival(stream, assumed.get(stream))
    if (rival === null) continue
    await rival.settled
    return { kind: 'moved' }
  }
  parts.known.note(request.operation)
  const posted = parts.committer.commit(
    parts.personal === null ? request : { ...request, subjects: parts.personal.subjectsOf(after) },
  )
  const commit = underWay(posted)
  const tentative = new Map<StreamId, TentativeState>()
  for (const [stream, state] of after) tentative.set(stream, { version: versions.get(stream) ?? 0, state, commit })
  parts.states.expect(tentative)
  const counted = request.state === 'committed' && parts.history.counting ? countedRequest(request) : null
  const counting = counted === null ? null : parts.history.expect(counted, commit)
  try {
    const result = await posted.catch((error: unknown) => {
      if (!(error instanceof Problem) || MAY_BE_WRITTEN.has(error.code)) {
        parts.states.distrust()
        parts.history.distrust()
      }
      throw error // any other turned this one down before it was written
    })
    if (result.kind === 'committed') {
      if (counted !== null) parts.history.committed(counted, result.position, result.recordedAtMs)
      takeIn(parts, request, after, result)
    }
    if (result.kind === 'moved') parts.states.forget(request.streams.map(({ stream }) => stream))
    if (result.kind === 'revoked') {
      throw problem(
        'principal-revoked',
        `\`${result.principal}\` was revoked before this could be committed; nothing was written`,
        { operation: request.operation },
      )
    }
    if (result.kind === 'switched') throw switchedProblem(result.by, request.operation)
    if (result.kind === 'lease-expired') throw leaseProblem(result.untilMs, request.operation)
    if (result.kind !== 'known') return result
    const outcome = await recordedOutcome(parts, request.operation, request.intentHash)
    if (outcome === null)
      throw problem('storage-damaged', 'an operation is known but its record is not there', {
        operation: request.operation,
      })
    return { kind: 'known', outcome }
  } finally {
    counting?.()
    parts.states.settle(tentative)
  }
}

function underWay(posted: Promise<CommitResult>): CommitUnderWay {
  const know = (landed: boolean): boolean => (commit.landed = landed)
  const settled = posted.then(
    ({ kind }) => know(kind === 'committed'),
    () => know(false),
  )
  const commit: { landed: boolean | null; readonly settled: Promise<boolean> } = { landed: null, settled }
  return commit
}

/** First the states, then the head: who reads at the head never meets an older state. */
function takeIn(
  parts: Parts,
  request: CommitRequest,
  after: ReadonlyMap<StreamId, JsonText>,
  result: Extract<CommitResult, { kind: 'committed' }>,
): void {
  const positions = new Map<StreamId, Position>()
  request.events.forEach(({ stream }, i) => positions.set(stream, result.eventPositions[i] as Position))
  for (const { stream, version, leaf } of result.heads) {
    const state = after.get(stream)
    const position = positions.get(stream)
    if (state !== undefined && position !== undefined)
      parts.states.committed(stream, { version, position, leaf, state })
  }
  parts.states.advance(result.position)
}
