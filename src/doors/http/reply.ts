/** What goes back: answers as they are, faults as RFC 9457 problems. Both carry only what the engine or the registry said. */
import type { Outcome, Timings } from '../../model/operation.ts'
import { Problem, problem, type ProblemCode } from '../../model/problems.ts'
import { checkpointOf, type Receipt } from '../../model/receipt.ts'
import type { QueryOutcome } from '../../engine/engine.ts'

export interface Reply {
  readonly status: number
  readonly type: 'application/json' | 'application/problem+json' | 'text/plain; charset=utf-8'
  readonly body: string
  /** Names and values in turn, beside type and length. */
  readonly headers: readonly string[]
  /** Phases of the engine, for the `Plinth-Timing` header. */
  readonly timings: Timings | null
  /** The checkpoint that the answer itself carries; otherwise the newest stands for it. */
  readonly checkpoint?: string
}

const NO_HEADERS: readonly string[] = []

export function json(value: unknown, status = 200, headers = NO_HEADERS, timings: Timings | null = null): Reply {
  return { status, type: 'application/json', body: JSON.stringify(value), headers, timings }
}

export const text = (body: string): Reply => ({
  status: 200,
  type: 'text/plain; charset=utf-8',
  body,
  headers: NO_HEADERS,
  timings: null,
})

/** Members that turn an answer other than success into something its reader can act on. */
export const NEXT = {
  refused: 'change what the refusal names, and send it with a new key',
  denied: 'no retry of this will pass; see which rules decided with `plinth why <operation>`',
  'denied-by-limit':
    'ask for less, or again with a new key when the window of the limit has moved on; `plinth why <operation>` shows where it stands',
  held: 'wait for it at `/v1/operations/{operation}/outcome?waitMs=30000`; somebody else decides',
  awaiting: 'send it again with the same key, or wait at `/v1/operations/{operation}/outcome?waitMs=30000`',
  'awaiting-title': 'this is committed, and does not stand at the level that was asked for yet',
  'denied-title': 'a policy forbids this',
  'held-title': 'this waits for somebody to approve it',
} as const

/** Nothing but limits forbids it, and these pass with time. */
export const isByLimit = ({ rules }: { readonly rules: readonly string[] }): boolean =>
  rules.length > 0 && rules.every((rule) => rule.startsWith('limit:'))

/** The outcome of a command: 200 committed, 202 held or awaiting its level, 403 denied, 422 refused. */
export function outcomeReply(outcome: Outcome, timings: Timings | null): Reply {
  const headers = ['Plinth-Operation', outcome.operation]
  if (outcome.replayed) headers.push('Idempotent-Replayed', 'true')
  switch (outcome.kind) {
    case 'committed':
      headers.push('Plinth-Position', String(outcome.position))
      return { ...json(outcome, 200, headers, timings), checkpoint: checkpointOf(outcome.receipt) }
    case 'awaiting':
      headers.push('Plinth-Position', String(outcome.position))
      headers.push('Location', `/v1/operations/${outcome.operation}/outcome`)
      return {
        ...json({ ...outcome, title: NEXT['awaiting-title'], next: NEXT.awaiting }, 202, headers, timings),
        checkpoint: checkpointOf(outcome.receipt),
      }
    case 'held':
      headers.push('Location', `/v1/operations/${outcome.operation}/outcome`)
      return under(
        json({ ...outcome, title: NEXT['held-title'], next: NEXT.held }, 202, headers, timings),
        outcome.receipt,
      )
    case 'denied':
      return under(
        json({ ...outcome, title: NEXT['denied-title'], next: nextOf(outcome) }, 403, headers, timings),
        outcome.receipt,
      )
    case 'refused':
      return under(json({ ...outcome, next: NEXT.refused }, 422, headers, timings), outcome.receipt)
    default:
      return outcome satisfies never
  }
}

const nextOf = (outcome: Extract<Outcome, { kind: 'denied' }>): string =>
  isByLimit(outcome) ? NEXT['denied-by-limit'] : NEXT.denied

/** The reply under the checkpoint of its own receipt. */
const under = (reply: Reply, receipt: Receipt | undefined): Reply =>
  receipt === undefined ? reply : { ...reply, checkpoint: checkpointOf(receipt) }

export function queryReply(outcome: QueryOutcome, timings: Timings): Reply {
  const headers = ['Plinth-Operation', outcome.operation]
  switch (outcome.kind) {
    case 'answered':
      headers.push('Plinth-Position', String(outcome.asOf))
      return { ...json(outcome, 200, headers, timings), checkpoint: outcome.checkpoint }
    case 'denied':
      return json({ ...outcome, title: NEXT['denied-title'], next: NEXT.denied }, 403, headers, timings)
    case 'refused':
      return json({ ...outcome, next: NEXT.refused }, 422, headers, timings)
    default:
      return outcome satisfies never
  }
}

/** Any thrown thing as a `Problem`: what is not one already is a bug, and says nothing of itself. */
export const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : problem('bug', 'the request met a fault in the program', {}, error)

/** An engine that was told to stop says `cancelled`; the caller is told why it was stopped. */
export const stoppedFor = (fault: Problem, signal: AbortSignal): Problem =>
  fault.code === 'cancelled' && signal.reason instanceof Problem ? signal.reason : fault

/** Faults whose text is for the author or the operator, who find it on record under the operation. The caller may be neither. */
const ON_RECORD: ReadonlySet<ProblemCode> = new Set(['application-failed', 'admission-failed', 'bug'])
export const shownDetail = (fault: Problem): string =>
  ON_RECORD.has(fault.code) ? 'what happened is on record' : fault.detail

/** Members of the problem object; `instance` names this one request. */
export function problemObject(fault: Problem, instance: string): Readonly<Record<string, unknown>> {
  const { status, title, retry, next } = fault.spec
  return {
    ...fault.members,
    type: `urn:plinth:problem:${fault.code}`,
    title,
    status,
    detail: shownDetail(fault),
    instance,
    code: fault.code,
    retry,
    next,
  }
}

export function problemReply(fault: Problem, instance: string): Reply {
  const { status, retry } = fault.spec
  const headers: string[] = []
  if (status === 401) headers.push('WWW-Authenticate', challenge(fault))
  if (retry === 'later') headers.push('Retry-After', '1')
  const allow = fault.members['allow']
  if (fault.code === 'method-not-allowed' && Array.isArray(allow)) headers.push('Allow', allow.join(', '))
  return {
    status,
    type: 'application/problem+json',
    body: JSON.stringify(problemObject(fault, instance)),
    headers,
    timings: null,
  }
}

/** RFC 6750: no error code where no credentials were sent. */
export const challenge = (fault: Problem): string =>
  fault.code === 'credentials-missing' ? 'Bearer realm="plinth"' : 'Bearer realm="plinth", error="invalid_token"'

/** Phases in microseconds; `door` is what this door added. */
export function timingHeader(timings: Timings, doorTotalUs: number): string {
  const door = Math.max(0, doorTotalUs - timings.totalUs)
  return (
    `authenticate;us=${Math.round(timings.authenticateUs)}, begin;us=${Math.round(timings.beginUs)}, ` +
    `decide;us=${Math.round(timings.decideUs)}, admit;us=${Math.round(timings.admitUs)}, ` +
    `commit;us=${Math.round(timings.commitUs)}, total;us=${Math.round(timings.totalUs)}, door;us=${Math.round(door)}`
  )
}
